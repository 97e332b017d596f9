"""Shards unpacked into the arrays that training reads."""

import shutil
from collections import Counter, namedtuple
from pathlib import Path

import numpy as np
import pytest
from clipmaking import write_video
from made_shards import write_shards
from PIL import Image
from vivant.preparation.arrays import BYTES_A_FRAME, write_arrays
from vivant.preparation.config import PreparationError
from vivant.preparation.index import read_index
from vivant.preparation.shards import read_scene
from vivant.preparation.sources import Source
from vivant.runtime.session import Bundle
from vivant.training.clips import FrameCache

from .conftest import Frame, drifting


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle, anna: Frame, grace: Frame) -> Path:
    """A film with a cut, another person's film, and a photo, without loss; finished in another order than sorted."""
    folder = tmp_path_factory.mktemp("lossless")
    write_video(folder / "z.mp4", drifting(anna, 4) + drifting(grace, 3), fps=8)
    write_video(folder / "a.mp4", drifting(grace, 5), fps=8)
    Image.fromarray(anna).save(folder / "m.png")
    sources = [
        Source("z.mp4", "two", "train", "video"),
        Source("m.png", "photo", "train", "photo", "public domain"),
        Source("a.mp4", "grace", "heldout", "video"),
    ]
    write_shards(bundle, folder, sources)
    return folder


def test_every_row_is_the_frame_it_says(shards: Path, tmp_path: Path) -> None:
    assert write_arrays(shards, tmp_path / "cache") == 13
    cache = FrameCache(tmp_path / "cache")
    files = [entry["file"] for entry in cache.index]
    assert files == ["a.mp4"] * 5 + ["m.png"] + ["z.mp4"] * 7
    assert [entry["clip"] for entry in cache.index] == [0] * 5 + [1] + [2] * 7
    assert [entry["seg"] for entry in cache.index] == [0] * 6 + [0] * 4 + [1] * 3
    assert cache.index[5]["licence"] == "public domain"
    row = 0
    for sample in sorted(read_index(shards), key=lambda sample: sample.key):
        scene = read_scene(shards / sample.shard, sample.offset)
        for crops, landmarks, time in zip(scene.crops, scene.landmarks, scene.meta["times"], strict=True):
            for array, value in zip((cache.frames, cache.mouth, cache.eyes, cache.matte), crops, strict=True):
                assert np.array_equal(array[row], value)
            assert np.array_equal(cache.landmarks[row], landmarks)
            assert np.array_equal(cache.regions[row], scene.region)
            assert cache.index[row]["t"] == time
            row += 1
    assert row == 13


def test_training_finds_its_scenes(shards: Path, tmp_path: Path) -> None:
    write_arrays(shards, tmp_path / "cache")
    cache = FrameCache(tmp_path / "cache")
    assert [len(scene.rows) for scene in cache.scenes("train", "video")] == [4, 3]
    assert [scene.person for scene in cache.scenes("heldout", "video")] == ["grace"]
    assert [scene.person for scene in cache.scenes("train", "photo")] == ["photo"]


def test_of_many_people_as_many_are_drawn_as_fit(shards: Path, tmp_path: Path) -> None:
    """Grace has 5 frames, the photo 1, the two of the other film 7: nobody is taken in part."""
    for most, allowed in ((6, {5, 6, 1}), (8, {6, 7, 8}), (13, {13})):
        frames = write_arrays(shards, tmp_path / f"cache{most}", most * BYTES_A_FRAME)
        assert frames in allowed
        index = FrameCache(tmp_path / f"cache{most}").index
        counts = Counter(entry["person"] for entry in index)
        assert sum(counts.values()) == frames
        assert all(counts[person] == {"grace": 5, "photo": 1, "two": 7}[person] for person in counts)
    with pytest.raises(PreparationError, match="holds no samples that fit"):
        write_arrays(shards, tmp_path / "cache0", 0.0)


def test_a_disk_that_is_too_small_is_told_beforehand(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")(10**9, 10**9 - 1000, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(PreparationError, match=r"arrays of 13 frames take 0\.0 GB"):
        write_arrays(shards, tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []
    assert BYTES_A_FRAME == 304 * 304 * 3 + 128 * 128 * 3 + 2 * 80 * 80 * 3 + 152 * 152 + 478 * 12 + 12


def test_no_folder_of_shards_is_told(tmp_path: Path) -> None:
    with pytest.raises(PreparationError, match=r"is no folder of finished shards"):
        write_arrays(tmp_path, tmp_path / "cache")


def test_training_on_shards_is_told_what_to_do(shards: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no arrays to train from: vivant prepare --arrays writes them"):
        FrameCache(shards)
