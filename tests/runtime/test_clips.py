"""Clips of every kind are decoded again and compared with what was written; failures leave nothing behind."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from vivant.runtime import clips
from vivant.runtime.clips import as_rate, open_clip
from vivant.runtime.errors import OutputError
from vivant.runtime.media import VideoReader
from vivant.runtime.outputs import check_target, is_folder, sha256_of
from vivant.runtime.provenance import AI_MADE, container_tags


def moving(count: int, width: int = 96, height: int = 64) -> Iterator[np.ndarray]:
    """Frames with a soft blob that moves to the right over a colourful ground."""
    y, x = np.mgrid[0:height, 0:width]
    ground = np.stack([x * 255 / width, y * 255 / height, 200 - x], axis=-1)
    for i in range(count):
        blob = np.exp(-((x - 20 - 2 * i) ** 2 + (y - 30) ** 2) / 100)[..., None]
        yield (ground * (1 - blob) + np.array([250, 240, 230]) * blob).astype(np.uint8)


def write(target: Path, count: int, fps: float = 25, folder: bool = False, width: int = 96, height: int = 64) -> None:
    with open_clip(target, folder, width, height, fps, container_tags("test")) as clip:
        for frame in moving(count, width, height):
            clip.write(frame)


def read(path: Path) -> np.ndarray:
    with VideoReader(path) as reader:
        return np.stack(list(reader))


@pytest.mark.parametrize("ending", [".mp4", ".webm", ".gif"])
@pytest.mark.parametrize(("width", "height"), [(96, 64), (95, 63)])
def test_a_clip_decodes_to_what_was_written(tmp_path: Path, ending: str, width: int, height: int) -> None:
    path = tmp_path / f"clip{ending}"
    write(path, 30, width=width, height=height)
    decoded = read(path)
    even = ending != ".gif"
    assert decoded.shape == (30, height + (even and height % 2), width + (even and width % 2), 3)
    expected = np.stack(list(moving(30, width, height)))
    error = np.abs(decoded[:, :height, :width].astype(int) - expected).mean(axis=(1, 2, 3))
    assert error.max() < 6  # colours and times are right: a wrong matrix, range or order of frames costs more
    assert list(tmp_path.iterdir()) == [path]


def test_the_odd_column_is_a_copy_of_its_neighbour(tmp_path: Path) -> None:
    write(tmp_path / "clip.mp4", 3, width=95)
    frame = read(tmp_path / "clip.mp4")[0].astype(int)
    assert np.abs(frame[:, 95] - frame[:, 94]).mean() < 4


@pytest.mark.parametrize(("fps", "rate"), [(25, 25), (29.97, Fraction(30000, 1001)), (12.5, Fraction(25, 2)), (60, 60)])
def test_the_frame_rate_is_kept(tmp_path: Path, fps: float, rate: Fraction) -> None:
    assert as_rate(fps) == rate
    write(tmp_path / "clip.mp4", 20, fps=fps)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == rate
        assert stream.duration is not None and stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(20 / fps, abs=0.01)


def test_an_mp4_plays_everywhere(tmp_path: Path) -> None:
    write(tmp_path / "clip.mp4", 20)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_range) == (clips.BT709, clips.LIMITED_RANGE)
        assert container.metadata["comment"] == AI_MADE
    content = (tmp_path / "clip.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # it can start before all of it has come


def test_a_webm_is_vp9_and_marked(tmp_path: Path) -> None:
    write(tmp_path / "clip.webm", 20)
    with av.open(str(tmp_path / "clip.webm")) as container:
        assert container.streams.video[0].codec_context.name == "vp9"
        assert container.metadata["COMMENT"] == AI_MADE


def test_a_large_webm_takes_the_lighter_codec(tmp_path: Path) -> None:
    write(tmp_path / "clip.webm", 2, width=1280, height=1024)
    with av.open(str(tmp_path / "clip.webm")) as container:
        assert container.streams.video[0].codec_context.name == "vp8"


def test_a_gif_loops_for_ever_at_its_rate_and_is_marked(tmp_path: Path) -> None:
    write(tmp_path / "clip.gif", 20)
    with Image.open(tmp_path / "clip.gif") as image:
        assert getattr(image, "n_frames", 0) == 20
        assert image.info["loop"] == 0
        assert image.info["duration"] == 40
        image.seek(19)
    assert AI_MADE.encode() in (tmp_path / "clip.gif").read_bytes()[-60:]


def test_pictures_are_lossless_and_numbered(tmp_path: Path) -> None:
    write(tmp_path / "frames", 12, folder=True)
    paths = sorted((tmp_path / "frames").iterdir())
    assert [path.name for path in paths] == [f"{i:05d}.png" for i in range(12)]
    for path, expected in zip(paths, moving(12), strict=True):
        with Image.open(path) as image:
            assert np.array_equal(np.asarray(image), expected)
            assert image.info["Comment"] == AI_MADE


def test_a_shorter_clip_replaces_all_pictures_of_a_longer_one(tmp_path: Path) -> None:
    write(tmp_path / "frames", 5, folder=True)
    write(tmp_path / "frames", 2, folder=True)
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == ["00000.png", "00001.png"]


@pytest.mark.parametrize(
    ("name", "folder"), [("clip.mp4", False), ("clip.webm", False), ("clip.gif", False), ("f", True)]
)
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_nothing_and_the_old_clip_as_it_was(
    tmp_path: Path, name: str, folder: bool, error: type[BaseException]
) -> None:
    write(tmp_path / name, 3, folder=folder)
    before = sha256_of(tmp_path / name)
    with pytest.raises(error), open_clip(tmp_path / name, folder, 96, 64, 25, container_tags("test")) as clip:
        for frame in moving(10):
            clip.write(frame)
        raise error
    assert sha256_of(tmp_path / name) == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_error_in_the_encoder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OutputError, match="No space left"):
        write(tmp_path / "frames", 10, folder=True)
    assert list(tmp_path.iterdir()) == []


def test_targets_are_checked_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "letter.txt").touch()
    refused = {
        (tmp_path / "clip.avi", False): "unknown ending",
        (tmp_path / "none" / "clip.mp4", False): "does not exist",
        (tmp_path / "file" / "clip.mp4", False): "is a file",
        (tmp_path / "file", True): "pictures need a folder",
        (tmp_path / "kept", True): "other files",
    }
    for (target, folder), message in refused.items():
        with pytest.raises(OutputError, match=message):
            check_target(target, folder)
    check_target(tmp_path / "clip.MP4", False)


def test_what_means_a_folder(tmp_path: Path) -> None:
    assert is_folder("new/") and is_folder("new") and is_folder(tmp_path)
    assert not is_folder("new.mp4")
