"""What the student keeps of photos, and what it says of one frame."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .compose import Maps
from .tiles import Tile, place


class Encoded(NamedTuple):
    """What `render` needs of a photo, and of K − 1 others of the same person. All float32; S is the rendered size.

    texture [1, 3, 2S − 1, 2S − 1] about 0..1 (see `double_texture`); alpha [1, 1, S, S] 0..1, fades out at the square's
    border; features [1, 28, 64, 64] (RGB, matte, learnt); plate [1, 3, 64, 64]; square [4] the region, pixels; anchors
    [1, 176, 3] landmarks, normalised; frames [3, 3, 2] where mouth, right and left eye lie: centre and two half axes,
    normalised (`PatchFrame`).
    Of every photo, the animated one first: mouth [K, 3, 96, 96]; eyes [2K, 3, 64, 64] (right ones, then left ones,
    mirrored); mouth_mask [K, 1, 96, 96]; eye_mask [2K, 2, 64, 64]; mouth_points [K, 478, 2] and eye_points [2K, 478, 2]
    landmarks, patch coordinates; slopes [K, 2] of the head; unlike [2, K] how much mouth and eyes differ from the first
    photo's (`unlikeness`).
    """

    texture: Tensor
    alpha: Tensor
    features: Tensor
    plate: Tensor
    square: Tensor
    anchors: Tensor
    frames: Tensor
    mouth: Tensor
    eyes: Tensor
    mouth_mask: Tensor
    eye_mask: Tensor
    mouth_points: Tensor
    eye_points: Tensor
    slopes: Tensor
    unlike: Tensor


class Referred(NamedTuple):
    """Of `Encoded`, what tells of several photos: the same with one photo more."""

    mouth: Tensor
    eyes: Tensor
    mouth_mask: Tensor
    eye_mask: Tensor
    mouth_points: Tensor
    eye_points: Tensor
    slopes: Tensor
    unlike: Tensor


class Moved(NamedTuple):
    """Motion of N squares before its parts are put together.

    coarse: maps at 64 × 64. mouth: N tiles; eyes: 2N, right ones first. matte: [N, 1, 64, 64], share of person.
    """

    coarse: Maps
    mouth: Tile
    eyes: Tile
    matte: Tensor

    def maps(self) -> Maps:
        """Put together, N leading. For training: tiles are placed one square after the other."""
        count, gpu = len(self.matte), self.matte.device.type != "cpu"
        each = [
            place(
                Maps(*(part[i : i + 1] for part in self.coarse)),
                self.mouth.chosen([i]),
                self.eyes.chosen([i, count + i]),
                whole=gpu,  # which would wait for a computed place
            )
            for i in range(count)
        ]
        return Maps(*(torch.cat(parts) for parts in zip(*each, strict=True)))
