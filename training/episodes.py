"""Episodes of meta-learning: K frames of a video as photos, another frame of it as the target (section 3.2).

An episode is a function of the seed and its number alone: a run that stopped goes on with exactly the episodes that it
would have seen, and processes that share a batch see together what one would see.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from ..models import landmarks as lm
from ..models.geometry import pixel_grid, sample
from ..models.head import DROP, SIDE
from ..models.landmark_picture import drawing
from ..models.warp_branch import SEEN, Photos
from .clips import FrameCache, PairSampler

COMMON_SQUARE = 0.7  # share of episodes whose photos are cut with one square; else each is cut around its own head


class Episode(NamedTuple):
    """One episode, or B of them with a leading dimension.

    photos: see `Photos`, without B. target, drawn [3, S, S] 0..1; points [478, 3] normalised; matte and valid
    [1, S, S]: share of person, and where the film's frame reaches. video []: number of the video, int64.
    """

    photos: Photos
    target: Tensor
    drawn: Tensor
    points: Tensor
    matte: Tensor
    valid: Tensor
    video: Tensor


class Episodes(Dataset[Episode]):
    """Episode number n of a split of a cache, for any n ≥ 0.

    Args:
        split: `train` or `heldout`. shots: K. size: S. augment: shift, zoom, mirror and recolour at random.

    Raises:
        ValueError: the split holds no film.
    """

    def __init__(
        self, cache: FrameCache, split: str, shots: int, size: int, seed: int = 0, augment: bool = True
    ) -> None:
        scenes = cache.scenes(split, "video")
        if not scenes:
            raise ValueError(f"The cache {cache.folder} holds no film of the split {split!r}.")
        self.cache, self.shots, self.size, self.seed, self.augment = cache, shots, size, seed, augment
        self.sampler = PairSampler(cache, scenes, np.random.default_rng(seed))
        clips = sorted({cache.index[int(scene.rows[0])]["clip"] for scene in scenes})
        self.videos = {clip: number for number, clip in enumerate(clips)}
        self.limits = np.array([[entry["width"], entry["height"]] for entry in cache.index], np.float32)

    def __getitem__(self, number: int) -> Episode:
        rng = np.random.default_rng((self.seed, number))
        self.sampler.rng = rng
        rows = self.sampler.scene().rows
        drawn = rng.choice(rows, self.shots + 1, replace=len(rows) <= self.shots)
        photos, target = drawn[:-1], int(drawn[-1])
        if rng.random() < 0.5:  # of six, the one that moved most
            others = np.setdiff1d(rows, photos)
            six = rng.choice(others if len(others) else rows, 6)
            moved = np.abs(self.sampler.shape[six] - self.sampler.shape[photos[0]]).mean((1, 2))
            target = int(six[moved.argmax()])
        return self.cut(photos, target, rng)

    def cut(self, photos: NDArray[np.integer], target: int, rng: np.random.Generator) -> Episode:
        """The episode of these rows of the cache; the target is cut with the first photo's square."""
        rows = np.append(photos, target)
        squares = self._squares(rows, rng)
        if not self.augment or rng.random() < COMMON_SQUARE:
            squares[:] = squares[0]
        squares[-1] = squares[0]
        parts = [self._frame(int(row), square) for row, square in zip(rows, squares, strict=True)]
        pictures, mattes, points, valid = (torch.stack(column) for column in zip(*parts, strict=True))
        if self.augment:
            pictures = _recoloured(pictures, rng)
            if rng.random() < 0.5:
                pictures, mattes, valid = (x.flip(-1) for x in (pictures, mattes, valid))
                points = points[:, lm.MIRROR] * torch.tensor([-1.0, 1.0, 1.0])
        drawn = torch.stack([drawing(p, self.size) for p in points])
        seen = F.interpolate(mattes, size=(SEEN, SEEN), mode="bilinear", antialias=True)
        video = torch.tensor(self.videos[self.cache.index[int(rows[0])]["clip"]])
        sources = Photos(pictures[:-1], drawn[:-1], points[:-1], seen[:-1])
        return Episode(sources, pictures[-1], drawn[-1], points[-1], mattes[-1], valid[-1], video)

    def _squares(self, rows: NDArray[np.integer], rng: np.random.Generator) -> NDArray[np.float32]:
        """The heads' squares: centre x, centre y, side in film pixels, [N, 3]."""
        points = self.cache.landmarks[rows]
        unit = np.linalg.norm(points[:, 263] - points[:, 33], axis=-1, keepdims=True)
        axis = points[:, 152, :2] - points[:, 10, :2]
        axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
        centre, side = points[:, [234, 454], :2].mean(1) + DROP * unit * axis, SIDE * unit
        if self.augment:
            centre = centre + rng.normal(0, 0.1, centre.shape) * unit
            side = side * rng.uniform(0.9, 1.12, side.shape)
        return np.concatenate([centre, side], 1).astype(np.float32)

    def _frame(self, row: int, square: NDArray[np.float32]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Picture [3, S, S], matte [1, S, S], points [478, 3] and valid [1, S, S] of a square of a frame."""
        centre, half = torch.from_numpy(square[:2]), 0.5 * float(square[2])
        fine = 2 * self.size if self.size < self.cache.frames.shape[1] / 2 else self.size
        where = centre + pixel_grid(fine).reshape(1, fine, fine, 2) * half  # film pixels
        region = torch.from_numpy(self.cache.regions[row])
        inside = (where - region[:2]) / (0.5 * region[2])
        picture = torch.from_numpy(np.array(self.cache.frames[row])).permute(2, 0, 1)[None].float() / 255
        matte = torch.from_numpy(np.array(self.cache.matte[row]))[None, None].float() / 255
        valid = ((where > 0) & (where < torch.from_numpy(self.limits[row]))).all(-1)[None].float()
        picture, matte, valid = sample(picture, inside)[0], sample(matte, inside)[0], valid[0]
        if fine > self.size:
            picture, matte, valid = (F.avg_pool2d(m, fine // self.size) for m in (picture, matte, valid))
        points = torch.from_numpy(self.cache.landmarks[row])
        return picture, matte, (points - F.pad(centre, (0, 1))) / half, valid


def _recoloured(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """The same change of light for all pictures of an episode; sometimes no colour at all."""
    if rng.random() < 0.1:
        pictures = pictures.mean(1, keepdim=True).expand_as(pictures)
    gain = rng.uniform(0.85, 1.15) * rng.uniform(0.95, 1.05, (3, 1, 1))
    return (pictures * torch.tensor(gain, dtype=torch.float32)).clamp(0, 1)


def collate(episodes: list[Episode]) -> Episode:
    """B episodes with a leading dimension."""
    photos = Photos(*(torch.stack(parts) for parts in zip(*(e.photos for e in episodes), strict=True)))
    return Episode(photos, *(torch.stack(parts) for parts in zip(*(e[1:] for e in episodes), strict=True)))
