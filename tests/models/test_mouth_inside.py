"""What another photo tells of the inside of a mouth: where it is used, how much of it, and in which light."""

import torch
from torch import Tensor
from vivant.models import landmarks as lm
from vivant.models.canonical_face import canonical_face
from vivant.models.mouth_inside import MouthReference, in_the_light_of, plain_dark, seen_inside
from vivant.models.patch import MOUTH, mouth_frame, mouth_gap, mouth_masks

FACE = canonical_face().points[None, :, :2] * 64.0 + 128.0


def mouth(gap: float) -> Tensor:
    """Landmarks [1, 478, 2] in patch coordinates with the inner lips so far apart everywhere but at the corners."""
    points = mouth_frame(FACE).to_patch(FACE)
    upper, lower = lm.LIPS_INNER[1:10], lm.LIPS_INNER[:10:-1]
    middle = 0.5 * (points[:, upper, 1] + points[:, lower, 1])
    points[:, upper, 1], points[:, lower, 1] = middle - 0.5 * gap, middle + 0.5 * gap
    points[:, lower, 0] = points[:, upper, 0]
    return points


def lips(points: Tensor) -> Tensor:
    return points[:, lm.LIPS_INNER]


def striped() -> Tensor:
    stripes = torch.arange(MOUTH.size).remainder(8).div(8.0)
    return stripes.expand(1, 3, MOUTH.size, MOUTH.size).contiguous()


def test_the_gap_is_what_lies_between_the_lips() -> None:
    torch.testing.assert_close(mouth_gap(lips(mouth(0.3))), torch.tensor([0.3]), atol=1e-5, rtol=0)


def test_a_photo_that_is_its_own_reference_tells_nothing() -> None:
    source = torch.full((1, 3, MOUTH.size, MOUTH.size), 0.6)
    for gap in (0.0, 0.05, 0.2):
        own, target = lips(mouth(gap)), lips(mouth(0.4))
        seen = seen_inside(MouthReference(striped(), own), source, own, target)
        hidden = mouth_masks(mouth(gap), mouth(0.4)).hidden
        torch.testing.assert_close(hidden * seen, hidden * plain_dark(source), atol=1e-4, rtol=0)


def test_an_open_mouth_is_shown_where_it_fits_the_target() -> None:
    """A reference as open as the target is seen as it is; one half as open is stretched over the same place."""
    source, target = torch.zeros(1, 3, MOUTH.size, MOUTH.size), mouth(0.4)
    same = seen_inside(MouthReference(striped(), lips(target)), source, lips(mouth(0.0)), lips(target))
    torch.testing.assert_close(same, striped(), atol=1e-4, rtol=0)
    rows = torch.linspace(0, 1, MOUTH.size).reshape(1, 1, -1, 1).expand(1, 3, -1, MOUTH.size)
    half = seen_inside(MouthReference(rows, lips(mouth(0.3))), source, lips(mouth(0.0)), lips(target))
    inside = mouth_masks(mouth(0.0), target).hidden[0, 0] == 1
    slope = (half[0, 0, 1:] - half[0, 0, :-1])[inside[1:] & inside[:-1]].mean() * (MOUTH.size - 1)
    assert 0.6 < slope < 0.95  # 0.75 if the inner lips alone decided


def test_a_closed_reference_leaves_the_dark() -> None:
    source, shut = torch.full((1, 3, MOUTH.size, MOUTH.size), 0.6), lips(mouth(0.0))
    seen = seen_inside(MouthReference(striped(), shut), source, shut, lips(mouth(0.4)))
    torch.testing.assert_close(seen, plain_dark(source).expand_as(seen), atol=1e-4, rtol=0)


def test_colours_follow_the_skin_not_the_mouth() -> None:
    """A reference in other light gets the main photo's, however much brighter its teeth are."""
    points, generator = mouth(0.3), torch.Generator().manual_seed(0)
    main = torch.rand(1, 3, MOUTH.size, MOUTH.size, generator=generator) * 0.5 + 0.2
    tint = torch.tensor([0.7, 1.2, 0.9]).reshape(1, 3, 1, 1)
    between = mouth_masks(mouth(0.0), points).hidden > 0.9
    other = torch.where(between, 0.9, main * tint)
    got = in_the_light_of(other, points, main, points)
    skin = ~mouth_masks(points, points).condition[:, 2:].bool().expand_as(main)
    torch.testing.assert_close(got[skin], main[skin], atol=0.02, rtol=0)
