"""The teacher's networks: sizes of the paper, what each equation says, and where the full teacher starts from."""

from contextlib import nullcontext

import pytest
import torch
from made_faces import person, photograph, turn, with_mouth
from tiny_teacher import TINY_FULL, TINY_PAPER
from torch import Tensor, nn
from vivant.models import landmarks as lm
from vivant.models.adversarial_layers import AdaptiveNorm, SelfAttention
from vivant.models.compose import render_doubled
from vivant.models.embedder import Embedder
from vivant.models.judges import Judges
from vivant.models.landmark_picture import draw_landmarks, drawing
from vivant.models.teacher import Teacher
from vivant.models.teacher_config import CONFIGURATIONS, PAPER, TeacherConfig
from vivant.models.warp_branch import Photos, WarpBranch

SIZE = TINY_FULL.size


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def posed(opening: float = 0.0, yaw: float = 0.0) -> Tensor:
    """Normalised landmarks [478, 3] of somebody."""
    return photograph(with_mouth(person(0), opening), turn(yaw=yaw), size=0.5, x=0.0, y=0.0)


def photos_of(*points: Tensor) -> Photos:
    """One person, a photo with random pixels for each set of landmarks."""
    count = len(points)
    drawn = torch.stack([drawing(p, SIZE) for p in points])[None]
    return Photos(
        torch.rand(1, count, 3, SIZE, SIZE), drawn, torch.stack(points)[None], torch.ones(1, count, 1, 128, 128)
    )


def millions(module: nn.Module) -> float:
    return sum(p.numel() for p in module.parameters()) / 1e6


def test_the_papers_networks_have_the_papers_sizes() -> None:
    """15 M in the embedder, 38 M in the generator with its projection, 20 M in the discriminator without W."""
    with torch.device("meta"):
        teacher, judges = Teacher(PAPER), Judges(PAPER, videos=1)
    assert millions(teacher.embedder) == pytest.approx(15, rel=0.02)
    assert millions(teacher.generator) + millions(teacher.projection) == pytest.approx(38, rel=0.02)
    assert millions(judges) == pytest.approx(20, rel=0.02)


@pytest.mark.parametrize("config", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_every_named_configuration_can_be_built(config: TeacherConfig) -> None:
    with torch.device("meta"):
        teacher = Teacher(config)
    assert (teacher.warp is not None) == (config.generator.guides > 0)
    assert config.generator.memory == (config.warp.features if config.warp else 0)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="does not suit"):
        TeacherConfig(size=200)


def test_drawn_landmarks_have_their_colours_where_they_lie() -> None:
    points = posed(0.1)
    picture = draw_landmarks(points.numpy(), 256)
    row, column = ((points[lm.LIPS_OUTER[10], [1, 0]] + 1) * 128).int().tolist()
    assert picture[row - 2 : row + 3, column - 2 : column + 3].reshape(-1, 3).max(0)[0] > 150
    assert picture[0].max() == 0
    outside = draw_landmarks((points + 100.0).numpy(), 64)
    assert outside.shape == (64, 64, 3)


def test_the_embedding_is_the_mean_of_the_photos() -> None:
    """Equation (1)."""
    embedder = Embedder(TINY_PAPER.embedder).eval()
    pictures, drawn = torch.rand(2, 3, 3, SIZE, SIZE), torch.rand(2, 3, 3, SIZE, SIZE)
    single = [embedder(pictures[:, k : k + 1], drawn[:, k : k + 1]) for k in range(3)]
    torch.testing.assert_close(embedder(pictures, drawn), torch.stack(single).mean(0))
    assert (single[0] - single[1]).abs().max() > 1e-4


def test_adaptive_norm_sets_mean_and_deviation() -> None:
    gain, offset = torch.rand(2, 5), torch.randn(2, 5)
    out = AdaptiveNorm(5)(torch.randn(2, 5, 9, 9) * 3 + 2, torch.cat([gain, offset], 1))
    torch.testing.assert_close(out.mean((2, 3)), offset, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(out.std((2, 3), correction=0), 1 + gain, atol=1e-3, rtol=1e-3)


def test_self_attention_starts_as_the_identity_and_reaches_everywhere() -> None:
    attention = SelfAttention(8, spectral=True).eval()
    x = torch.randn(1, 8, 4, 4, requires_grad=True)
    assert torch.equal(attention(x), x)
    attention.gamma.data.fill_(1.0)
    attention(x)[0, :, 0, 0].sum().backward()
    assert x.grad is not None and bool((x.grad.abs().sum(1) > 0).all())


def test_the_papers_teacher_answers_to_photo_and_landmarks() -> None:
    teacher = Teacher(TINY_PAPER).eval()
    first, second = posed(), posed(0.2, yaw=20)
    photos = photos_of(first)
    made = teacher(photos, drawing(first, SIZE)[None], first[None]).picture.detach()
    assert made.shape == (1, 3, SIZE, SIZE) and float(made.min()) >= 0 and float(made.max()) <= 1
    assert not torch.allclose(made, teacher(photos, drawing(second, SIZE)[None], second[None]).picture)
    other = teacher(photos_of(first), drawing(first, SIZE)[None], first[None])
    assert not torch.allclose(made, other.picture)


def test_the_score_is_linear_in_the_persons_vector() -> None:
    """Equation (5): D = Vᵀ (W_i + w_0) + b."""
    judges = Judges(TINY_PAPER, videos=3).eval()
    picture, drawn, points = torch.rand(1, 3, SIZE, SIZE), torch.rand(1, 3, SIZE, SIZE), posed()[None]
    scores = [judges(picture, drawn, points, k * torch.ones(1, 24))[0].scores for k in range(3)]
    torch.testing.assert_close(scores[2] - scores[1], scores[1] - scores[0])
    assert float((scores[1] - scores[0]).detach().abs()) > 1e-6
    by_number = judges(picture, drawn, points, torch.tensor([2]))[0].scores
    torch.testing.assert_close(by_number, judges(picture, drawn, points, judges.head.people.weight[2:])[0].scores)


def test_patch_discriminators_see_mouth_and_eyes_alone() -> None:
    judges = Judges(TINY_FULL, videos=1).eval()
    points = posed()
    picture = torch.rand(1, 3, SIZE, SIZE, requires_grad=True)
    verdicts = judges(picture, torch.rand(1, 3, SIZE, SIZE), points[None], torch.tensor([0]))
    assert len(verdicts) == 3
    for verdict, inside, outside in ((verdicts[1], 14, 10), (verdicts[2], 468, 152)):
        (seen,) = torch.autograd.grad(verdict.scores.sum(), picture, retain_graph=True)
        x, y = ((points[[inside, outside], :2] + 1) * SIZE / 2).long().T.tolist()
        strength = seen.abs().sum((0, 1))
        assert strength[y[0], x[0]] > 0 and strength[y[1], x[1]] == 0


def test_eyes_keep_their_sample() -> None:
    """Right and left eyes are judged as one batch; each sample's scores must still be its own."""
    judges = Judges(TINY_FULL, videos=1).eval()
    pictures, drawn = torch.rand(2, 3, SIZE, SIZE), torch.rand(2, 3, SIZE, SIZE)
    points = torch.stack([posed(), posed(0.1, yaw=10)])
    both = judges(pictures, drawn, points, torch.tensor([0, 0]))[2]
    alone = judges(pictures[1:], drawn[1:], points[1:], torch.tensor([0]))[2]
    torch.testing.assert_close(both.scores[1:], alone.scores)
    torch.testing.assert_close(both.features[0][1:], alone.features[0])


def test_the_full_teacher_starts_as_its_warp_branch() -> None:
    teacher = Teacher(TINY_FULL).eval()
    target = posed(0.1)
    rendered = teacher(photos_of(posed(), posed(0.2)), drawing(target, SIZE)[None], target[None])
    assert rendered.warped is not None
    torch.testing.assert_close(rendered.picture, rendered.warped.picture, atol=1e-5, rtol=1e-4)


def test_the_warp_branch_keeps_a_photo_whose_landmarks_rest() -> None:
    branch = WarpBranch(TINY_FULL.warp or pytest.fail()).eval()
    for painter in (branch.student.mouth, branch.student.eye):
        nn.init.zeros_(painter.head.weight)  # what has learnt nothing adds nothing
    points = posed()
    photos = photos_of(points)
    warped = branch(branch.encode(photos), drawing(points, SIZE)[None], points[None])
    torch.testing.assert_close(warped.picture, photos.pictures[:, 0], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(warped.share, torch.ones_like(warped.share))


def test_the_photo_with_the_targets_expression_is_preferred_at_the_mouth() -> None:
    branch = WarpBranch(TINY_FULL.warp or pytest.fail()).eval()
    closed, wide = posed(0.0), posed(0.25)
    x, y = ((wide[14, :2] + 1) * 32).long().tolist()
    for target, best in ((posed(0.22), 1), (posed(0.02), 0)):
        photos = branch.encode(photos_of(closed, wide))
        share = branch(photos, drawing(target, SIZE)[None], target[None]).share
        assert share[0, best, y, x] > 0.8
        torch.testing.assert_close(share.sum(1), torch.ones_like(share[:, 0]))


def test_the_student_can_be_kept_from_learning() -> None:
    config = TINY_FULL.warp or pytest.fail()
    frozen = WarpBranch(config).train()
    assert not any(p.requires_grad for p in frozen.student.parameters())
    assert not any(m.training for m in frozen.student.modules())
    target = posed(0.1)
    photos = frozen.encode(photos_of(posed()))
    frozen(photos, drawing(target, SIZE)[None], target[None]).memory.sum().backward()
    assert all(p.grad is None for p in frozen.student.parameters())
    assert all(p.grad is not None for p in frozen.encoder.parameters())


def test_no_part_of_the_student_stays_on_another_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a GPU is missing, tensors without content do: they refuse to meet those of the CPU."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which knows real devices alone
    student = WarpBranch(TINY_FULL.warp or pytest.fail()).student.to("meta")
    pictures, _, points, mattes = (part[0].to("meta") for part in photos_of(posed(), posed(0.2)))
    encoded = student.encode_squares(pictures, mattes, points)
    picture = render_doubled(encoded.texture, student.move(encoded, points).maps())
    assert picture.device.type == "meta" and picture.shape == (2, 3, SIZE, SIZE)
