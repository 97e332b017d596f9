"""Samples written and read again; parts joined to shards; disks that are full."""

import os
from pathlib import Path

import numpy as np
import pytest
from made_faces import person, photograph, turn
from vivant.preparation.crops import Crops
from vivant.preparation.shards import PartWriter, Scene, encode_scene, pack, read_scene, read_shards
from vivant.runtime.errors import OutputError


def _scene(key: str, frames: int = 3) -> Scene:
    rng = np.random.default_rng(len(key))
    smooth = [np.kron(rng.integers(40, 200, (19, 19, 3)), np.ones((16, 16, 1))).astype(np.uint8) for _ in range(frames)]
    crops = [
        Crops(frame, frame[:128, :128], np.stack([frame[:80, :80], frame[80:160, :80]]), frame[:152, :152, 0])
        for frame in smooth
    ]
    points = np.stack([photograph(person(0), turn(yaw=float(i))).numpy() for i in range(frames)])
    meta = {"file": key, "times": [i / 8 for i in range(frames)]}
    return Scene(key, meta, points, np.array([250, 200, 520], np.float32), crops)


def test_a_lossless_sample_comes_back_as_it_was(tmp_path: Path) -> None:
    scene = _scene("id00001/a.b.mp4/000")
    with PartWriter(tmp_path / "part.tar") as part:
        part.write(encode_scene(scene, None))
    pack([tmp_path / "part.tar"], tmp_path / "train-000000.tar")
    (read,) = read_shards([tmp_path / "train-000000.tar"])
    assert (read.key, read.meta) == (scene.key, scene.meta)
    assert np.array_equal(read.landmarks, scene.landmarks)
    assert np.array_equal(read.region, scene.region)
    for before, after in zip(scene.crops, read.crops, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_jpeg_sample_is_smaller_and_close(tmp_path: Path) -> None:
    scene = _scene("a.mp4/000")
    sizes = {}
    for quality in (95, None):
        with PartWriter(tmp_path / f"{quality}.tar") as part:
            part.write(encode_scene(scene, quality))
        sizes[quality] = part.bytes
    pack([tmp_path / "95.tar"], tmp_path / "shard.tar")
    (read,) = read_shards([tmp_path / "shard.tar"])
    for before, after in zip(scene.crops, read.crops, strict=True):
        assert np.array_equal(before.matte, after.matte)  # mattes are PNG
        for a, b in zip(before[:3], after[:3], strict=True):
            assert 0 < np.abs(a.astype(float) - b).mean() < 3


def test_scenes_are_found_at_their_offsets_in_joined_parts(tmp_path: Path) -> None:
    """The end-of-archive marks of parts are not in the shard, so that readers see all of it."""
    names = ["ä" * 130 + "/x.mp4", "b.mp4", "c.mp4"]  # long and not ASCII: needs an extended header
    offsets, start, parts = {}, 0, []
    for number, name in enumerate(names):
        with PartWriter(tmp_path / f"{number}.tar") as part:
            for scene in range(2):
                offsets[f"{name}/{scene:03d}"] = start + part.write(encode_scene(_scene(f"{name}/{scene:03d}"), 95))
        start += part.bytes
        parts.append(tmp_path / f"{number}.tar")
    pack(parts, tmp_path / "shard.tar")
    assert [scene.key for scene in read_shards([tmp_path / "shard.tar"])] == list(offsets)
    assert [read_scene(tmp_path / "shard.tar", offset).key for offset in offsets.values()] == list(offsets)
    with pytest.raises(OutputError, match="holds no sample at byte 7"):
        read_scene(tmp_path / "shard.tar", 7)


def test_a_full_disk_leaves_no_part(tmp_path: Path) -> None:
    """/dev/full answers every write as a full disk does."""
    path = tmp_path / "part.tar"
    (tmp_path / f"part.{os.getpid()}.partial").symlink_to("/dev/full")
    sample = encode_scene(_scene("a.mp4/000", frames=8), 95)
    with pytest.raises(OSError, match="No space left"), PartWriter(path) as part:
        part.write(sample)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_part_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), PartWriter(tmp_path / "part.tar") as part:
        part.write(encode_scene(_scene("a.mp4/000"), 95))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_part_without_samples_is_none(tmp_path: Path) -> None:
    with PartWriter(tmp_path / "part.tar"):
        pass
    assert list(tmp_path.iterdir()) == []
