"""The arrays that training reads (`training.clips`), unpacked from shards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..runtime.driver import Progress, no_progress
from ..runtime.outputs import check_writable, replacing
from .config import PreparationError
from .crops import EYE_SIZE, FRAME_SIZE, MATTE_SIZE, MOUTH_SIZE
from .index import Sample, read_index
from .shards import Scene, read_shards

SHAPES: Final[dict[str, tuple[tuple[int, ...], type[np.generic]]]] = {
    "frames": ((FRAME_SIZE, FRAME_SIZE, 3), np.uint8),
    "mouth": ((MOUTH_SIZE, MOUTH_SIZE, 3), np.uint8),
    "eyes": ((2, EYE_SIZE, EYE_SIZE, 3), np.uint8),
    "matte": ((MATTE_SIZE, MATTE_SIZE), np.uint8),
    "lm": ((478, 3), np.float32),
    "region": ((3,), np.float32),
}
BYTES_A_FRAME: Final = sum(int(np.prod(shape)) * np.dtype(kind).itemsize for shape, kind in SHAPES.values())


def check_arrays(target: Path) -> None:
    """Raises PreparationError or OutputError unless `target` can become a new folder."""
    if target.exists():
        raise PreparationError(f"{target} exists; name a new folder for the arrays.")
    check_writable(target)


def write_arrays(shards: Path, target: Path, progress: Progress = no_progress) -> int:
    """Unpack all shards of a folder; returns the number of frames, one row each, sorted by file and scene.

    Raises:
        PreparationError: the shards hold nothing, `target` exists, or its disk has too little space.
        OutputError: it cannot be written.
    """
    check_arrays(target)
    samples = read_index(shards)
    total = sum(sample.frames for sample in samples)
    if not total:
        raise PreparationError(f"{shards} holds no samples.")
    free = shutil.disk_usage(target.absolute().parent).free
    if total * BYTES_A_FRAME > free:
        raise PreparationError(
            f"The arrays of {total} frames take {total * BYTES_A_FRAME / 1e9:.1f} GB, "
            f"and the disk of {target} has {free / 1e9:.1f} GB left."
        )
    with replacing(target, folder=True) as folder:
        _fill(folder, shards, samples, total, progress)
    return total


def _fill(folder: Path, shards: Path, samples: list[Sample], total: int, progress: Progress) -> None:
    arrays = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, (total, *shape))
        for name, (shape, dtype) in SHAPES.items()
    }
    starts, row = {}, 0
    for sample in sorted(samples, key=lambda sample: sample.key):
        starts[sample.key] = row
        row += sample.frames
    clips = {file: clip for clip, file in enumerate(sorted({sample.file for sample in samples}))}
    index: list[dict[str, Any]] = [{}] * total
    done = 0
    for scene in read_shards([shards / name for name in sorted({sample.shard for sample in samples})]):
        start = starts[scene.key]
        for offset, values in enumerate(_rows(scene)):
            for name, value in values.items():
                arrays[name][start + offset] = value
        index[start : start + len(scene.crops)] = _entries(scene, clips[scene.meta["file"]])
        done += len(scene.crops)
        progress("unpacking", done, total)
    for array in arrays.values():
        array.flush()
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")


def _rows(scene: Scene) -> Iterator[dict[str, np.ndarray]]:
    for crops, landmarks in zip(scene.crops, scene.landmarks, strict=True):
        frame, mouth, eyes, matte = crops
        yield {
            "frames": frame, "mouth": mouth, "eyes": eyes, "matte": matte, "lm": landmarks, "region": scene.region,
        }  # fmt: skip


def _entries(scene: Scene, clip: int) -> list[dict[str, Any]]:
    meta = scene.meta
    same = {name: meta[name] for name in ("file", "person", "split", "kind", "licence", "width", "height")}
    return [same | {"clip": clip, "seg": meta["scene"], "t": time} for time in meta["times"]]
