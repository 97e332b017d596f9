"""Several photos of one person: which of them a frame's mouth and eyes are taken from, and in which light."""

import torch
from torch import Tensor
from vivant.models import landmarks as lm
from vivant.models.canonical_face import canonical_face
from vivant.models.lending import (
    EYE_KIND,
    MOUTH_KIND,
    Patches,
    compared,
    first,
    in_the_light_of,
    merged,
    paint_patch,
    plain_dark,
    shapes_of,
    shares,
    skin_of,
    unlikeness,
)
from vivant.models.patch import MOUTH, PatchPainter, mouth_flow, mouth_frame, mouth_gap, mouth_masks

FACE = canonical_face().points[None, :, :2] * 64.0 + 128.0
AHEAD = torch.zeros(1, 2)


def mouth(gap: float) -> Tensor:
    """Landmarks [1, 478, 2] in patch coordinates with the inner lips so far apart everywhere but at the corners."""
    points = mouth_frame(FACE).to_patch(FACE)
    upper, lower = lm.LIPS_INNER[1:10], lm.LIPS_INNER[:10:-1]
    middle = 0.5 * (points[:, upper, 1] + points[:, lower, 1])
    half = 0.5 * gap
    points[:, upper, 1], points[:, lower, 1] = middle - half, middle + half
    points[:, lm.LIPS_OUTER[1:10], 1], points[:, lm.LIPS_OUTER[:10:-1], 1] = middle - half - 0.1, middle + half + 0.1
    points[:, lower, 0] = points[:, upper, 0]
    return points


def lips(points: Tensor) -> Tensor:
    return points[:, lm.LIPS_INNER]


def plain(level: float) -> Tensor:
    return torch.full((1, 3, MOUTH.size, MOUTH.size), level)


def photos(*each: tuple[Tensor, Tensor], unlike: tuple[float, ...] | None = None) -> Patches:
    """Mouths: pictures [1, 3, n, n] and landmarks."""
    pictures, points = (torch.cat(column) for column in zip(*each, strict=True))
    told = torch.tensor(unlike or [0.0] * len(each))
    return Patches(pictures, shapes_of(MOUTH_KIND, points), points, AHEAD.expand(len(each), -1), told)


def lent(patches: Patches, target: Tensor) -> Tensor:
    """The mouth that a painter gets."""
    share = shares(MOUTH_KIND, patches, target, AHEAD)
    return merged(patches, mouth_flow(patches.points, target), mouth_masks(patches.points, target), share).warped


def test_the_gap_is_what_lies_between_the_lips() -> None:
    torch.testing.assert_close(mouth_gap(lips(mouth(0.3))), torch.tensor([0.3]), atol=1e-5, rtol=0)


def test_a_photo_given_twice_tells_nothing_new() -> None:
    torch.manual_seed(0)
    picture, target = torch.rand(1, 3, MOUTH.size, MOUTH.size), mouth(0.3)
    for gap in (0.0, 0.1, 0.3):
        once, twice = (lent(photos(*[(picture, mouth(gap))] * count), target) for count in (1, 2))
        torch.testing.assert_close(once, twice, atol=2e-5, rtol=0)


def test_the_inside_of_an_opened_mouth_comes_from_the_photo_that_shows_it() -> None:
    """However little else of that photo is taken; where none shows it, it is dark."""
    target, shut = mouth(0.4), plain(0.6)
    inside = mouth_masks(mouth(0.0), target).inside.expand_as(shut) == 1
    alone, helped, neither = (
        lent(photos((shut, mouth(0.0)), other, unlike=(0.0, 0.2)), target)
        for other in ((shut, mouth(0.0)), (plain(0.9), target), (plain(0.9), mouth(0.0)))
    )
    torch.testing.assert_close(alone[inside], plain_dark(shut).expand_as(shut)[inside], atol=1e-3, rtol=0)
    torch.testing.assert_close(helped[inside], plain(0.9)[inside], atol=0.01, rtol=0)
    assert (neither[inside] < 0.4).all()
    outside = mouth_masks(mouth(0.0), target).inside.expand_as(shut) == 0
    assert (helped[outside] - 0.6).abs().max() < 0.02  # it looks unlike the main photo


def test_the_nearest_expression_counts_most_and_a_stranger_hardly() -> None:
    picture = plain(0.5)
    apart = photos((picture, mouth(0.0)), (picture, mouth(0.2)), (picture, mouth(0.4)))
    share = shares(MOUTH_KIND, apart, mouth(0.4), AHEAD)[0]
    assert share.sum().isclose(torch.tensor(1.0)) and share[0] < share[1] < share[2]
    stranger = photos((picture, mouth(0.1)), (picture, mouth(0.4)), unlike=(0.0, 0.25))
    assert shares(MOUTH_KIND, stranger, mouth(0.4), AHEAD)[0, 1] < 0.05
    turned = apart._replace(slopes=torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]))
    assert shares(MOUTH_KIND, turned, mouth(0.4), AHEAD)[0, 2] < share[2]


def test_both_eyes_come_from_the_same_photos() -> None:
    torch.manual_seed(0)
    points = torch.randn(4, 478, 2) * 0.1  # two photos: right, right, left, left
    patches = Patches(torch.rand(4, 3, 64, 64), torch.rand(4, 2, 64, 64), points, torch.zeros(4, 2), torch.zeros(4))
    share = shares(EYE_KIND, patches, points[[1, 3]], torch.zeros(2, 2))
    assert torch.equal(share[0], share[1]) and share[0, 1] > 0.9


def test_with_one_photo_the_sum_is_its_own_warp_and_the_dark() -> None:
    """`add` and `hidden` together make what the painter was given, when it paints nothing."""
    torch.manual_seed(0)
    painter = PatchPainter(MOUTH).eval()
    torch.nn.init.zeros_(painter.head.weight)
    patches, target = (
        photos((torch.rand(1, 3, 96, 96), mouth(0.05)), (torch.rand(1, 3, 96, 96), mouth(0.3))),
        mouth(0.3),
    )
    with torch.no_grad():
        painted = paint_patch(painter, MOUTH_KIND, patches, target, AHEAD)
        moved = torch.nn.functional.grid_sample(
            patches.pictures[:1], _where(painted.flow), padding_mode="border", align_corners=False
        )
    whole = painted.region == 1
    made = moved * (1 - painted.hidden) + painted.add
    torch.testing.assert_close(
        made[whole.expand_as(made)], lent(patches, target)[whole.expand_as(made)], atol=1e-4, rtol=0
    )


def _where(flow: Tensor) -> Tensor:
    axis = (torch.arange(96) + 0.5) / 48 - 1
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)
    return grid[None] + flow.permute(0, 2, 3, 1)


def test_people_do_not_mix() -> None:
    """Two people with two photos each, together as one by one."""
    torch.manual_seed(0)
    pairs = [
        photos((torch.rand(1, 3, 96, 96), mouth(a)), (torch.rand(1, 3, 96, 96), mouth(b)))
        for a, b in ((0, 0.3), (0.2, 0.1))
    ]
    both = Patches(*(torch.cat(parts) for parts in zip(*pairs, strict=True)))
    target = torch.cat([mouth(0.25), mouth(0.15)])
    ahead = AHEAD.expand(2, -1)
    masks, flow = mouth_masks(both.points, target), mouth_flow(both.points, target)
    together = merged(both, flow, masks, shares(MOUTH_KIND, both, target, ahead)).warped
    for i, pair in enumerate(pairs):
        torch.testing.assert_close(together[i : i + 1], lent(pair, target[i : i + 1]), atol=1e-5, rtol=0)
    torch.testing.assert_close(first(both.pictures, 2), both.pictures[::2])


def test_colours_follow_the_skin_not_the_mouth() -> None:
    """Another photo's mouth gets the main photo's light, however much brighter its teeth are."""
    points, generator = mouth(0.3), torch.Generator().manual_seed(0)
    main = torch.rand(1, 3, MOUTH.size, MOUTH.size, generator=generator) * 0.5 + 0.2
    tint = torch.tensor([0.7, 1.2, 0.9]).reshape(1, 3, 1, 1)
    between = mouth_masks(mouth(0.0), points).inside > 0.9
    other = torch.where(between, 0.9, main * tint)
    got = in_the_light_of(MOUTH_KIND, other, points, main, points)
    skin = (skin_of(MOUTH_KIND, points) > 0.5).expand_as(main)
    torch.testing.assert_close(got[skin], main[skin], atol=0.02, rtol=0)
    assert unlikeness(MOUTH_KIND, got, points, main, points) < 0.02


def test_how_unlike_a_photo_is_grows_with_what_differs() -> None:
    points, main = mouth(0.1), plain(0.5)
    beard = main.clone()
    beard[:, :, 60:] = 0.2
    pictures, told = compared(MOUTH_KIND, torch.cat([main, main, beard]), points.expand(3, -1, -1), 3)
    assert told[0] == told[1] == 0 and told[2] > 0.05
    assert torch.equal(pictures[0], main[0])
