"""Batches of face-aligned patches: real pairs from films, and pairs made from photos.

A photo has no second frame. Its own patch, moved by the geometry to another expression, serves as the source, and the
genuine patch as the target: what is learnt is always a real picture.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..models import anchors
from ..models import landmarks as lm
from ..models.geometry import pixel_grid, sample
from ..models.lending import EYE_KIND, MOUTH_KIND, Patches, compared, shapes_of
from ..models.patch import PatchConfig, eye_flow, eye_frame, head_slopes, mouth_flow, mouth_frame, warp_patch
from .clips import EYE_SIDE, MOUTH_SIDE, FrameCache, PairSampler

MOST_PHOTOS = 4  # of one person


class PatchBatch(NamedTuple):
    """patches: of K photos of each of B people, see `Patches`. Of the B targets: target [B, 3, n, n] 0..1, points
    [B, 478, 2] patch coordinates, slopes [B, 2]."""

    patches: Patches
    target: Tensor
    points: Tensor
    slopes: Tensor


class PatchData:
    """Draws batches for one kind of patch from a cache.

    photo_share: of the pairs, how many are made from photos. several_share: of the batches, how many bring 2 to 4
    frames of each person instead of one.
    """

    def __init__(
        self,
        cache: FrameCache,
        config: PatchConfig,
        split: str,
        seed: int,
        photo_share: float,
        several_share: float = 0.0,
    ) -> None:
        self.cache, self.config = cache, config
        self.kind = MOUTH_KIND if config.kind == "mouth" else EYE_KIND
        self.rng = np.random.default_rng(seed)
        self.several_rng = np.random.default_rng(seed + 1)  # of its own: the pairs are the same with and without
        self.several_share = several_share
        self.video = PairSampler(cache, cache.scenes(split, "video"), self.rng)
        photos = cache.scenes(split, "photo") if photo_share else []
        self.photos = np.array([scene.rows[0] for scene in photos], dtype=np.int64)
        self.photo_share = photo_share if len(self.photos) else 0.0
        self.prepared_side = MOUTH_SIDE if config.kind == "mouth" else EYE_SIDE

    def batch(self, size: int, augment: bool = True) -> PatchBatch:
        """A batch of `size` pairs; the first ones are from photos."""
        from_photos = int(self.rng.binomial(size, self.photo_share)) if augment else 0
        # Half of all batches are mirrored: for an eye that means the other eye.
        left = bool(self.rng.random() < 0.5) and (augment or self.config.kind == "eye")
        pairs = [self.video.pair("mouth" if self.config.kind == "mouth" else "motion") for _ in range(size)]
        sources = np.array([pair[0] for pair in pairs])
        targets = np.array([pair[1] for pair in pairs])
        points_source, points_target = self._points(sources, left), self._points(targets, left)
        if from_photos:
            change = points_source[:from_photos] - points_target[:from_photos]
            targets[:from_photos] = self.rng.choice(self.photos, from_photos)
            sources[:from_photos] = targets[:from_photos]
            photo = self._points(targets[:from_photos], left)
            points_target[:from_photos] = photo
            points_source[:from_photos] = self._other_expression(photo, change)
        zoom, shift = self._jitter(size) if augment else (torch.ones(size, 1, 1), torch.zeros(size, 1, 2))
        source = self._pictures(sources, left, zoom, shift)
        target = self._pictures(targets, left, zoom, shift)
        points_source, points_target = (points_source - shift) / zoom, (points_target - shift) / zoom
        if from_photos:
            made = slice(0, from_photos)
            source[made] = warp_patch(source[made], self._flow(points_target[made], points_source[made]))
        if augment:
            source, target = self._recolour(source, target)
        slopes = self._slopes(sources, left)
        main = Patches(source, shapes_of(self.kind, points_source), points_source, slopes, torch.zeros(size))
        patches = main
        if self.several_rng.random() < self.several_share:
            patches = self._with_others(main, from_photos, targets, left, augment)
        return PatchBatch(patches, target, points_target, self._slopes(targets, left))

    def _with_others(self, main: Patches, from_photos: int, targets: np.ndarray, left: bool, augment: bool) -> Patches:
        """The same people with one to three further frames of each target's film, in other light; a photo has none,
        and stands for itself."""
        count = int(self.several_rng.integers(2, MOST_PHOTOS + 1))
        columns = [main]
        for _ in range(count - 1):
            rows = targets.copy()
            rows[from_photos:] = [self.video.other(int(target), self.several_rng) for target in targets[from_photos:]]
            points = self._points(rows, left)
            gain = torch.tensor(self.several_rng.uniform(0.8, 1.25, (len(rows), 3, 1, 1)), dtype=torch.float32)
            still = torch.ones(len(rows), 1, 1), torch.zeros(len(rows), 1, 2)
            pictures = self._pictures(rows, left, *still)
            if augment:
                pictures = (pictures * gain).clamp(0, 1)
            other = Patches(pictures, shapes_of(self.kind, points), points, self._slopes(rows, left), main.unlike)
            if from_photos:
                both = zip(main, other, strict=True)
                other = Patches(*(torch.cat([a[:from_photos], b[from_photos:]]) for a, b in both))
            columns.append(other)
        together = [torch.stack(parts, 1).flatten(0, 1) for parts in zip(*columns, strict=True)]
        pictures, unlike = compared(self.kind, together[0], together[2], count)
        return Patches(pictures, together[1], together[2], together[3], unlike)

    def _flow(self, before: Tensor, after: Tensor) -> Tensor:
        return (mouth_flow if self.config.kind == "mouth" else eye_flow)(before, after)

    def _points(self, rows: np.ndarray, left: bool) -> Tensor:
        points = torch.from_numpy(self.cache.landmarks[rows, :, :2])
        if self.config.kind == "eye":  # a left one is mirrored, and named as a right one
            points = eye_frame(points, left).to_patch(points)
            return points[:, lm.MIRROR] if left else points
        points = mouth_frame(points).to_patch(points)
        return points[:, lm.MIRROR] * torch.tensor([-1.0, 1.0]) if left else points

    def _slopes(self, rows: np.ndarray, left: bool) -> Tensor:
        landmarks = torch.from_numpy(self.cache.landmarks[rows])
        return head_slopes(landmarks[:, lm.MIRROR] if left else landmarks)

    def _pictures(self, rows: np.ndarray, left: bool, zoom: Tensor, shift: Tensor) -> Tensor:
        if self.config.kind == "mouth":
            stack = np.stack([self.cache.mouth[row] for row in rows])
        else:
            stack = np.stack([self.cache.eyes[row, int(left)] for row in rows])
        pictures = torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 255
        if left:
            pictures = pictures.flip(-1)
        where = (pixel_grid(self.config.size) * zoom + shift) * (self.config.side / self.prepared_side)
        return sample(pictures, where.reshape(len(rows), self.config.size, self.config.size, 2))

    def _jitter(self, size: int) -> tuple[Tensor, Tensor]:
        zoom = self.rng.uniform(0.95, 1.05, (size, 1, 1))
        shift = self.rng.normal(0.0, 0.015, (size, 1, 2))
        return torch.tensor(zoom, dtype=torch.float32), torch.tensor(shift, dtype=torch.float32)

    def _other_expression(self, photo: Tensor, change: Tensor) -> Tensor:
        """Landmarks of the made source: the photo's plus a change seen in a film, or (mouth) the lips closed."""
        if self.config.kind != "mouth":
            return photo + 0.6 * change
        closed = close_lips(photo)
        choose = torch.tensor(self.rng.random(len(photo)) < 0.6)[:, None, None]
        return torch.where(choose, closed, photo + change)

    def _recolour(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The same change of light for both: gain, offset, tint, and sometimes no colour at all.

        Kept mild: twice as much of it raised the L1 of held-out people's eyes by 4 % at equal steps.
        """
        size = len(source)
        gain = torch.tensor(
            self.rng.uniform(0.87, 1.13, (size, 1, 1, 1)) * self.rng.uniform(0.97, 1.03, (size, 3, 1, 1))
        )
        offset = torch.tensor(self.rng.uniform(-0.02, 0.02, (size, 1, 1, 1)))
        grey = torch.tensor(self.rng.random((size, 1, 1, 1)) < 0.1)
        both = torch.stack([source, target])
        both = torch.where(grey, both.mean(2, keepdim=True), both)
        both = (both * torch.where(grey, gain[:, :1], gain).float() + offset.float()).clamp(0, 1)
        return both[0], both[1]


def close_lips(points: Tensor) -> Tensor:
    """Landmarks with the lips brought together: each pair of inner-lip points meets, the lips and chin follow.

    Args:
        points: [B, 478, 2], y down, any unit.
    """
    closed = points.clone()
    ring = len(lm.LIPS_INNER)
    gap = points[:, lm.LIPS_INNER[10 + 5]] - points[:, lm.LIPS_INNER[5]]
    for k in range(1, 10):
        upper, lower = lm.LIPS_INNER[k], lm.LIPS_INNER[ring - k]
        half = 0.5 * (points[:, lower] - points[:, upper])
        # The upper lip hangs from the skull: it gives a third of the way, the jaw the rest.
        closed[:, [upper, lm.LIPS_OUTER[k]]] += (0.66 * half)[:, None]
        closed[:, [lower, lm.LIPS_OUTER[ring - k]]] -= (1.34 * half)[:, None]
    lips = set(lm.LIPS_INNER) | set(lm.LIPS_OUTER)
    others = [i for i in anchors.MOUTH if i not in lips]
    below = (points[:, others, 1] - points[:, [14], 1]) / 0.3
    closed[:, others, 1] -= 0.67 * gap[:, 1:] * below.clamp(0, 1)
    return closed
