"""Prepared frames on disk, and pairs drawn from them.

A cache folder, written by `vivant prepare --arrays`, holds memory-mapped arrays, one row per frame:

- ``frames.npy`` uint8 [N, C, C, 3], a square around the head (wider than the animated one, to leave room for jitter);
- ``mouth.npy`` uint8 [N, M, M, 3] and ``eyes.npy`` uint8 [N, 2, E, E, 3], face-aligned patches (right eye, left eye);
- ``matte.npy`` uint8 [N, m, m], share of person; ``lm.npy`` float32 [N, 478, 3], landmarks in the film's pixels;
- ``region.npy`` float32 [N, 3], centre and side of the square in the film's pixels; ``index.json``, one entry a row.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MOUTH_SIDE = 1.6  # sides of the prepared patches, in outer-eye-corner distances
EYE_SIDE = 0.75
FRAME_SIDE = 5.2


@dataclass(frozen=True)
class Scene:
    """Frames of one uncut stretch of one clip: rows of the cache that may be paired with each other."""

    person: str
    kind: str
    rows: NDArray[np.int64]


class FrameCache:
    """Read access to a cache folder.

    Raises:
        FileNotFoundError: a file of the cache is missing.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "index.json").is_file():
            raise FileNotFoundError(f"{folder} holds no arrays to train from: vivant prepare --arrays writes them.")
        self.folder = folder
        self.index = json.loads((folder / "index.json").read_text())
        self.frames = np.load(folder / "frames.npy", mmap_mode="r")
        self.mouth = np.load(folder / "mouth.npy", mmap_mode="r")
        self.eyes = np.load(folder / "eyes.npy", mmap_mode="r")
        self.matte = np.load(folder / "matte.npy", mmap_mode="r")
        self.landmarks = np.load(folder / "lm.npy")
        self.regions = np.load(folder / "region.npy")

    def scenes(self, split: str, kind: str) -> list[Scene]:
        """All stretches of a split (`train` or `heldout`) and kind (`video` or `photo`)."""
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for row, entry in enumerate(self.index):
            if entry["split"] == split and entry["kind"] == kind:
                groups[entry["clip"], entry["seg"]].append(row)
        needed = 1 if kind == "photo" else 3
        return [
            Scene(self.index[rows[0]]["person"], kind, np.array(rows))
            for rows in groups.values()
            if len(rows) >= needed
        ]


class PairSampler:
    """Draws (source row, target row) so that every person counts the same, however long they were filmed."""

    def __init__(self, cache: FrameCache, scenes: list[Scene], rng: np.random.Generator) -> None:
        self.rng = rng
        self.people: dict[str, list[Scene]] = defaultdict(list)
        for scene in scenes:
            self.people[scene.person].append(scene)
        self.names = sorted(self.people)
        self.stretch = {int(row): scene for scene in scenes for row in scene.rows}
        flat = cache.landmarks[..., :2]
        eyes = np.linalg.norm(flat[:, 263] - flat[:, 33], axis=-1)
        self.shape = flat / eyes[:, None, None]
        upper, lower = cache.landmarks[:, 13], cache.landmarks[:, 14]
        self.opening = np.linalg.norm(upper - lower, axis=-1) / eyes

    def scene(self) -> Scene:
        """A random stretch: first the person, then their scenes by length."""
        scenes = self.people[self.names[self.rng.integers(len(self.names))]]
        weights = np.array([len(scene.rows) for scene in scenes], float)
        return scenes[self.rng.choice(len(scenes), p=weights / weights.sum())]

    def pair(self, prefer: str = "motion") -> tuple[int, int]:
        """Source and target rows of one scene.

        Half of the time the target is the one, of six drawn, that moved most (`motion`) or whose mouth opened or closed
        most (`mouth`): the rest of the time it is any.
        """
        rows = self.scene().rows
        source = int(self.rng.choice(rows))
        if self.rng.random() < 0.5:
            return source, int(self.rng.choice(rows))
        drawn = self.rng.choice(rows, 6)
        if prefer == "mouth":
            return source, int(drawn[np.abs(self.opening[drawn] - self.opening[source]).argmax()])
        moved = np.abs(self.shape[drawn] - self.shape[source]).mean((1, 2))
        return source, int(drawn[moved.argmax()])

    def other(self, target: int, rng: np.random.Generator, apart: int = 8) -> int:
        """A row of the target's scene, about a second or more from the target where the scene is that long."""
        rows = np.asarray(self.stretch[target].rows)
        far = rows[np.abs(rows - target) >= apart]
        return int(rng.choice(far if len(far) else rows))
