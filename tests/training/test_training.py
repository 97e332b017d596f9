"""From files to a trained step: preparing, drawing pairs, learning, resuming."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from clipmaking import write_video
from made_shards import write_cache
from PIL import Image
from vivant.models import landmarks as lm
from vivant.models.geometry import sample
from vivant.models.patch import EYE, MOUTH, PatchConfig, PatchPainter
from vivant.models.student import Student, read_student, save_student
from vivant.preparation.sources import Source
from vivant.runtime.session import Bundle
from vivant.training.assemble import assemble, write_student
from vivant.training.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from vivant.training.clips import FrameCache, PairSampler
from vivant.training.frame_data import FrameData
from vivant.training.patch_data import PatchData, as_it_is, close_lips
from vivant.training.train_patches import PatchTrainer, PatchTraining
from vivant.training.train_refiner import RefinerTrainer, RefinerTraining


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle, astronaut: Path) -> FrameCache:
    """Two "films" (a photo that drifts, one of them held out) and a photo, prepared."""
    folder = tmp_path_factory.mktemp("prepared")
    picture = np.asarray(Image.open(astronaut).convert("RGB").crop((60, 0, 400, 340)))
    frames = [np.roll(picture, shift, 1) for shift in range(0, 12, 2)]
    for name in ("a.mp4", "b.mp4"):
        write_video(folder / name, frames, fps=8)
    shutil.copy(astronaut, folder / "photo.jpg")
    sources = [
        Source("a.mp4", "p0", "train", "video"),
        Source("b.mp4", "p1", "heldout", "video"),
        Source("photo.jpg", "photo", "train", "photo"),
    ]
    write_cache(bundle, folder, sources, folder / "cache")
    prepared = FrameCache(folder / "cache")
    assert len(prepared.index) == 13
    return prepared


def test_prepared_patches_show_mouth_and_eyes(cache: FrameCache) -> None:
    """The prepared left eye is the picture's, so mirrored it looks like the right one; the mouth is red."""
    photo = next(row for row, entry in enumerate(cache.index) if entry["kind"] == "photo")
    assert cache.frames.shape[1:] == (304, 304, 3)
    middle = cache.mouth[photo, 50:80, 44:84].reshape(-1, 3).mean(0)
    assert middle[0] > middle[1] + 20
    right, left = cache.eyes[photo].astype(float)
    mirrored, straight = (np.corrcoef(right.ravel(), other.ravel())[0, 1] for other in (left[:, ::-1], left))
    assert mirrored > straight


def test_held_out_people_are_never_drawn(cache: FrameCache) -> None:
    sampler = PairSampler(cache, cache.scenes("train", "video"), np.random.default_rng(0))
    people = {cache.index[row]["person"] for _ in range(40) for row in sampler.pair()}
    assert people == {"p0"}
    assert all(cache.index[row]["split"] == "train" for row in PatchData(cache, MOUTH, "train", 0, 0.5).photos)


def test_pairs_share_a_scene(cache: FrameCache) -> None:
    sampler = PairSampler(cache, cache.scenes("heldout", "video"), np.random.default_rng(0))
    assert all(cache.index[a]["clip"] == cache.index[b]["clip"] for a, b in (sampler.pair() for _ in range(20)))


def test_closed_lips_meet(cache: FrameCache) -> None:
    points = torch.from_numpy(cache.landmarks[:1, :, :2])
    closed = close_lips(points)[0]
    gaps = [closed[lm.LIPS_INNER[k], 1] - closed[lm.LIPS_INNER[20 - k], 1] for k in range(1, 10)]
    before = points[0, lm.LIPS_INNER[5], 1] - points[0, lm.LIPS_INNER[15], 1]
    assert max(abs(float(gap)) for gap in gaps) < 0.05 * abs(float(before)) + 1e-3
    assert float(closed[152, 1]) <= float(points[0, 152, 1])


def test_frame_batches_line_up(cache: FrameCache) -> None:
    """Landmarks and pixels of a batch belong together: undoing the drift by the landmarks matches the pictures."""
    batch = FrameData(cache, "train", 0).batch(4, augment=False)
    shift = (batch.target_anchors - batch.source_anchors)[..., 0].median(1).values * 64
    for source, target, moved in zip(batch.source, batch.target, shift, strict=True):
        rolled = torch.roll(source, round(float(moved)), -1)[:, 30:-30, 30:-30]
        assert (rolled - target[:, 30:-30, 30:-30]).abs().mean() < 0.05


@pytest.mark.parametrize("kind", ["mouth", "eye"])
def test_patch_training_learns_and_resumes(cache: FrameCache, tmp_path: Path, kind: str) -> None:
    config = PatchTraining(kind=kind, steps=4, batch=2, adversarial_from=0.5, evaluate_every=2, evaluation_batches=1)
    trainer = PatchTrainer(replace(config, steps=2), cache, tmp_path)
    trainer.run()
    resumed = PatchTrainer(config, cache, tmp_path)
    assert resumed.step == 2
    for name, value in trainer.painter.state_dict().items():
        assert torch.equal(resumed.painter.state_dict()[name], value)
    resumed.run()
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log if "painted" in line] == [2, 4]
    assert (tmp_path / "sheet_000004.png").exists()


@pytest.mark.parametrize("kind", [MOUTH, EYE], ids=["mouth", "eye"])
def test_landmarks_go_where_an_augmented_patch_goes(cache: FrameCache, kind: PatchConfig) -> None:
    data = PatchData(cache, kind, "train", 0, 0.0)
    row, points = data.video.pair()[:1], 0.6 * (torch.rand(1, 40, 2, generator=torch.manual_seed(1)) - 0.5)
    placement = data._placement(1)
    assert (placement.moved(points) - points).abs().amax() > 0.005
    before, after = (data._pictures(np.array(row), False, place) for place in (as_it_is(1), placement))
    colours = [sample(picture, at[:, None]) for picture, at in ((before, points), (after, placement.moved(points)))]
    assert (colours[0] - colours[1]).abs().mean() < 0.01
    assert (colours[0] - sample(after, points[:, None])).abs().mean() > 0.01


def test_both_pictures_of_a_pair_get_the_same_light(cache: FrameCache) -> None:
    data = PatchData(cache, MOUTH, "train", 0, 0.0)
    pictures = torch.rand(64, 3, 4, 4, generator=torch.manual_seed(1))
    source, target = data._recolour(pictures, pictures)
    assert torch.equal(source, target) and (source - pictures).abs().mean() > 0.05
    grey = (source.amax(1) - source.amin(1)).amax((1, 2)) < 1e-6
    assert 1 <= grey.sum() <= 16


def test_other_frames_come_from_the_same_film_far_from_the_target(cache: FrameCache) -> None:
    """The same pairs with others and without, the animated one first."""
    several, single = (PatchData(cache, MOUTH, "train", 0, 0.5, share) for share in (1.0, 0.0))
    many, one = several.batch(6), single.batch(6)
    count = len(many.patches.pictures) // 6
    assert 2 <= count <= 4 and len(one.patches.pictures) == 6
    assert torch.equal(many.patches.pictures[::count], one.patches.pictures)
    assert torch.equal(many.target, one.target) and many.patches.unlike[::count].max() < 1e-6
    sampler = several.video
    (scene,) = {id(scene): scene for scene in sampler.stretch.values()}.values()
    rows = list(scene.rows)
    drawn = {sampler.other(rows[0], np.random.default_rng(seed), apart=3) for seed in range(20)}
    assert drawn and all(row in rows and abs(row - rows[0]) >= 3 for row in drawn)


def test_mouths_close_as_often_as_they_open(cache: FrameCache) -> None:
    """Half of the targets are those, of six drawn, whose mouth differs most from the source's: in either direction."""
    sampler = PatchData(cache, MOUTH, "train", 0, 0.0).video
    rows = sorted(sampler.stretch)
    sampler.opening = np.zeros(max(rows) + 1)
    sampler.opening[rows] = np.linspace(0, 1, len(rows))
    pairs = np.array([sampler.pair("mouth") for _ in range(400)])
    change = sampler.opening[pairs[:, 1]] - sampler.opening[pairs[:, 0]]
    assert 0.4 < np.mean(change[change != 0] > 0) < 0.6
    assert np.abs(change).mean() > 0.42  # of any two frames it would be a third


def test_one_part_of_a_student_learns_on(cache: FrameCache, tmp_path: Path) -> None:
    """A painter begins as a student's; put back, it replaces that part alone."""
    before = Student().eval()
    save_student(before, tmp_path / "before.safetensors", '{"eye": "as it was"}')
    config = PatchTraining(
        steps=1, batch=2, evaluate_every=1, evaluation_batches=1, initial=str(tmp_path / "before.safetensors")
    )
    trainer = PatchTrainer(config, cache, tmp_path / "runs" / "mouth")
    first = before.mouth.head.weight.half().float()
    for module in (trainer.painter, trainer.average.module):
        assert torch.equal(module.state_dict()["head.weight"], first)
    trainer.run()
    with pytest.raises(CheckpointError):
        write_student([tmp_path / "runs"], tmp_path / "after.safetensors")  # two runs are missing
    write_student([tmp_path / "runs"], tmp_path / "after.safetensors", tmp_path / "before.safetensors")
    after, record = read_student(tmp_path / "after.safetensors")
    assert json.loads(record)["eye"] == "as it was" and json.loads(record)["mouth"]["step"] == 1
    for name, value in after.state_dict().items():
        learnt = trainer.average.module.state_dict() if name.startswith("mouth.") else before.state_dict()
        same = learnt[name.removeprefix("mouth.")]
        assert torch.equal(value, same.half().float() if same.dtype.is_floating_point else same)
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        (tmp_path / "broken.safetensors").write_bytes(b"no")
        PatchTrainer(replace(config, initial=str(tmp_path / "broken.safetensors")), cache, tmp_path / "other")


def test_several_runs_become_their_mean_with_smaller_corrections(tmp_path: Path) -> None:
    """What is drawn stays; what is moved shrinks by the share that is kept, as long as it is small."""
    torch.manual_seed(0)
    save_student(Student().eval(), tmp_path / "before.safetensors", "{}")
    painters = [PatchPainter(EYE).eval() for _ in range(2)]
    runs = [tmp_path / "one", tmp_path / "other"]
    for step, (run, painter) in enumerate(zip(runs, painters, strict=True)):
        (run / "eye").mkdir(parents=True)
        metadata = {"step": step, "config": {"kind": "eye", "initial": "folder/start.safetensors"}}
        save_checkpoint(run / "eye" / "last.safetensors", {"average": painter}, {}, metadata)
        (run / "eye" / "log.jsonl").write_text('{"step": 0, "geometry": 0.5}\n')
    student, told = assemble(runs, tmp_path / "before.safetensors", shift=0.5)
    record = json.loads(told)["eye"]
    assert [run["step"] for run in record["mean_of"]] == [0, 1] and record["shift"] == 0.5
    assert record["mean_of"][1]["config"]["initial"] == "start.safetensors"
    weights = [painter.enter.get_parameter("0.weight") for painter in painters]
    assert torch.allclose(student.eye.enter.get_parameter("0.weight"), (weights[0] + weights[1]) / 2)
    same, _ = assemble([runs[0]] * 2, tmp_path / "before.safetensors", shift=0.5)
    inputs = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64), torch.rand(1, 4, 64, 64), torch.ones(1, 1, 64, 64)
    before, after = (painter(*inputs, torch.zeros(1, 4)) for painter in (painters[0], same.eye))
    assert torch.allclose(before.add, after.add, atol=1e-6)
    assert torch.allclose(0.5 * before.shift, after.shift, atol=1e-6) and before.shift.abs().amax() > 1e-5


def test_a_narrow_painter_imitates_a_student(cache: FrameCache, tmp_path: Path) -> None:
    save_student(Student().eval(), tmp_path / "student.safetensors", "{}")
    config = PatchTraining(
        kind="eye", steps=2, batch=2, widths=(4, 6, 8), teacher=str(tmp_path / "student.safetensors"), teacher_until=0.5
    )
    trainer = PatchTrainer(replace(config, evaluation_batches=1), cache, tmp_path / "run")
    first, second = (trainer.train_step(trainer.draw()) for _ in range(2))
    assert trainer.painter.widths == (4, 6, 8)
    assert first["teacher"] > 0 and "teacher" not in second


def test_refiner_training_learns(cache: FrameCache, tmp_path: Path) -> None:
    config = RefinerTraining(steps=8, batch=2, learning_rate=2e-3, evaluation_batches=1)
    trainer = RefinerTrainer(config, cache, tmp_path)
    batch = trainer.data.batch(4)
    losses = [trainer.train_step(batch)["l1"] for _ in range(8)]
    assert losses[-1] < losses[0]
    assert set(trainer.evaluate()) >= {"still", "geometry", "refined"}


def test_checkpoint_of_another_configuration_is_refused(cache: FrameCache, tmp_path: Path) -> None:
    config = PatchTraining(kind="eye", steps=1, batch=2, evaluate_every=1, evaluation_batches=1)
    PatchTrainer(config, cache, tmp_path).run()
    with pytest.raises(CheckpointError, match="another configuration"):
        PatchTrainer(PatchTraining(kind="mouth"), cache, tmp_path)
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        load_checkpoint(tmp_path / "broken.safetensors", {})
