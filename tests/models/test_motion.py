import math
from collections.abc import Iterator

import pytest
import torch
from made_faces import person, photograph, turn, with_eyes, with_mouth
from torch import Tensor
from vivant.models import landmarks as lm
from vivant.models.face_parts import face_parts, openings
from vivant.models.motion import Motion, Retarget, scale_rotation

ONES = torch.ones(5)
MOTION, RETARGET = Motion(), Retarget()
Moved = tuple[Tensor, Tensor, Tensor, Tensor]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Motion is thousands of tiny operations, for which threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def motion_between(before: Tensor, after: Tensor) -> Moved:
    return MOTION(before, after)


def gains(pose: float = 1, expression: float = 1, eyes: float = 1, lips: float = 1, gaze: float = 1) -> Tensor:
    return torch.tensor([pose, expression, eyes, lips, gaze], dtype=torch.float32)


def lively_motion() -> Moved:
    """Head turned, grown and shifted, eyes nearly closed, mouth open, eyes looking aside."""
    rest = person(7)
    acting = with_mouth(with_eyes(rest, 0.1), 0.2)
    acting[lm.RIGHT_IRIS + lm.LEFT_IRIS, 0] += 0.04
    return motion_between(photograph(rest, turn(4, 2, 1)), photograph(acting, turn(20, -8, 6), 110.0, 262.0, 190.0))


def eyes_of(landmarks: Tensor) -> Tensor:
    _, _, shape = RETARGET.pose(landmarks)
    return openings(face_parts().gap, shape)[0]


def lips_of(landmarks: Tensor) -> Tensor:
    _, _, shape = RETARGET.pose(landmarks)
    return openings(face_parts().gap, shape)[1]


@pytest.mark.parametrize("seed", range(5))
def test_identity_motion_returns_the_source_exactly(seed: int) -> None:
    source = photograph(with_mouth(person(seed, 0.05), 0.03 * seed), turn(12.0 * seed - 30, 4.0 * seed, -7.0))
    identity = torch.eye(3), torch.zeros(3), torch.zeros(()), torch.zeros(lm.COUNT, 3)
    assert torch.equal(RETARGET(source, *identity, ONES), source)


@pytest.mark.parametrize("seed", range(5))
def test_without_gains_the_source_stays_exactly(seed: int) -> None:
    source = photograph(person(seed, 0.05), turn(12.0 * seed - 30, 4.0 * seed, -7.0))
    assert torch.equal(RETARGET(source, *lively_motion(), torch.zeros(5)), source)


def test_no_motion_is_measured_where_there_is_none() -> None:
    picture = photograph(person(3), turn(15, 5, -4))
    rotation, translation, scale, expression = motion_between(picture, picture.clone())
    torch.testing.assert_close(rotation, torch.eye(3), atol=1e-6, rtol=0)
    assert translation.abs().max() == 0
    assert scale == 0
    assert expression.abs().max() == 0


def test_a_rigid_motion_has_no_expression() -> None:
    face = person(1)
    before, after = photograph(face, turn(5, 3, 0)), photograph(face, turn(-20, 10, 8), 120.0, 300.0, 170.0)
    rotation, translation, scale, expression = motion_between(before, after)
    torch.testing.assert_close(rotation, turn(-20, 10, 8) @ turn(5, 3, 0).T, atol=1e-5, rtol=0)
    assert math.isclose(scale.item(), math.log(1.2), abs_tol=1e-5)
    assert translation[2] == 0
    assert expression.abs().max() < 1e-5


@pytest.mark.parametrize("seed", range(4))
def test_a_driver_reenacts_itself(seed: int) -> None:
    rest = person(seed)
    acting = with_mouth(with_eyes(rest, 0.4), 0.12)
    before = photograph(rest, turn(10, -4, 3))
    after = photograph(acting, turn(-12, 6, -5), 108.0, 240.0, 215.0)
    again = RETARGET(before, *motion_between(before, after), ONES)
    torch.testing.assert_close(again[:, :2], after[:, :2], atol=2e-3, rtol=0)


def test_motion_does_not_depend_on_where_and_how_large_the_driver_is() -> None:
    rest, acting = person(2), with_mouth(person(2), 0.15)
    small = motion_between(photograph(rest, turn(), 60.0), photograph(acting, turn(10), 60.0))
    large = motion_between(photograph(rest, turn(), 240.0, 900, 700), photograph(acting, turn(10), 240.0, 900, 700))
    for a, b in zip(small, large, strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=0)


@pytest.mark.parametrize("source_eyes", [0.5, 1.0, 1.8])
@pytest.mark.parametrize("yaw", [-35, 0, 35])
def test_a_blink_closes_any_eyes(source_eyes: float, yaw: float) -> None:
    rest = person(5)
    blink = motion_between(photograph(rest, turn()), photograph(with_eyes(rest, 0.0), turn()))
    source = photograph(with_eyes(person(6), source_eyes), turn(yaw, 5, 4))
    assert (eyes_of(source) > 0.02).all()
    closed = eyes_of(RETARGET(source, *blink, ONES))
    # Lids differ in form, so some columns touch first: what is left open is a small share of the eye.
    assert (closed < 0.12 * eyes_of(source) + 1e-4).all()
    assert (closed > -1e-4).all()


def test_lids_and_lips_never_cross() -> None:
    rest = with_mouth(with_eyes(person(8), 1.5), 0.1)
    shut = with_mouth(with_eyes(rest, -0.2), -0.05)
    motion = motion_between(photograph(rest, turn()), photograph(shut, turn()))
    source = photograph(with_mouth(person(9), 0.02), turn())
    gap = face_parts().gap
    _, _, before = RETARGET.pose(source)
    _, _, after = RETARGET.pose(RETARGET(source, *motion, gains(expression=1.5)))
    assert (gap @ (before + 1.5 * motion[3])[:, 1]).min() < -0.05, "the case is one where they would"
    assert (gap @ after[:, 1]).min() > -2e-3


def test_a_smiling_mouth_has_less_room_to_open() -> None:
    rest = with_mouth(person(1), 0.0)
    open_wide = motion_between(photograph(rest, turn()), photograph(with_mouth(rest, 0.15), turn()))
    growth = []
    for opening in (0.0, 0.1, 0.2):
        source = photograph(with_mouth(person(2), opening), turn())
        growth.append(lips_of(RETARGET(source, *open_wide, ONES)) - lips_of(source))
    assert growth[0] > growth[1] > growth[2] > 0.02


def test_pose_gain_scales_the_turn() -> None:
    face = person(3)
    before = photograph(face, turn())
    motion = motion_between(before, photograph(face, turn(yaw=24), 125.0, 270.0, 200.0))
    half = RETARGET(before, *motion, gains(pose=0.5))
    expected = photograph(face, turn(yaw=12), 100.0 * math.sqrt(1.25), 260.0, 200.0)
    torch.testing.assert_close(half[:, :2], expected[:, :2], atol=2e-2, rtol=0)


def test_eye_lip_and_gaze_gains_act_on_their_parts_alone() -> None:
    source, motion = photograph(person(4), turn(8, 2, 1)), lively_motion()
    full = RETARGET(source, *motion, ONES)
    no_eyes, no_lips = RETARGET(source, *motion, gains(eyes=0)), RETARGET(source, *motion, gains(lips=0))
    no_gaze = RETARGET(source, *motion, gains(gaze=0))
    lids, lips, irises = lm.RIGHT_EYE + lm.LEFT_EYE, lm.LIPS_INNER, lm.RIGHT_IRIS + lm.LEFT_IRIS
    torch.testing.assert_close(no_eyes[lips], full[lips])
    torch.testing.assert_close(no_lips[lids], full[lids])
    torch.testing.assert_close(no_gaze[lids + lips], full[lids + lips])
    torch.testing.assert_close(eyes_of(no_eyes), eyes_of(source), atol=5e-3, rtol=0)
    torch.testing.assert_close(lips_of(no_lips), lips_of(source), atol=5e-3, rtol=0)
    assert (no_gaze[irises] - full[irises]).norm(dim=1).min() > 1.0
    assert eyes_of(full).max() < 0.5 * eyes_of(source).min()
    assert lips_of(full) > lips_of(source) + 0.05


@pytest.mark.parametrize("look", [-0.3, 0.3])
def test_irises_stay_in_their_eyes_and_stay_round(look: float) -> None:
    rest = person(2)
    looking = rest.clone()
    looking[lm.RIGHT_IRIS + lm.LEFT_IRIS, 0] += look
    motion = motion_between(photograph(rest, turn()), photograph(looking, turn()))
    source = photograph(person(6), turn())
    target = RETARGET(source, *motion, gains(gaze=2))
    for eye, iris in ((lm.RIGHT_EYE, lm.RIGHT_IRIS), (lm.LEFT_EYE, lm.LEFT_IRIS)):
        corners = target[[eye[0], eye[8]], 0]
        assert corners.min() < target[iris[0], 0] < corners.max()
        assert (target[iris[0], 0] - source[iris[0], 0]) * look > 0
        torch.testing.assert_close(target[iris] - target[iris[0]], source[iris] - source[iris[0]], atol=1e-3, rtol=0)


def test_a_mirrored_driver_moves_a_mirrored_source_the_mirrored_way() -> None:
    def mirrored(landmarks: Tensor) -> Tensor:
        return landmarks[lm.MIRROR] * torch.tensor([-1.0, 1.0, 1.0]) + torch.tensor([500.0, 0.0, 0.0])

    rest, source = photograph(person(1), turn(5)), photograph(person(2), turn(-15, 4, 3))
    acting = photograph(with_mouth(with_eyes(person(1), 0.3), 0.1), turn(25, 5, -6), 105.0, 270.0)
    target = RETARGET(source, *motion_between(rest, acting), ONES)
    other = RETARGET(mirrored(source), *motion_between(mirrored(rest), mirrored(acting)), ONES)
    torch.testing.assert_close(other, mirrored(target), atol=5e-3, rtol=0)


@pytest.mark.parametrize("part", ["eyes", "lips"])
def test_parts_fade_smoothly(part: str) -> None:
    parts, points = face_parts(), RETARGET.canonical
    weights = parts.eyes.sum(0) if part == "eyes" else parts.lips
    apart = torch.cdist(points, points) + torch.eye(lm.COUNT)
    steepest = ((weights[:, None] - weights).abs() / apart.clamp(min=0.02)).max()
    assert weights.min() == 0
    assert weights.max() == 1
    assert steepest < 10, "neighbours 0.02 apart must not differ by more than a fifth"


@pytest.mark.parametrize("gain", [0.0, 0.5, 1.0, 1.5, -1.0])
@pytest.mark.parametrize("angles", [(30, 0, 0), (-20, 40, 10), (0, 0, 90), (0.01, 0, 0)])
def test_scaled_rotation_turns_about_the_same_axis(angles: tuple[float, float, float], gain: float) -> None:
    rotation = turn(*angles)
    scaled = scale_rotation(rotation, torch.tensor(gain))
    angle = math.acos(min(1.0, (rotation.trace().item() - 1) / 2))
    skew = (rotation - rotation.T) / 2
    expected = torch.linalg.matrix_exp(gain * angle / max(math.sin(angle), 1e-9) * skew) if angle > 1e-3 else None
    if expected is not None:
        torch.testing.assert_close(scaled, expected, atol=2e-4, rtol=0)
    torch.testing.assert_close(scaled @ scaled.T, torch.eye(3), atol=1e-5, rtol=0)
