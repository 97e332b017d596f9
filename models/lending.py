"""Mouth and eyes from several photos of one person: every frame takes them from the photos that come nearest to it.

The geometry moves all photos' patches to the target; a softmax over the photos says how much of each is seen. Eyes that
look aside lend their irises; what lies between lips is taken from those photos alone that show it, and is a plain dark
where none does. What speaks against a photo is how much its expression and pose differ from the target's, and that it
does not look like the main photo (other glasses, another person). The teacher's attention over its photos
(`warp_branch.py`) is the same idea, spot by spot, and learnt.

N people with K photos each, the main one first: tensors lead with N·K, the photos of a person in a row. Eyes count as
people: N right ones, then N left ones, mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

from . import landmarks as lm
from .patch import (
    EYE,
    MOUTH,
    PatchMasks,
    PatchPainter,
    eye_flow,
    eye_masks,
    eye_shape,
    mouth_flow,
    mouth_masks,
    patch_window,
    warp_patch,
)
from .polygon import fill_polygon

HIDDEN_LEVEL = 0.35  # brightness of the inside of a mouth before it is painted, of the mouth's surroundings


@dataclass(frozen=True)
class Kind:
    """What differs between mouths and eyes.

    size: pixels on a side of the patch. ring: the landmarks by which expressions are compared.
    expression, turn, unlike: logits per unit of what speaks against a photo: the mean distance of those landmarks
    (patch coordinates), the difference of the head's slopes, and `unlikeness`. Chosen on people of the training split.
    """

    size: int
    ring: tuple[int, ...]
    expression: float
    turn: float
    unlike: float


MOUTH_KIND: Final = Kind(MOUTH.size, (*lm.LIPS_INNER, *lm.LIPS_OUTER), expression=20.0, turn=2.0, unlike=50.0)
EYE_KIND: Final = Kind(EYE.size, (*lm.RIGHT_EYE, *lm.RIGHT_IRIS), expression=40.0, turn=2.0, unlike=20.0)


class Patches(NamedTuple):
    """The mouths, or eyes, of photos.

    pictures [N·K, 3, n, n] 0..1, in the main photo's light; shapes [N·K, 1 or 2, n, n]: of the inner lips, or of an
    eye's opening and its iris; points [N·K, 478, 2] patch coordinates; slopes [N·K, 2] of the head; unlike [N·K].
    """

    pictures: Tensor
    shapes: Tensor
    points: Tensor
    slopes: Tensor
    unlike: Tensor


class Lent(NamedTuple):
    """A person's patch as the painter gets it, and what of it is not the main photo's.

    warped, source [N, 3, n, n]; shapes [N, 1 or 2, n, n]; slopes [N, 2]: means over the photos. hidden [N, 1, n, n]:
    the share of the main photo's warp that gives way. cover [N, 3, n, n]: added to the rest it becomes `warped`.
    """

    warped: Tensor
    source: Tensor
    shapes: Tensor
    slopes: Tensor
    hidden: Tensor
    cover: Tensor


class PaintedPatch(NamedTuple):
    """What a target's patch is made of: ``warp(main photo, flow) · (1 − hidden) + add``, inside `region`.

    flow [N, 2, n, n] patch coordinates; add [N, 3, n, n]; region, hidden [N, 1, n, n]; condition [N, M, n, n]: the
    shapes that the painter was told.
    """

    flow: Tensor
    add: Tensor
    condition: Tensor
    region: Tensor
    hidden: Tensor


def paint_patch(painter: PatchPainter, kind: Kind, patches: Patches, target: Tensor, slopes: Tensor) -> PaintedPatch:
    """Move, merge and paint N patches. target [N, 478, 2] patch coordinates; slopes [N, 2] of the target's head."""
    people = target.shape[0]
    with torch.autocast(target.device.type, enabled=False):  # in half precision coordinates would move by pixels
        if kind is MOUTH_KIND:
            flow, masks = mouth_flow(patches.points, target), mouth_masks(patches.points, target)
        else:
            flow, masks = eye_flow(patches.points, target), eye_masks(patches.points, target)
        share = shares(kind, patches, target, slopes)
        lent = merged(patches, flow, masks, share)
    condition = torch.cat([lent.shapes, masks.condition], 1)
    painted = painter(lent.warped, lent.source, condition, masks.region, torch.cat([lent.slopes, slopes], 1))
    # The shift moves the main photo's own pixels, as far as they are seen.
    shift = painted.shift * share[:, :1].reshape(people, 1, 1, 1)
    add = painted.add + lent.cover * torch.maximum(masks.region, lent.hidden)
    return PaintedPatch(first(flow, people) + shift, add, condition, masks.region, lent.hidden)


def shares(kind: Kind, patches: Patches, target: Tensor, slopes: Tensor) -> Tensor:
    """How much of each photo is seen: [N, K], sums to 1; for both eyes of a face the same."""
    people, ring = target.shape[0], list(kind.ring)
    own = patches.points[:, ring].reshape(people, -1, len(ring), 2)
    distance = (own - target[:, None, ring]).square().sum(-1).add(1e-12).sqrt().mean(2)
    turned = (patches.slopes.reshape(people, -1, 2) - slopes[:, None]).abs().sum(2)
    unlike = patches.unlike.reshape(people, -1)
    against = kind.expression * distance + kind.turn * turned + kind.unlike * unlike
    if kind is EYE_KIND:
        half = people // 2
        against = torch.cat([0.5 * (against[:half] + against[half:])] * 2)
    return (-against).softmax(1)


def merged(patches: Patches, flow: Tensor, masks: PatchMasks, share: Tensor) -> Lent:
    """The photos' patches, moved by flow [N·K, 2, n, n] and weighted by share [N, K]."""
    people, size = share.shape[0], patches.pictures.shape[-1]
    moved = warp_patch(patches.pictures, flow)
    planes = torch.cat([moved, patches.pictures, patches.shapes], 1)
    channels = planes.shape[1]
    # Of the inside of a mouth a photo counts as far as it shows it; the little that is added decides if none does.
    showing = share * (1.0 - masks.missing + 1e-5)
    showing = showing / showing.sum(1, keepdim=True)
    weights = torch.stack([share, showing], 1)
    means = weights @ planes.reshape(people, -1, channels * size * size)
    slopes = (weights[:, :1] @ patches.slopes.reshape(people, -1, 2)).reshape(-1, 2)
    around, between = means.reshape(people, 2, channels, size, size).unbind(1)
    source = around[:, 3:6]
    warped = torch.lerp(around[:, :3], between[:, :3], masks.inside)
    unknown = masks.inside * masks.missing.amin(1).reshape(people, 1, 1, 1)
    warped = torch.lerp(warped, plain_dark(source).expand_as(warped), unknown)
    hidden = masks.inside * masks.missing[:, :1].reshape(people, 1, 1, 1)
    cover = warped - first(moved, people) * (1.0 - hidden)
    return Lent(warped, source, around[:, 6:], slopes, hidden, cover)


def first(planes: Tensor, people: int) -> Tensor:
    """The main photos' [N·K, C, n, n] → [N, C, n, n]."""
    channels, size = planes.shape[1], planes.shape[-1]
    return planes.reshape(people, -1, channels * size * size)[:, 0].reshape(people, channels, size, size)


def plain_dark(source: Tensor) -> Tensor:
    """The inside of a mouth of which nothing is known: source [B, 3, n, n] 0..1 → [B, 3, 1, 1]."""
    return HIDDEN_LEVEL * source.mean((2, 3), keepdim=True)


def shapes_of(kind: Kind, points: Tensor) -> Tensor:
    """`Patches.shapes` of landmarks [B, 478, 2] in patch coordinates."""
    if kind is MOUTH_KIND:
        return fill_polygon(points[:, lm.LIPS_INNER], kind.size)
    return eye_shape(points, kind.size)


def skin_of(kind: Kind, points: Tensor) -> Tensor:
    """Where a patch shows neither the mouth nor the eyeball, whatever the expression: [B, 1, n, n]."""
    ring = lm.LIPS_OUTER if kind is MOUTH_KIND else lm.RIGHT_EYE
    return patch_window(kind.size, points.device) * (1.0 - fill_polygon(points[:, ring], kind.size))


def in_the_light_of(kind: Kind, picture: Tensor, points: Tensor, main: Tensor, main_points: Tensor) -> Tensor:
    """A patch in the colours of another: each channel times the ratio of the skin around the lips, or the eye.

    picture, main: [B, 3, n, n] 0..1; points, main_points: their landmarks [B, 478, 2] in patch coordinates.
    """
    means = []
    for patch, own in ((picture, points), (main, main_points)):
        skin = skin_of(kind, own)
        means.append((patch * skin).sum((2, 3), keepdim=True) / skin.sum((2, 3), keepdim=True))
    return (picture * (means[1] / means[0].clamp_min(0.02)).clamp(0.5, 2.0)).clamp(0.0, 1.0)


def unlikeness(kind: Kind, picture: Tensor, points: Tensor, main: Tensor, main_points: Tensor) -> Tensor:
    """Mean absolute difference of the skin of two photos' patches, the one moved onto the other: [B].

    Arguments as for `in_the_light_of`, in the same light already.
    """
    flow = (mouth_flow if kind is MOUTH_KIND else eye_flow)(points, main_points)
    skin = skin_of(kind, main_points)
    difference = (warp_patch(picture, flow) - main).abs().mean(1, keepdim=True)
    return (difference * skin).sum((1, 2, 3)) / skin.sum((1, 2, 3))


def in_its_light(kind: Kind, picture: Tensor, points: Tensor, main: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    """Another photo's patch in the main one's colours, and how much it differs from it all the same."""
    picture = in_the_light_of(kind, picture, points, main, theirs)
    return picture, unlikeness(kind, picture, points, main, theirs)


def compared(kind: Kind, pictures: Tensor, points: Tensor, photos: int) -> tuple[Tensor, Tensor]:
    """`in_its_light` for N · K patches of N people, each photo beside its person's first."""
    main, theirs = (x[::photos].repeat_interleave(photos, 0) for x in (pictures, points))
    return in_its_light(kind, pictures, points, main, theirs)
