"""What lies between lips that were closed in the photo: nothing but dark, or what another photo of the person shows."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from . import landmarks as lm
from .patch import INSIDE_SIGMA, MOUTH, assigned_flow, opened, patch_window, warp_patch
from .polygon import fill_polygon

HIDDEN_LEVEL = 0.35  # brightness of the inside of a mouth before it is painted, of the mouth's surroundings


def plain_dark(source: Tensor) -> Tensor:
    """The inside of a mouth of which nothing is known: source [B, 3, n, n] 0..1 → [B, 3, 1, 1]."""
    return HIDDEN_LEVEL * source.mean((2, 3), keepdim=True)


class MouthReference(NamedTuple):
    """Another photo's mouth: picture [B, 3, n, n] 0..1, in the main photo's light; lips [B, 20, 2]: the inner lips'
    landmarks in its patch's coordinates. The main photo's own tells nothing new."""

    picture: Tensor
    lips: Tensor


def seen_inside(reference: MouthReference, source: Tensor, lips: Tensor, target: Tensor) -> Tensor:
    """The inside of the target's mouth as another photo shows it; dark as far as that one's mouth is closed too.

    Args:
        reference: see there. source: the main photo's patch [B, 3, n, n] 0..1.
        lips, target: inner lips [B, 20, 2] of the main photo and of the target, patch coordinates.

    Returns:
        [B, 3, n, n], to be used where the main photo's mouth hides what the target's shows (`PatchMasks.hidden`).
    """
    flow = assigned_flow(MOUTH, INSIDE_SIGMA, reference.lips, target)
    shown = 1.0 - opened(reference.lips, target) / (opened(lips, target) + 1e-6)
    return torch.lerp(plain_dark(source), warp_patch(reference.picture, flow), shown.clamp(0.0, 1.0))


def in_the_light_of(picture: Tensor, points: Tensor, main: Tensor, main_points: Tensor) -> Tensor:
    """A mouth's patch in the colours of another's: each channel times the ratio of the skin around the lips.

    picture, main: [B, 3, n, n] 0..1; points, main_points: their landmarks [B, 478, 2] in patch coordinates.
    """
    means = []
    for patch, own in ((picture, points), (main, main_points)):
        skin = patch_window(MOUTH.size, patch.device) * (1.0 - fill_polygon(own[:, lm.LIPS_OUTER], MOUTH.size))
        means.append((patch * skin).sum((2, 3), keepdim=True) / skin.sum((2, 3), keepdim=True))
    return (picture * (means[1] / means[0].clamp_min(0.02)).clamp(0.5, 2.0)).clamp(0.0, 1.0)
