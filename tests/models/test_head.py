import pytest
import torch
from made_faces import person, photograph, turn
from vivant.models.head import SIDE, head_region


@pytest.mark.parametrize("yaw", [-50, -20, 0, 20, 50])
@pytest.mark.parametrize("roll", [-25, 0, 25])
def test_region_is_whole_pixels_and_holds_the_face(yaw: float, roll: float) -> None:
    landmarks = photograph(person(1), turn(yaw, 5, roll), 83.3, 251.7, 199.2)
    x, y, side, angle = head_region(landmarks).tolist()
    assert angle == 0.0
    assert side % 2 == 0
    assert x.is_integer()
    assert y.is_integer()
    low, high = landmarks[:, :2].min(0).values, landmarks[:, :2].max(0).values
    assert low[0] > x - side / 2
    assert low[1] > y - side / 2
    assert high[0] < x + side / 2
    assert high[1] < y + side / 2 - 0.5 * side / SIDE, "no room for shoulders"


def test_side_is_rounded_up_from_the_eye_distance() -> None:
    landmarks = photograph(person(2), turn(), 100.0)
    distance = (landmarks[33] - landmarks[263]).norm().item()
    side = head_region(landmarks)[2].item()
    assert SIDE * distance <= side < SIDE * distance + 2.0


def test_turning_the_head_neither_moves_nor_resizes_the_square_much() -> None:
    straight = head_region(photograph(person(4), turn()))
    turned = head_region(photograph(person(4), turn(yaw=35)))
    assert abs(straight[2] - turned[2]) <= 2.0
    assert (straight[:2] - turned[:2]).norm() < 0.06 * straight[2]


def test_head_follows_its_picture() -> None:
    landmarks = photograph(person(5), turn(10, 5, 3))
    moved = landmarks + torch.tensor([64.0, -32.0, 0.0])
    torch.testing.assert_close(head_region(moved), head_region(landmarks) + torch.tensor([64.0, -32.0, 0.0, 0.0]))
