"""Fine-tuning to one person, the files of teachers and people, and the table of T photos."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from clipmaking import write_video
from conftest import Command
from made_cache import write_made_cache
from PIL import Image
from tiny_teacher import RECIPE, TINY_FULL, TINY_PAPER, tiny_learner
from vivant.models.person import Person
from vivant.models.teacher_config import TeacherConfig
from vivant.models.warp_branch import Photos
from vivant.runtime.session import Bundle
from vivant.training.adapt import Adaptation, adaptation_of, fine_tune
from vivant.training.checkpoint import LAST, CheckpointError
from vivant.training.content_loss import Networks
from vivant.training.evaluate_clips import TrackedClip
from vivant.training.evaluate_few_shot import FewShotSettings, evaluate_few_shot, source_frames
from vivant.training.photo_sets import load_photos, moved_photo, other_points
from vivant.training.teacher_files import TrainedTeacher, load_teacher, release_teacher
from vivant.training.teacher_losses import pixel_l1

SETTINGS = Adaptation(epochs=12, batch=2, rate=2e-3)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A few steps of each tiny teacher: its folder by its name."""
    cache = tmp_path_factory.mktemp("cache")
    write_made_cache(cache)
    folders = {config.name: tmp_path_factory.mktemp(config.name) for config in (TINY_FULL, TINY_PAPER)}
    for config in (TINY_FULL, TINY_PAPER):
        tiny_learner(cache, folders[config.name], config, replace(RECIPE, steps=3)).run()
    return folders


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    """Three photos of the held-out made-up person."""
    from vivant.training.clips import FrameCache
    from vivant.training.episodes import Episodes, collate

    folder = tmp_path_factory.mktemp("person")
    write_made_cache(folder)
    return collate([Episodes(FrameCache(folder), "heldout", 3, TINY_FULL.size, augment=False)[0]]).photos


def first(photos: Photos, count: int) -> Photos:
    return Photos(*(part[:, :count] for part in photos))


def error_on(person: Person, photos: Photos) -> float:
    """L1 of the photos made again, from all of the person's photos."""
    made = torch.stack([person.frame(points) for points in photos.points[0]])
    return float(pixel_l1(made, photos.pictures[0], torch.ones_like(made[:, :1]), 1))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("config", [TINY_FULL, TINY_PAPER], ids=["full", "paper"])
def test_fine_tuning_learns_the_person(
    runs: dict[str, Path], photos: Photos, config: TeacherConfig, count: int
) -> None:
    trained = load_teacher(runs[config.name] / LAST)
    given = first(photos, count)
    before = {key: value.clone() for key, value in trained.teacher.state_dict().items()}
    raw = Person.of(trained.teacher, given)
    tuned = fine_tune(trained, given, SETTINGS, Networks())
    assert not torch.equal(tuned.coefficients, raw.coefficients)
    if config.warp is None:
        assert error_on(tuned, given) < 0.97 * error_on(raw, given)
    assert tuned.record["epochs"] == 12 and tuned.record["photos"] == count
    assert all(torch.equal(before[key], value) for key, value in trained.teacher.state_dict().items())
    again = fine_tune(trained, given, SETTINGS, Networks())
    torch.testing.assert_close(again.coefficients, tuned.coefficients)


def test_without_epochs_nothing_changes(runs: dict[str, Path], photos: Photos) -> None:
    trained = load_teacher(runs["tiny-full"] / LAST)
    untouched = fine_tune(trained, photos, replace(SETTINGS, epochs=0), Networks())
    points = photos.points[0, 1]
    assert torch.equal(untouched.frame(points), Person.of(trained.teacher, photos).frame(points))


def test_a_person_survives_the_file(runs: dict[str, Path], photos: Photos, tmp_path: Path) -> None:
    person = fine_tune(load_teacher(runs["tiny-full"] / LAST), photos, replace(SETTINGS, epochs=1), Networks())
    person.save(tmp_path / "person.safetensors")
    read = Person.load(tmp_path / "person.safetensors")
    assert read.record["photos"] == 3 and list(tmp_path.iterdir()) == [tmp_path / "person.safetensors"]
    points = photos.points[0, 2]
    torch.testing.assert_close(read.frame(points), person.frame(points), atol=0.02, rtol=0.0)


def test_files_that_are_no_person_or_teacher(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no person"):
        Person.load(runs["tiny-full"] / LAST)
    (tmp_path / "cut").write_bytes((runs["tiny-full"] / LAST).read_bytes()[:500])
    with pytest.raises(ValueError, match="not a readable person"):
        Person.load(tmp_path / "cut")
    with pytest.raises(CheckpointError, match="not a readable teacher"):
        load_teacher(tmp_path / "cut")


def test_a_released_teacher_is_the_same_but_small(runs: dict[str, Path], photos: Photos, tmp_path: Path) -> None:
    checkpoint, released = runs["tiny-full"] / LAST, tmp_path / "teacher.safetensors"
    release_teacher(checkpoint.parent, released)
    assert released.stat().st_size < 0.3 * checkpoint.stat().st_size
    record = load_teacher(released).record
    assert record["recipe"] == load_teacher(checkpoint).record["recipe"] and "evaluation" in record
    points = photos.points[0, 1]
    small, large = (Person.of(load_teacher(path).teacher, photos).frame(points) for path in (released, checkpoint))
    torch.testing.assert_close(small, large, atol=0.02, rtol=0.0)


def test_a_moved_photo_shows_another_expression(photos: Photos) -> None:
    generator = torch.Generator().manual_seed(3)
    moved = moved_photo(photos, 1, generator)
    assert moved.pictures.shape == (1, 1, 3, 32, 32)
    distance = (moved.points[0, 0] - photos.points[0, 1]).norm(dim=-1)
    assert 0.005 < float(distance.mean()) < 0.5
    several = [other_points(photos.points[0, 0], generator) for _ in range(5)]
    assert all(torch.isfinite(points).all() for points in several)
    assert float((several[0] - several[1]).abs().max()) > 1e-4


def test_the_paper_is_tuned_as_in_the_paper() -> None:
    assert adaptation_of("paper").epochs == 40
    assert adaptation_of("paper-cpu").weights != adaptation_of("full-cpu").weights
    assert adaptation_of("full", epochs=0).epochs == 0
    assert adaptation_of("full", photos=1).epochs == 0 < adaptation_of("full", photos=2).epochs
    assert adaptation_of("full", 3, photos=1).epochs == 3 and adaptation_of("paper", photos=1).epochs == 40


def test_photos_are_cut_around_the_head(bundle: Bundle, astronaut: Path) -> None:
    photos = load_photos(bundle, [astronaut, astronaut], 64)
    assert photos.pictures.shape == (1, 2, 3, 64, 64) and photos.mattes.shape == (1, 2, 1, 128, 128)
    assert torch.equal(photos.points[0, 0], photos.points[0, 1])
    nose = photos.points[0, 0, 4]
    assert float(nose.abs().max()) < 0.4
    assert photos.mattes[0, 0, 0, 64, 64] > 0.9 > 0.5 > photos.mattes[0, 0, 0, 2, 2]


def test_adapt_then_perform(vivant: Command, runs: dict[str, Path], astronaut: Path, tmp_path: Path) -> None:
    person, clip = tmp_path / "person.safetensors", tmp_path / "clip.mp4"
    teacher = runs["tiny-full"] / LAST
    ran = vivant("adapt", astronaut, "--teacher", teacher, "-o", person, "--epochs", 1)
    assert ran.code == 0, ran.err
    ran = vivant("perform", person, "--motion", "nod", "-o", clip)
    assert ran.code == 0, ran.err
    seen = vivant("inspect", clip)
    assert "AI" in seen.out and "person.safetensors" in seen.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody.png"], "No face was found in nobody.png"),
        (["missing.jpg"], "missing.jpg"),
        (["nobody.png"] * 33, "1 to 32 photos"),
    ],
)
def test_photos_that_cannot_be_used(
    vivant: Command, runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str],
    sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((200, 200, 3), 90, np.uint8)).save("nobody.png")
    ran = vivant("adapt", *arguments, "--teacher", runs["tiny-full"] / LAST, "-o", "person.safetensors")
    assert ran.code == 1 and sentence in ran.err and "Traceback" not in ran.err
    assert not Path("person.safetensors").exists()


def test_a_file_that_is_no_teacher(vivant: Command, astronaut: Path, tmp_path: Path) -> None:
    ran = vivant("adapt", astronaut, "--teacher", astronaut, "-o", tmp_path / "p.safetensors")
    assert ran.code == 1 and "not a readable teacher" in ran.err and "Traceback" not in ran.err


def test_training_says_what_is_wrong(vivant: Command, tmp_path: Path) -> None:
    ran = vivant("train", "teacher", "--cache", tmp_path, "-o", tmp_path / "run")
    assert ran.code == 1 and "holds no arrays to train from" in ran.err and "Traceback" not in ran.err


def test_photos_of_a_clip_keep_away_from_what_is_compared() -> None:
    frames = np.zeros((60, 8, 8, 3), np.uint8)
    nothing = np.zeros((60, 478, 3), np.float32)
    found = np.ones(60, bool)
    found[30:40] = False
    clip = TrackedClip("c", "p", 25.0, frames, nothing, np.zeros((60, 4), np.float32), found, (0, 8, 0, 8))
    targets = [10, 20, 50]
    for count in (1, 8, 32):
        chosen = source_frames(clip, count, targets)
        assert chosen[0] == 0 and len(chosen) == len(set(chosen)) <= count
        assert all(found[i] for i in chosen)
        assert all(abs(i - target) > 2 for i in chosen for target in targets)
    assert len(source_frames(clip, 8, targets)) == 8


def test_the_table_of_photos(runs: dict[str, Path], bundle: Bundle, astronaut: Path, tmp_path: Path) -> None:
    picture = np.asarray(Image.open(astronaut).convert("RGB").crop((60, 0, 400, 340)))
    write_video(tmp_path / "a.mp4", [np.roll(picture, shift, 1) for shift in range(12)], fps=8)
    teachers: list[TrainedTeacher] = [load_teacher(runs[name] / LAST) for name in ("tiny-full", "tiny-paper")]
    settings = FewShotSettings(shots=(1, 2), tuned_shots=(2,), targets=3, epochs=1, student_shots=(1, 3))
    text = evaluate_few_shot(teachers, [tmp_path / "a.mp4"], tmp_path / "out", {"student": bundle}, settings)
    report = json.loads((tmp_path / "out" / "few_shot.json").read_text())
    expected = ["geometry", "student, 1 photo", "student, 3 photos"]
    for name in ("tiny-full", "tiny-paper"):
        expected += [f"{name}, T = 1", f"{name}, T = 2", f"{name}, T = 2, tuned"]
    assert list(report["means"]) == expected
    assert all(f"| {name} |" in text for name in expected)
    assert report["means"]["tiny-full, T = 1"]["l1"] < report["means"]["tiny-paper, T = 1"]["l1"]
    assert (tmp_path / "out" / "sheet.png").is_file()


def test_the_released_teacher_keeps_a_photo_that_rests(
    bundle: Bundle, astronaut: Path, vivant: Command, tmp_path: Path
) -> None:
    ran = vivant("adapt", astronaut, "--epochs", 0, "-o", tmp_path / "person.safetensors")
    assert ran.code == 0, ran.err
    person = Person.load(tmp_path / "person.safetensors")
    photo, points = person.photos.pictures[0, 0], person.photos.points[0, 0]
    rest = person.frame(points)
    assert float((rest - photo).square().mean()) < 10**-2.8  # 28 dB
    moved = person.frame(other_points(points, torch.Generator().manual_seed(1)))
    assert float((moved - rest).abs().max()) > 0.1
