import pytest
import torch
from vivant.models import landmarks as lm
from vivant.models.canonical_face import canonical_face

PAIRS = [(lm.RIGHT_EYE, lm.LEFT_EYE), (lm.RIGHT_IRIS, lm.LEFT_IRIS), (lm.RIGHT_BROW, lm.LEFT_BROW)]


def test_mirror_mirrors_the_canonical_face() -> None:
    points = canonical_face().points
    torch.testing.assert_close(points[lm.MIRROR] * torch.tensor([-1.0, 1.0, 1.0]), points)
    assert sorted(lm.MIRROR) == list(range(lm.COUNT))


@pytest.mark.parametrize(("right", "left"), PAIRS)
def test_sides_list_the_same_points(right: list[int], left: list[int]) -> None:
    assert [lm.MIRROR[i] for i in right] == left
    points = canonical_face().points
    assert (points[right, 0] < 0).all()


@pytest.mark.parametrize("ring", [lm.LIPS_OUTER, lm.LIPS_INNER, lm.FACE_OVAL])
def test_middle_rings_are_symmetric(ring: list[int]) -> None:
    assert {lm.MIRROR[i] for i in ring} == set(ring)


@pytest.mark.parametrize("ring", [lm.LIPS_OUTER, lm.LIPS_INNER, lm.FACE_OVAL, lm.RIGHT_EYE, lm.RIGHT_BROW])
def test_rings_do_not_cross_themselves(ring: list[int]) -> None:
    """A ring in order encloses more than any other order: its edges are short."""
    points = canonical_face().points[ring, :2]
    edges = (points - points.roll(1, 0)).norm(dim=1)
    shuffled = points[torch.randperm(len(ring), generator=torch.Generator().manual_seed(0))]
    assert len(set(ring)) == len(ring)
    assert edges.sum() < 0.6 * (shuffled - shuffled.roll(1, 0)).norm(dim=1).sum()


def test_eyes_run_from_the_outer_corner_over_the_upper_lid() -> None:
    points = canonical_face().points
    for eye in (lm.RIGHT_EYE, lm.LEFT_EYE):
        assert points[eye[0], 0].abs() > points[eye[8], 0].abs()
        assert (points[eye[1:8], 1] < points[eye[:8:-1], 1]).all()
    assert [lm.RIGHT_EYE[0], lm.LEFT_EYE[0]] == lm.OUTER_EYE_CORNERS


def test_the_unit_is_the_distance_of_the_outer_eye_corners() -> None:
    face = canonical_face()
    right, left = face.points[lm.OUTER_EYE_CORNERS]
    assert torch.isclose((right - left).norm(), torch.tensor(1.0))
    assert torch.isclose(face.weights.sum(), torch.tensor(1.0))
    assert (face.weights >= 0).all()
