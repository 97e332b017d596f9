"""The arrays that training reads (`training.clips`), unpacked from shards."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
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


def write_arrays(shards: Path, target: Path, most_bytes: float = math.inf, progress: Progress = no_progress) -> int:
    """Unpack the shards of a folder; returns the number of frames, one row each, sorted by file and scene.

    Args:
        most_bytes: what the arrays may take; of more people than fit, some are drawn, always the same.

    Raises:
        PreparationError: the shards hold nothing (that fits), `target` exists, or its disk has too little space.
        OutputError: it cannot be written.
    """
    check_arrays(target)
    samples = drawn_people(read_index(shards), int(min(most_bytes, 1e18)) // BYTES_A_FRAME)
    total = sum(sample.frames for sample in samples)
    if not total:
        raise PreparationError(f"{shards} holds no samples{'' if most_bytes == math.inf else ' that fit'}.")
    free = shutil.disk_usage(target.absolute().parent).free
    if total * BYTES_A_FRAME > free:
        raise PreparationError(
            f"The arrays of {total} frames take {total * BYTES_A_FRAME / 1e9:.1f} GB, "
            f"and the disk of {target} has {free / 1e9:.1f} GB left."
        )
    with replacing(target, folder=True) as folder:
        _fill(folder, shards, samples, total, progress)
    return total


def drawn_people(samples: Sequence[Sample], most_frames: int) -> list[Sample]:
    """All samples of as many people as fit, drawn by the hash of their names; nobody in part."""
    frames: Counter[str] = Counter()
    for sample in samples:
        frames[sample.person] += sample.frames
    drawn: set[str] = set()
    for person in sorted(frames, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if frames[person] <= most_frames:
            drawn.add(person)
            most_frames -= frames[person]
    return [sample for sample in samples if sample.person in drawn]


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
        start = starts.get(scene.key)
        if start is None:
            continue
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
