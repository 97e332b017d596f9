"""Batches of face-aligned patches: real pairs from films, and pairs made from photos.

A photo has no second frame. Its own patch, moved by the geometry to another expression, serves as the source, and the
genuine patch as the target: what is learnt is always a real picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

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


@dataclass(frozen=True)
class Augmentation:
    """How far a pair is changed at random, both pictures alike, so that few people stand for many.

    zoom: of the whole, stretch: of each axis by itself, shares. turn: radians; slant: shear. shift: standard deviation,
    patch coordinates. gain: of all channels, tint: of each, offset: 0..1. gamma, saturation: least and most. grey:
    share of pairs that lose all colour.
    """

    zoom: float
    stretch: float
    turn: float
    slant: float
    shift: float
    gain: float
    tint: float
    offset: float
    gamma: tuple[float, float]
    saturation: tuple[float, float]
    grey: float = 0.1


# Of a mouth that is told too exactly whose it is, the painter learns the training people's teeth by heart: their error
# was 30 % below the geometry's, strangers' 21 %. Eyes bear less: twice as much raised their L1 by 4 % at equal steps.
AUGMENTATIONS: Final = {
    "mouth": Augmentation(
        zoom=0.0, stretch=0.1, turn=0.09, slant=0.06, shift=0.02, gain=0.22, tint=0.07, offset=0.03,
        gamma=(0.75, 1.3), saturation=(0.4, 1.4),
    ),
    "eye": Augmentation(
        zoom=0.05, stretch=0.0, turn=0.0, slant=0.0, shift=0.015, gain=0.13, tint=0.03, offset=0.02,
        gamma=(1.0, 1.0), saturation=(1.0, 1.0),
    ),
}  # fmt: skip


class Placement(NamedTuple):
    """A patch shows ``grid @ matrix + shift``: matrix [B, 2, 2]; shift [B, 1, 2], patch coordinates."""

    matrix: Tensor
    shift: Tensor

    def moved(self, points: Tensor) -> Tensor:
        """Where points [B, N, 2], patch coordinates, come to lie: the same shape and unit."""
        return (points - self.shift) @ torch.linalg.inv(self.matrix)


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
        self.augmentation = AUGMENTATIONS[config.kind]
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
        placement = self._placement(size) if augment else as_it_is(size)
        source = self._pictures(sources, left, placement)
        target = self._pictures(targets, left, placement)
        points_source, points_target = placement.moved(points_source), placement.moved(points_target)
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
            pictures = self._pictures(rows, left, as_it_is(len(rows)))
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

    def _pictures(self, rows: np.ndarray, left: bool, placement: Placement) -> Tensor:
        if self.config.kind == "mouth":
            stack = np.stack([self.cache.mouth[row] for row in rows])
        else:
            stack = np.stack([self.cache.eyes[row, int(left)] for row in rows])
        pictures = torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 255
        if left:
            pictures = pictures.flip(-1)
        where = pixel_grid(self.config.size) @ placement.matrix + placement.shift
        where = where * (self.config.side / self.prepared_side)
        return sample(pictures, where.reshape(len(rows), self.config.size, self.config.size, 2))

    def _placement(self, size: int) -> Placement:
        kind = self.augmentation
        turn, slant = self._within(kind.turn, size), self._within(kind.slant, size)
        across, down = ((1.0 + self._within(kind.stretch, size)) for _ in range(2))
        zoom = 1.0 + self._within(kind.zoom, size)
        stretched = _matrices(across * zoom, slant, torch.zeros(size), down * zoom)
        turned = _matrices(turn.cos(), turn.sin(), -turn.sin(), turn.cos())
        return Placement(stretched @ turned, torch.tensor(self.rng.normal(0.0, kind.shift, (size, 1, 2))).float())

    def _within(self, reach: float, *shape: int) -> Tensor:
        """Numbers between -reach and reach."""
        return torch.tensor(self.rng.uniform(-reach, reach, shape), dtype=torch.float32)

    def _other_expression(self, photo: Tensor, change: Tensor) -> Tensor:
        """Landmarks of the made source: the photo's plus a change seen in a film, or (mouth) the lips closed."""
        if self.config.kind != "mouth":
            return photo + 0.6 * change
        closed = close_lips(photo)
        choose = torch.tensor(self.rng.random(len(photo)) < 0.6)[:, None, None]
        return torch.where(choose, closed, photo + change)

    def _recolour(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The same change of light for both, and sometimes no colour at all."""
        kind, size = self.augmentation, len(source)
        gain = (1.0 + self._within(kind.gain, size, 1, 1, 1)) * (1.0 + self._within(kind.tint, size, 3, 1, 1))
        offset = self._within(kind.offset, size, 1, 1, 1)
        gamma, saturation = (
            torch.tensor(self.rng.uniform(*span, (size, 1, 1, 1)), dtype=torch.float32)
            for span in (kind.gamma, kind.saturation)
        )
        grey = torch.tensor(self.rng.random((size, 1, 1, 1)) < kind.grey)
        both = torch.stack([source, target])
        both = torch.lerp(both.mean(2, keepdim=True).expand_as(both), both, torch.where(grey, 0.0, saturation))
        both = both.clamp(1e-4, 1.0) ** gamma
        both = (both * torch.where(grey, gain[:, :1], gain) + offset).clamp(0.0, 1.0)
        return both[0], both[1]


def as_it_is(size: int) -> Placement:
    """Nothing is moved."""
    return Placement(torch.eye(2).expand(size, -1, -1), torch.zeros(size, 1, 2))


def _matrices(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """[B] each → [[a, b], [c, d]], [B, 2, 2]."""
    return torch.stack([a, b, c, d], -1).unflatten(-1, (2, 2))


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
