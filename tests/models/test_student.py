"""The student's building blocks: frames, composition, placing, and what must hold whatever the weights are."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from vivant.models import landmarks as lm
from vivant.models.canonical_face import canonical_face
from vivant.models.compose import Maps, background_plate, blend, border_window, double_texture, render, render_doubled
from vivant.models.encoded import Encoded, Referred
from vivant.models.geometry import normalise_points
from vivant.models.lending import MOUTH_KIND, Patches, merged, shapes_of
from vivant.models.patch import (
    EYE,
    MOUTH,
    eye_flow,
    eye_frame,
    head_slopes,
    keep_grey,
    mouth_flow,
    mouth_frame,
    mouth_masks,
)
from vivant.models.refiner import FlowRefiner, Motion, RefinerConfig
from vivant.models.student import (
    FIRST_PAINTERS,
    FIRST_WIDTHS,
    Student,
    load_student,
    sample_photo,
    save_student,
)
from vivant.models.tiles import place

FACE = canonical_face().points * 64.0 + torch.tensor([150.0, 140.0, 0.0])
REGION = torch.tensor([150.0, 140.0, 256.0, 0.0])


@pytest.fixture(scope="module")
def student() -> Student:
    """Untrained, but with heads that do something."""
    torch.manual_seed(0)
    student = Student().eval()
    for head in (student.refiner.head, student.mouth.head, student.eye.head):
        torch.nn.init.normal_(head.weight, std=0.05)
    return student


@pytest.fixture(scope="module")
def encoded(student: Student) -> Encoded:
    torch.manual_seed(1)
    photo = torch.nn.functional.interpolate(torch.rand(1, 3, 30, 32), (300, 320), mode="bicubic").clamp(0, 1)
    with torch.no_grad():
        return student.encode(photo, FACE, REGION, torch.rand(1, 1, 256, 256).round(), 256)


def test_patch_frames_keep_points() -> None:
    points = FACE[None, :, :2]
    for frame in (mouth_frame(points), eye_frame(points, False), eye_frame(points, True)):
        torch.testing.assert_close(frame.from_patch(frame.to_patch(points)), points, atol=1e-3, rtol=0)
    assert mouth_frame(points).to_patch(points)[0, lm.LIPS_OUTER].abs().max() < 1
    assert eye_frame(points, True).to_patch(points)[0, lm.LEFT_EYE].abs().max() < 1


def test_left_eye_is_seen_as_a_right_one() -> None:
    points = FACE[None, :, :2].clone()
    points[..., 0] = 300 - points[:, lm.MIRROR, 0]
    points[..., 1] = points[:, lm.MIRROR, 1]
    right = eye_frame(FACE[None, :, :2], False).to_patch(FACE[None, :, :2])[0, lm.RIGHT_EYE]
    left = eye_frame(points, True).to_patch(points)[0, lm.LEFT_EYE]
    torch.testing.assert_close(right, left, atol=1e-4, rtol=0)


def test_unmoved_patches_have_no_flow() -> None:
    points = mouth_frame(FACE[None, :, :2]).to_patch(FACE[None, :, :2])
    assert mouth_flow(points, points).abs().max() == 0
    assert eye_flow(points, points).abs().max() == 0


def test_blink_lets_no_eyeball_through() -> None:
    """Lids that meet leave no opening: the flow is the lids' own, wherever the iris went."""
    points = eye_frame(FACE[None, :, :2], False).to_patch(FACE[None, :, :2])
    closed = points.clone()
    closed[:, lm.RIGHT_EYE, 1] = points[:, lm.RIGHT_EYE, 1].mean()
    moved = closed.clone()
    moved[:, lm.RIGHT_IRIS] += 0.3
    torch.testing.assert_close(eye_flow(points, closed), eye_flow(points, moved))


def test_sampling_keeps_pixels_and_averages_fine_photos() -> None:
    photo = torch.rand(1, 3, 40, 44)
    y, x = torch.meshgrid(torch.arange(8) + 10.5, torch.arange(8) + 20.5, indexing="ij")
    got = sample_photo(photo, torch.stack([x, y], -1)[None], torch.tensor(1.0))
    torch.testing.assert_close(got, photo[..., 10:18, 20:28], atol=1e-5, rtol=0)
    chequers = (torch.arange(64)[:, None] + torch.arange(64)[None]).remainder(2).float().expand(1, 3, -1, -1)
    centres = torch.arange(16) * 4.0 + 2.0
    where = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), -1)[None]
    assert (sample_photo(chequers, where, torch.tensor(4.0)) - 0.5).abs().max() < 0.1


def test_untrained_refiner_is_the_geometry() -> None:
    refiner = FlowRefiner(RefinerConfig()).eval()
    anchors = torch.rand(1, 176, 3) - 0.5
    features = refiner.encode(torch.rand(1, 3, 128, 128), torch.rand(1, 1, 128, 128))
    still = refiner(features, anchors, anchors)
    assert still.flow.abs().max() < 1e-5
    assert still.shade.abs().max() == 0


def test_still_person_keeps_every_pixel() -> None:
    """A matte that did not change uncovers nothing, even at its soft edge."""
    matte = torch.rand(1, 1, 64, 64)
    still = Motion(torch.zeros(1, 2, 64, 64), matte, torch.zeros(1, 3, 64, 64))
    maps = blend(still, matte, torch.rand(1, 3, 64, 64))
    texture = torch.rand(1, 3, 128, 128)
    torch.testing.assert_close(render(texture, maps), texture, atol=1e-5, rtol=0)


def test_doubled_texture_keeps_pixels_and_detail() -> None:
    texture = torch.rand(1, 3, 64, 64)
    still = Maps(torch.zeros(1, 2, 64, 64), torch.ones(1, 1, 64, 64), torch.zeros(1, 3, 64, 64))
    doubled = double_texture(texture)
    torch.testing.assert_close(render_doubled(doubled, still), texture, atol=1e-4, rtol=0)
    moved = still._replace(flow=still.flow + 1.0 / 64)  # half a pixel
    sharp, soft = render_doubled(doubled, moved), render(texture, moved)
    assert sharp[..., 8:-8, 8:-8].std() > 1.05 * soft[..., 8:-8, 8:-8].std()


def test_at_rest_all_that_is_seen_is_the_photo(student: Student) -> None:
    """Places are enlarged from 256 pixels, which moves the outermost pixels: nobody sees those."""
    torch.manual_seed(1)
    photo, size = torch.rand(1, 3, 300, 320), 512
    with torch.no_grad():
        encoded = student.encode(photo, FACE, REGION, torch.ones(1, 1, 256, 256), size)
    still = Maps(torch.zeros(1, 2, 256, 256), torch.ones(1, 1, 256, 256), torch.zeros(1, 3, 256, 256))
    difference = (render_doubled(encoded.texture, still) - encoded.texture[..., ::2, ::2]).abs().amax(1, keepdim=True)
    assert difference[encoded.alpha > 0].max() < 1e-3 < 0.01 < difference.max()


def test_plate_knows_the_background_and_nothing_of_the_person() -> None:
    picture, matte = torch.full((1, 3, 128, 128), 0.2), torch.zeros(1, 1, 128, 128)
    picture[..., 40:90, 40:90], matte[..., 38:92, 38:92] = 0.9, 1.0
    torch.testing.assert_close(background_plate(picture, matte), torch.full((1, 3, 64, 64), 0.2), atol=2e-3, rtol=0)


def test_motion_fades_at_the_border() -> None:
    window = border_window(64)
    assert window[..., 0, :].max() == 0
    assert window[..., 20:44, 20:44].min() == 1


def test_frame_meets_the_photo_at_the_border(student: Student, encoded: Encoded) -> None:
    target = FACE + torch.tensor([9.0, 5.0, 0.0])
    with torch.no_grad():
        rgba = student(encoded, target)
    assert rgba.shape == (1, 4, 256, 256)
    edge = torch.zeros(256, 256, dtype=torch.bool)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    assert (rgba[:, :3] - encoded.texture[..., ::2, ::2])[..., edge].abs().max() < 1e-4
    assert (rgba[:, :3] - encoded.texture[..., ::2, ::2]).abs().max() > 0.1
    assert rgba[:, 3].min() < 0.1 and rgba[:, 3, 128, 128] == 1


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("feature", [0, 1, 2])
def test_tiles_land_on_their_features(student: Student, encoded: Encoded, feature: int, whole: bool) -> None:
    """What is painted at a patch's centre appears at that place of the square."""
    coarse = Maps(torch.zeros(1, 2, 64, 64), torch.ones(1, 1, 64, 64), torch.zeros(1, 3, 64, 64))
    own = normalise_points(FACE.unsqueeze(0), encoded.square.unsqueeze(0))
    slopes = head_slopes(own)
    tiles = [student._mouth_tile(encoded, own, slopes), student._eye_tiles(encoded, own, slopes)]
    tiles = [tile._replace(maps=torch.zeros_like(tile.maps)) for tile in tiles]
    tile, member = (tiles[0], 0) if feature == 0 else (tiles[1], feature - 1)
    middle = tile.maps.shape[-1] // 2
    tile.maps[member, 2:5, middle - 2 : middle + 2, middle - 2 : middle + 2] = 1
    added = place(coarse, tiles[0], tiles[1], whole).add[0, 0].detach().numpy()
    y, x = np.unravel_index(added.argmax(), added.shape)
    expected = (tile.frame.centre[member].numpy() + 1) * 128
    assert np.abs(np.array([x + 0.5, y + 0.5]) - expected).max() < 3


def test_squares_are_moved_together_as_one_by_one(student: Student) -> None:
    torch.manual_seed(1)
    pictures, mattes = torch.rand(2, 3, 128, 128), torch.rand(2, 1, 128, 128)
    own = canonical_face().points * 0.5 + torch.tensor([[[0.05, 0.1, 0.0]], [[-0.1, 0.0, 0.1]]])
    target = own + 0.02 * torch.randn(2, 478, 3)
    with torch.no_grad():
        together = student.move(student.encode_squares(pictures, mattes, own), target).maps()
        for i in range(2):
            part = slice(i, i + 1)
            alone = student.encode_squares(pictures[part], mattes[part], own[part])
            for many, one in zip(together, student.maps(alone, target[i]), strict=True):
                torch.testing.assert_close(many[part], one, atol=1e-4, rtol=1e-4)
                assert one.std() > 0


@pytest.mark.parametrize("shift", [0.0, 30.0, -45.0])
def test_looking_for_the_face_alone_misses_nothing(student: Student, encoded: Encoded, shift: float) -> None:
    """Mouth and eyes are placed in a part of the square only; where the head is, tilted, nearer or aside, makes none
    of them end there."""
    angle = torch.tensor(0.3 if shift else 0.0)
    turn = torch.tensor([[angle.cos(), -angle.sin(), 0.0], [angle.sin(), angle.cos(), 0.0], [0.0, 0.0, 1.0]])
    middle = FACE.mean(0)
    target = (FACE - middle) @ turn.T * (1.15 if shift > 0 else 0.9) + middle + torch.tensor([shift, -shift, 0.0])
    with torch.no_grad():
        part, whole = (torch.cat(student.maps(encoded, target, whole), 1) for whole in (False, True))
    torch.testing.assert_close(part, whole, atol=1e-5, rtol=0)


def test_an_opening_mouth_shows_no_stretched_lips() -> None:
    """Between lips that part the warp gives way; a mouth that was open before keeps its own inside."""
    shut = mouth_frame(FACE[None, :, :2]).to_patch(FACE[None, :, :2])
    middle = 0.5 * (shut[:, lm.LIPS_INNER[1:10], 1] + shut[:, lm.LIPS_INNER[:10:-1], 1])
    shut[:, lm.LIPS_INNER[1:10], 1] = shut[:, lm.LIPS_INNER[:10:-1], 1] = middle
    wide = shut.clone()
    wide[:, lm.LIPS_INNER[1:10], 1] -= 0.15
    wide[:, lm.LIPS_INNER[:10:-1], 1] += 0.15
    for before, after, missing in ((shut, wide, 1), (wide, wide, 0), (wide, shut, 0)):
        assert mouth_masks(before, after).missing.item() == missing
    picture = torch.full((1, 3, 96, 96), 0.8)
    patches = Patches(picture, shapes_of(MOUTH_KIND, shut), shut, torch.zeros(1, 2), torch.zeros(1))
    masks = mouth_masks(shut, wide)
    lent = merged(patches, mouth_flow(shut, wide), masks, torch.ones(1, 1))
    inside = masks.inside.expand_as(picture)
    assert lent.warped[inside == 1].max() < 0.3 and lent.cover[inside == 0].abs().max() == 0
    torch.testing.assert_close(lent.warped[inside == 0].min(), torch.tensor(0.8))


def test_a_photo_that_is_taken_twice_changes_nothing(student: Student, encoded: Encoded) -> None:
    """`refer` reads a photo as `encode` does, whatever its region; and as `encode_squares` does."""
    torch.manual_seed(1)
    photo = torch.nn.functional.interpolate(torch.rand(1, 3, 30, 32), (300, 320), mode="bicubic").clamp(0, 1)
    known = Referred(*(getattr(encoded, name) for name in Referred._fields))
    target = FACE + torch.randn(478, 3)
    with torch.no_grad():
        more = student.refer(photo, FACE, student.refer(photo, FACE, known))
        assert more.eyes.shape[0] == 6 and more.mouth.shape[0] == more.mouth_points.shape[0] == 3
        assert more.unlike.abs().max() < 1e-6
        torch.testing.assert_close(more.eyes, encoded.eyes.repeat_interleave(3, 0))
        painters = copy.deepcopy(student)
        for painter in (painters.mouth, painters.eye):
            painter.head.weight[12:] = 0.0  # the shift, of which the main photo's share alone is taken
        alone, thrice = painters(encoded, target), painters(encoded._replace(**more._asdict()), target)
    torch.testing.assert_close(alone, thrice, atol=1e-3, rtol=0)


def test_several_squares_of_a_person_are_what_refer_makes_of_them(student: Student) -> None:
    torch.manual_seed(2)
    pictures, mattes = torch.rand(4, 3, 128, 128), torch.rand(4, 1, 128, 128)
    points = canonical_face().points * 0.5 + 0.02 * torch.randn(4, 478, 3)
    target = points[:2] + 0.02 * torch.randn(2, 478, 3)
    with torch.no_grad():
        encoded = student.encode_squares(pictures, mattes, points, photos=2)
        together = student.move(encoded, target).maps()
        for person in range(2):
            part = slice(2 * person, 2 * person + 2)
            alone = student.encode_squares(pictures[part], mattes[part], points[part], photos=2)
            assert alone.unlike[0, 1] > 0 and alone.eyes.shape[0] == 4
            for many, one in zip(together, student.maps(alone, target[person]), strict=True):
                torch.testing.assert_close(many[person : person + 1], one, atol=1e-4, rtol=1e-4)


def test_paint_on_a_grey_photo_is_grey() -> None:
    paint, colourful = torch.rand(1, 3, 8, 8) - 0.5, torch.rand(1, 3, 8, 8)
    painted = keep_grey(paint, colourful.mean(1, keepdim=True).expand(-1, 3, -1, -1))
    assert (painted.amax(1) - painted.amin(1)).max() < 1e-6
    torch.testing.assert_close(painted.mean(1), paint.mean(1))
    torch.testing.assert_close(keep_grey(paint, colourful), paint)


def test_saved_student_comes_back_folded_and_computes_the_same(tmp_path) -> None:
    torch.manual_seed(0)
    student = Student()
    for part in student.modules():
        if isinstance(part, nn.BatchNorm2d):  # as if trained: folding must not be a matter of ones and zeros
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.3, 0.3)
            part.get_buffer("running_var").uniform_(0.5, 2.0)
    save_student(student.eval(), tmp_path / "student.safetensors", '{"steps": 3}')
    again, record = load_student(tmp_path / "student.safetensors")
    assert record == '{"steps": 3}'
    assert not any(isinstance(part, nn.BatchNorm2d) for part in again.modules())
    picture, matte = torch.rand(1, 3, 128, 128), torch.rand(1, 1, 128, 128)
    with torch.no_grad():
        before, after = student.refiner.encode(picture, matte), again.refiner.encode(picture, matte)
    torch.testing.assert_close(after, before, atol=0.01, rtol=0.01)
    for name, value in again.state_dict().items():
        if name.endswith("weight") and value.ndim == 4:
            assert torch.equal(value, value.half().float()), name


@pytest.mark.parametrize("stated", [True, False])
def test_a_file_knows_the_widths_of_its_networks(tmp_path: Path, stated: bool) -> None:
    """Files of the first version do not state them: those are wider than today's."""
    from safetensors.torch import load_file, save_file

    path, widths = tmp_path / "student.safetensors", (16, 24, 32, 40) if stated else FIRST_WIDTHS
    painters = {"mouth": (8, 12, 16), "eye": (4, 8, 12)} if stated else FIRST_PAINTERS
    mouth, eye = replace(MOUTH, widths=painters["mouth"]), replace(EYE, widths=painters["eye"])
    save_student(Student(RefinerConfig(widths=widths), mouth, eye).eval(), path, "{}")
    if not stated:
        save_file(load_file(path), path, {"format": "vivant-student-1", "record": "{}"})
    loaded = load_student(path)[0]
    assert loaded.refiner.config.widths == widths
    assert (loaded.mouth.widths, loaded.eye.widths) == (painters["mouth"], painters["eye"])


def test_foreign_file_is_no_student(tmp_path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="no vivant student"):
        load_student(tmp_path / "x.safetensors")
