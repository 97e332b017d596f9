"""Driving videos: every frame once, upright, with square pixels."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clipmaking import write_sound, write_video, write_video_without_frames
from vivant.runtime.errors import VideoError
from vivant.runtime.media import VideoReader


@pytest.fixture
def frames() -> list[np.ndarray]:
    """Ten different smooth frames, 64×48."""
    y, x = np.mgrid[0:48, 0:64]
    return [np.stack([x * 3 + i, y * 4, np.full_like(x, 20 * i)], axis=-1).astype(np.uint8) for i in range(10)]


def test_frames_come_in_order_and_unchanged(frames: list[np.ndarray], tmp_path: Path) -> None:
    with VideoReader(write_video(tmp_path / "clip.mkv", frames, fps=30)) as reader:
        decoded = list(reader)
        assert (reader.fps, reader.size, reader.skipped) == (30, (64, 48), 0)
    assert np.array_equal(decoded, frames)


def test_the_header_promises_the_frames(frames: list[np.ndarray], tmp_path: Path) -> None:
    with VideoReader(write_video(tmp_path / "clip.mp4", frames)) as reader:
        assert reader.expected_frames == 10


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_turned_videos_come_upright(frames: list[np.ndarray], tmp_path: Path, degrees: int) -> None:
    stored = [np.rot90(frame, -degrees // 90) for frame in frames]  # turned back counter-clockwise it is upright
    with VideoReader(write_video(tmp_path / "clip.mp4", stored, rotation=degrees)) as reader:
        decoded = list(reader)
        assert reader.size == (64, 48)
    assert np.array_equal(decoded, frames)


def test_pixels_that_are_not_square_are_stretched(frames: list[np.ndarray], tmp_path: Path) -> None:
    with VideoReader(write_video(tmp_path / "clip.mkv", frames, aspect=Fraction(2, 1))) as reader:
        assert next(iter(reader)).shape == (48, 128, 3)
        assert reader.size == (128, 48)


def test_large_frames_are_reduced_but_their_size_is_known(frames: list[np.ndarray], tmp_path: Path) -> None:
    with VideoReader(write_video(tmp_path / "clip.mkv", frames), max_side=32) as reader:
        assert next(iter(reader)).shape == (24, 32, 3)
        assert reader.size == (64, 48)


def test_a_video_cut_short_gives_the_frames_it_has(frames: list[np.ndarray], tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", frames * 20)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with VideoReader(path) as reader:
        decoded = list(reader)
    assert 50 < len(decoded) < 200
    assert np.array_equal(decoded[:10], frames)


def refusal(path: Path) -> str:
    with pytest.raises(VideoError) as caught, VideoReader(path) as reader:
        list(reader)
    return str(caught.value)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "missing.mp4")
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "empty.mp4").touch()
    assert "is empty" in refusal(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("this is not a video")
    assert "not a video" in refusal(tmp_path / "text.mp4")
    assert "no pictures" in refusal(write_sound(tmp_path / "sound.m4a"))


@pytest.mark.parametrize("ending", ["mkv", "avi", "mp4"])
def test_a_video_without_frames_is_refused(tmp_path: Path, ending: str) -> None:
    message = refusal(write_video_without_frames(tmp_path / f"clip.{ending}"))
    assert "no frames" in message or "not a video" in message or "no pictures" in message
