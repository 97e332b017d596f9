"""What is kept of a film, and why the rest is not: with the real tracker, on films made of two sample people."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from clipmaking import write_sound, write_video, write_video_without_frames
from PIL import Image, ImageFilter
from vivant.preparation.config import PreparationConfig
from vivant.preparation.cuts import CutDetector
from vivant.preparation.one_file import Outcome, part_name, prepare_file
from vivant.preparation.shards import read_scene
from vivant.preparation.sources import Source
from vivant.runtime.session import Bundle

from .conftest import Frame, drifting, portrait

CONFIG = PreparationConfig()
Change = Callable[[Frame], Frame]


def _prepare(bundle: Bundle, folder: Path, path: Path) -> Outcome:
    kind = "photo" if path.suffix in (".jpg", ".png") else "video"
    outcome = prepare_file(bundle, folder, Source(path.name, "p", "train", kind), CONFIG, folder)
    assert outcome.looked == outcome.kept + sum(outcome.rejects.values())
    assert (folder / part_name(outcome.source)).exists() == (outcome.status == "kept")
    assert not list(folder.glob("*.partial"))
    return outcome


def _film(bundle: Bundle, folder: Path, frames: Sequence[Frame], name: str = "film.mkv") -> Outcome:
    return _prepare(bundle, folder, write_video(folder / name, frames, fps=8))


def _beside(large: Frame, other: Frame, share: float) -> Frame:
    """`large` with the other person beside it, her picture reduced to that share (her face is 1.6 times as large)."""
    side = round(len(other) * share)
    canvas = np.full((len(large), side, 3), 120, np.uint8)
    canvas[:side] = np.asarray(Image.fromarray(other).resize((side, side)))
    width = (large.shape[1] + side) // 2 * 2
    return np.concatenate([large, canvas], 1)[:, :width]


def test_a_film_is_one_scene_with_a_still_background(bundle: Bundle, tmp_path: Path, anna: Frame) -> None:
    outcome = _film(bundle, tmp_path, drifting(anna))
    assert (outcome.status, outcome.kept, outcome.rejects) == ("kept", 6, {})
    (entry,) = outcome.scenes
    assert (entry.frames, entry.seconds, entry.offset) == (6, 0.625, 0)
    scene = read_scene(tmp_path / part_name(outcome.source), entry.offset)
    assert scene.meta["times"] == [0.0, 0.125, 0.25, 0.375, 0.5, 0.625]
    assert scene.landmarks.shape == (6, 478, 3)
    moved = scene.landmarks[-1, :, 0] - scene.landmarks[0, :, 0]
    assert np.median(moved) == pytest.approx(10, abs=1.0)
    inside = scene.region[2] / 2
    assert np.abs(scene.landmarks[:, :, :2] - scene.region[:2]).max() < inside
    assert {name: sum(bins.values()) for name, bins in outcome.bins.items()} == {"yaw": 6, "pitch": 6, "opening": 6}


def test_a_second_face_counts_by_its_size(bundle: Bundle, tmp_path: Path, anna: Frame, grace: Frame) -> None:
    """Somebody clearly smaller does not matter; somebody as large makes the frame ambiguous."""
    far = _film(bundle, tmp_path, [_beside(anna, grace, 0.3)] * 4)
    assert (far.status, far.kept) == ("kept", 4)
    landmarks = read_scene(tmp_path / part_name(far.source), 0).landmarks
    assert landmarks[..., 0].max() < len(anna)
    near = _film(bundle, tmp_path, [_beside(anna, grace, 0.65)] * 4, "near.mkv")
    assert (near.status, near.reason, near.rejects) == ("rejected", "several faces", {"several faces": 4})


def test_the_largest_face_is_followed_also_when_it_comes_later(
    bundle: Bundle, tmp_path: Path, anna: Frame, grace: Frame
) -> None:
    """A small face alone, then a large one beside it, without a cut: scenes do not mix the two."""
    small = _beside(np.full_like(anna, 120), grace, 0.3)
    both = _beside(anna, grace, 0.3)
    frames = [(small * (1 - t) + both * t).astype(np.uint8) for t in (0.0, 0.0, 0.0, 0.3, 0.7, 1.0, 1.0, 1.0, 1.0)]
    outcome = _film(bundle, tmp_path, frames)
    part = tmp_path / part_name(outcome.source)
    scenes = [read_scene(part, entry.offset) for entry in outcome.scenes]
    sides = [{bool(x > len(anna)) for x in scene.landmarks[:, 4, 0]} for scene in scenes]
    assert all(len(side) == 1 for side in sides)
    assert {False} in sides


def test_a_cut_between_two_people_begins_a_scene(bundle: Bundle, tmp_path: Path, anna: Frame, grace: Frame) -> None:
    outcome = _film(bundle, tmp_path, drifting(anna, 4) + drifting(grace, 5))
    assert [scene.frames for scene in outcome.scenes] == [4, 5]
    assert [scene.key for scene in outcome.scenes] == ["film.mkv/000", "film.mkv/001"]


def test_cuts_are_told_frame_by_frame(anna: Frame, grace: Frame) -> None:
    is_cut = CutDetector()
    told = [is_cut(frame) for frame in drifting(anna, 3) + drifting(grace, 3) + [grace[:200]]]
    assert told == [False, False, False, True, False, False, True]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda picture: np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(5))), "blurred"),
        (lambda picture: np.pad(picture[::4, ::4], ((90, 90), (90, 90), (0, 0)), constant_values=120), "small"),
        (lambda picture: picture[:, 150:], "cut off"),
        (lambda picture: np.full_like(picture, 90), "no face"),
    ],
)
def test_frames_that_are_of_no_use(bundle: Bundle, tmp_path: Path, anna: Frame, change: Change, reason: str) -> None:
    outcome = _film(bundle, tmp_path, [change(anna)] * 3)
    assert outcome.status == "rejected"
    assert outcome.rejects == {reason: 3}
    assert outcome.detail == f"film.mkv: 3 × {reason}"


def test_a_hand_before_the_face_is_noticed(bundle: Bundle, tmp_path: Path, anna: Frame) -> None:
    """Three of ten frames have something dark over one cheek and the chin; the others are kept."""
    frames = drifting(anna, 10, 0)
    for number in (3, 4, 5):
        frames[number] = frames[number].copy()
        frames[number][120:200, 90:165] = (30, 40, 60)
    outcome = _film(bundle, tmp_path, frames)
    assert outcome.rejects == {"hidden": 3}
    assert outcome.kept == 7


def test_scenes_are_divided_where_they_grow_long(bundle: Bundle, tmp_path: Path, anna: Frame) -> None:
    path = write_video(tmp_path / "long.mkv", drifting(anna, 8), fps=8)
    source = Source(path.name, "p", "train", "video")
    outcome = prepare_file(bundle, tmp_path, source, PreparationConfig(scene_frames=3), tmp_path)
    assert [scene.frames for scene in outcome.scenes] == [3, 3]
    assert outcome.rejects == {"short": 2}


def test_fewer_frames_a_second_are_kept_but_the_face_is_followed(bundle: Bundle, tmp_path: Path, anna: Frame) -> None:
    path = write_video(tmp_path / "film.mkv", drifting(anna, 24, 1), fps=16)
    source = Source(path.name, "p", "train", "video")
    outcome = prepare_file(bundle, tmp_path, source, PreparationConfig(fps=2.0), tmp_path)
    assert (outcome.decoded, outcome.looked, outcome.kept) == (24, 3, 3)
    assert read_scene(tmp_path / part_name(source), 0).meta["times"] == [0.0, 0.5, 1.0]


def test_bad_files_are_rejected_with_a_reason(bundle: Bundle, tmp_path: Path, anna: Frame) -> None:
    whole = write_video(tmp_path / "whole.mp4", drifting(anna, 4), fps=8).read_bytes()
    for name, content in (("empty.mp4", b""), ("text.mp4", b"no film"), ("truncated.mp4", whole[: len(whole) // 2])):
        (tmp_path / name).write_bytes(content)
    write_sound(tmp_path / "sound.mp4")
    write_video_without_frames(tmp_path / "header.mkv")
    (tmp_path / "text.jpg").write_text("no picture")
    for name in ("empty.mp4", "text.mp4", "truncated.mp4", "sound.mp4", "header.mkv", "text.jpg", "missing.mp4"):
        outcome = _prepare(bundle, tmp_path, tmp_path / name)
        assert (outcome.status, outcome.reason) == ("rejected", "unreadable"), name
        assert name in outcome.detail
    Image.fromarray(np.full((200, 200, 3), 120, np.uint8)).save(tmp_path / "wall.jpg")
    assert _prepare(bundle, tmp_path, tmp_path / "wall.jpg").reason == "no face"
    one = _prepare(bundle, tmp_path, write_video(tmp_path / "one.mp4", [anna], fps=8))
    assert (one.reason, one.rejects) == ("short", {"short": 1})


def test_what_a_truncated_film_still_shows_is_kept(bundle: Bundle, tmp_path: Path) -> None:
    path = write_video(tmp_path / "film.mkv", drifting(portrait("astronaut", 256), 16, 3), fps=8)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 19 // 20])
    outcome = _prepare(bundle, tmp_path, path)
    assert outcome.status == "kept", outcome
    assert 3 <= outcome.kept < 16


def test_a_photo_is_a_scene_of_one_frame(bundle: Bundle, tmp_path: Path, anna: Frame) -> None:
    Image.fromarray(anna).save(tmp_path / "anna.png")
    outcome = _prepare(bundle, tmp_path, tmp_path / "anna.png")
    assert (outcome.status, outcome.kept, outcome.scenes[0].seconds) == ("kept", 1, 0.0)
