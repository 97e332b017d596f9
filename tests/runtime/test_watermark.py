"""The watermark as it ships: what survives, what `inspect` says of it, and that nothing is seen where nothing is."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from PIL import Image
from vivant.runtime.clips import open_clip
from vivant.runtime.images import load_photo
from vivant.runtime.inspection import inspect_file
from vivant.runtime.provenance import container_tags
from vivant.runtime.session import Bundle
from vivant.runtime.stills import spread, stills_of
from vivant.runtime.watermark import Watermark, WatermarkReader


@pytest.fixture(scope="module")
def portrait(astronaut: Path) -> np.ndarray:
    return load_photo(astronaut).pixels


@pytest.fixture(scope="module")
def reader(bundle: Bundle) -> WatermarkReader:
    return WatermarkReader(bundle)


@pytest.fixture(scope="module")
def watermark(bundle: Bundle) -> Watermark:
    return Watermark(bundle)


@pytest.fixture(scope="module")
def marked(watermark: Watermark, portrait: np.ndarray) -> np.ndarray:
    return watermark.mark(portrait)


def _psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def test_mark_is_faint_and_read_back(
    reader: WatermarkReader, watermark: Watermark, portrait: np.ndarray, marked: np.ndarray
) -> None:
    assert marked.dtype == np.uint8 and marked.shape == portrait.shape
    assert _psnr(marked, portrait) >= 40
    reading = reader.read([marked])
    assert (reading.found, reading.message, reading.scale) == (True, watermark.message.hex(), 1.0)


def test_other_clips_get_other_numbers(bundle: Bundle) -> None:
    assert len({Watermark(bundle).message for _ in range(8)}) == 8


def test_pictures_without_a_mark_have_none(reader: WatermarkReader, portrait: np.ndarray) -> None:
    hopper = load_photo(Path(__file__).parents[2] / "models" / "samples" / "grace_hopper.jpg").pixels
    for picture in (portrait, hopper, np.zeros((90, 70, 3), np.uint8)):
        reading = reader.read([picture])
        assert not reading.found and reading.message is None
        assert reading.confidence < reader.search.threshold


def test_opacity_is_left_alone(bundle: Bundle, watermark: Watermark, portrait: np.ndarray) -> None:
    alpha = np.random.default_rng(0).integers(0, 256, portrait.shape[:2], np.uint8)
    feeds = {"image": np.dstack([portrait, alpha]), "message": np.frombuffer(watermark.message, np.uint8)}
    marked = bundle.graph("watermark_embed")(feeds)["marked"]
    assert np.array_equal(marked[..., 3], alpha)
    assert np.array_equal(marked[..., :3], watermark.mark(portrait))


@pytest.mark.parametrize("cut", [(0.0, 0.16, 0.16, 0.0), (0.08, 0.08, 0.08, 0.08)])
def test_a_cropped_picture_is_still_marked(
    reader: WatermarkReader, watermark: Watermark, marked: np.ndarray, cut: tuple[float, float, float, float]
) -> None:
    """About 30 % of its area cut off."""
    side = marked.shape[0]
    top, bottom, left, right = (round(share * side) for share in cut)
    reading = reader.read([marked[top : side - bottom, left : side - right]])
    assert (reading.found, reading.message) == (True, watermark.message.hex())
    assert 0.75 < reading.scale < 0.92


def test_half_the_size_is_still_marked(reader: WatermarkReader, watermark: Watermark, marked: np.ndarray) -> None:
    small = np.asarray(Image.fromarray(marked).resize((256, 256), Image.Resampling.BICUBIC))
    assert reader.read([small]).message == watermark.message.hex()


def _write(target: Path, frames: list[np.ndarray], watermark: Watermark) -> Path:
    height, width = frames[0].shape[:2]
    with open_clip(target, False, width, height, 25, container_tags("test"), mark=watermark.mark) as clip:
        for frame in frames:
            clip.write(frame)
    return target


@pytest.mark.parametrize("name", ["clip.mp4", "clip.webm", "clip.gif"])
def test_clips_keep_the_mark(
    reader: WatermarkReader, watermark: Watermark, portrait: np.ndarray, tmp_path: Path, name: str
) -> None:
    frames = [np.roll(portrait, 2 * i, axis=1) for i in range(6)]
    report = inspect_file(_write(tmp_path / name, frames, watermark), reader=reader)
    assert report.state == "absent"
    assert report.watermark is not None and report.watermark.message == watermark.message.hex()


def test_inspect_tells_where_credentials_were_removed(
    vivant: Command, bundle: Bundle, portrait: np.ndarray, tmp_path: Path
) -> None:
    watermark = Watermark(bundle)
    Image.fromarray(watermark.mark(portrait)).save(tmp_path / "still.png")
    Image.fromarray(portrait).save(tmp_path / "photo.png")
    told = vivant("inspect", str(tmp_path / "still.png"))
    assert told.code == 5 and watermark.message.hex() in told.out
    assert vivant("inspect", str(tmp_path / "photo.png")).code == 3
    quiet = vivant("inspect", "--no-watermark", "--json", str(tmp_path / "still.png"))
    assert quiet.code == 3 and json.loads(quiet.out)["watermark"] is None


def test_an_animated_clip_states_its_mark(vivant: Command, astronaut: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    made = json.loads(vivant("animate", str(astronaut), "--motion", "wink", "-o", str(clip), "--json").out)
    report = json.loads(vivant("inspect", "--json", str(clip)).out)
    assert report["intact"]
    assert report["claims"]["watermark"] == report["watermark"]["message"] == made["watermark"]
    assert "c2pa.watermarked.bound" in report["claims"]["actions"]


def test_stills_are_spread_over_a_clip(tmp_path: Path) -> None:
    levels = range(0, 250, 5)
    frames = [Image.fromarray(np.full((32, 32, 3), level, np.uint8)) for level in levels]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=40)
    stills = stills_of(tmp_path / "a.gif", "image/gif", 8)
    seen = [int(still[0, 0, 0]) for still in stills]
    assert len(stills) == 8 and seen == sorted(seen)
    assert seen[0] < 20 and seen[-1] > 200


def test_what_cannot_be_decoded_has_no_stills(tmp_path: Path) -> None:
    for name, kind in (("a.mp4", "video/mp4"), ("a.png", "image/png"), ("a.gif", "image/gif")):
        (tmp_path / name).write_bytes(b"\x00\x01" * 300)
        assert stills_of(tmp_path / name, kind, 4) == []


def test_spread_takes_both_ends() -> None:
    assert spread(1, 4) == [0]
    assert spread(9, 3) == [0, 4, 8]
    assert spread(3, 16) == [0, 1, 2]
