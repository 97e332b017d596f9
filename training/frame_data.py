"""Batches of whole heads: (source, target) frames of one scene, cut to the square that the student animates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..models import anchors
from ..models import landmarks as lm
from ..models.geometry import pixel_grid, sample
from ..models.head import DROP, SIDE
from .clips import FrameCache, PairSampler


class FrameBatch(NamedTuple):
    """source, target [B, 3, 128, 128]; mattes [B, 1, 128, 128]; anchors [B, A, 3] normalised; valid [B, 1, 128, 128].

    `valid` is 0 where the square reaches over the film's border: nobody knows what is there.
    """

    source: Tensor
    target: Tensor
    source_matte: Tensor
    target_matte: Tensor
    source_anchors: Tensor
    target_anchors: Tensor
    valid: Tensor


class FrameData:
    """Draws batches of frame pairs from a cache."""

    def __init__(self, cache: FrameCache, split: str, seed: int, size: int = 128) -> None:
        self.cache, self.size = cache, size
        self.rng = np.random.default_rng(seed)
        self.sampler = PairSampler(cache, cache.scenes(split, "video"), self.rng)
        self.limits = np.array([[entry["width"], entry["height"]] for entry in cache.index], np.float32)

    def batch(self, count: int, augment: bool = True) -> FrameBatch:
        """`count` pairs; augmented by shared shift, zoom, mirroring and light."""
        pairs = np.array([self.sampler.pair() for _ in range(count)])
        rows, others = pairs[:, 0], pairs[:, 1]
        centre, side = self._squares(rows, augment)
        where = self._raster(centre, side)  # film pixels
        before, after = (self._normalised(r, centre, side) for r in (rows, others))
        source, target = self._pictures(rows, others, where)
        mattes = [self._mattes(r, where) for r in (rows, others)]
        limits = torch.from_numpy(self.limits[rows])[:, None, None]
        valid = ((where > 0) & (where < limits)).all(-1, keepdim=True).permute(0, 3, 1, 2).float()
        batch = FrameBatch(source, target, mattes[0], mattes[1], before, after, F.avg_pool2d(valid, 2))
        if augment:
            batch = self._recolour(self._mirror(batch))
        used = anchors.FACE
        return batch._replace(
            source_anchors=batch.source_anchors[:, used], target_anchors=batch.target_anchors[:, used]
        )

    def _squares(self, rows: np.ndarray, augment: bool) -> tuple[Tensor, Tensor]:
        points = self.cache.landmarks[rows]
        unit = np.linalg.norm(points[:, 263] - points[:, 33], axis=-1, keepdims=True)
        axis = points[:, 152, :2] - points[:, 10, :2]
        axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
        centre = points[:, [234, 454], :2].mean(1) + DROP * unit * axis
        side = SIDE * unit
        if augment:
            centre = centre + self.rng.normal(0, 0.12, centre.shape) * unit
            side = side * self.rng.uniform(0.88, 1.14, side.shape)
        return torch.tensor(centre, dtype=torch.float32), torch.tensor(side, dtype=torch.float32)

    def _raster(self, centre: Tensor, side: Tensor) -> Tensor:
        """Film pixels at twice the raster (averaged later): [B, 2·size, 2·size, 2]."""
        size = 2 * self.size
        return centre[:, None, None] + pixel_grid(size).reshape(1, size, size, 2) * (0.5 * side)[:, None, None]

    def _normalised(self, rows: np.ndarray, centre: Tensor, side: Tensor) -> Tensor:
        points = torch.from_numpy(self.cache.landmarks[rows])
        return (points - F.pad(centre, (0, 1))[:, None]) / (0.5 * side)[:, None]

    def _prepared(self, rows: np.ndarray, where: Tensor) -> Tensor:
        regions = torch.from_numpy(self.cache.regions[rows])[:, None, None]
        return (where - regions[..., :2]) / (0.5 * regions[..., 2:])

    def _pictures(self, rows: np.ndarray, others: np.ndarray, where: Tensor) -> tuple[Tensor, Tensor]:
        # Frames of a scene were prepared with one square: both are cut at once.
        stack = np.stack(
            [np.stack([self.cache.frames[a], self.cache.frames[b]]) for a, b in zip(rows, others, strict=True)]
        )
        pictures = torch.from_numpy(stack).permute(0, 1, 4, 2, 3).flatten(1, 2).float() / 255
        cut = F.avg_pool2d(sample(pictures, self._prepared(rows, where)), 2)
        return cut[:, :3], cut[:, 3:]

    def _mattes(self, rows: np.ndarray, where: Tensor) -> Tensor:
        mattes = torch.from_numpy(np.stack([self.cache.matte[row] for row in rows])).unsqueeze(1).float() / 255
        coarse = F.avg_pool2d(where.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        return sample(mattes, self._prepared(rows, coarse))

    def _mirror(self, batch: FrameBatch) -> FrameBatch:
        if self.rng.random() < 0.5:
            return batch
        turned = torch.tensor([-1.0, 1.0, 1.0])
        first, second = (p[:, lm.MIRROR] * turned for p in (batch.source_anchors, batch.target_anchors))
        source, target, before, after, valid = (x.flip(-1) for x in (*batch[:4], batch.valid))
        return FrameBatch(source, target, before, after, first, second, valid)

    def _recolour(self, batch: FrameBatch) -> FrameBatch:
        count = len(batch.source)
        gain = torch.tensor(
            self.rng.uniform(0.8, 1.2, (count, 1, 1, 1)) * self.rng.uniform(0.94, 1.06, (count, 3, 1, 1))
        )
        grey = torch.tensor(self.rng.random((count, 1, 1, 1)) < 0.1)
        both = torch.stack([batch.source, batch.target])
        both = torch.where(grey, both.mean(2, keepdim=True), both * gain.float()).clamp(0, 1)
        return batch._replace(source=both[0], target=both[1])
