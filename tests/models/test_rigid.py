import numpy as np
import pytest
import torch
from made_faces import person, photograph, turn
from vivant.models.canonical_face import canonical_face
from vivant.models.rigid import fit_similarity


def svd_rotation(reference: torch.Tensor, points: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Kabsch's solution, which the fit must agree with."""
    w = weights[:, None].double()
    a, b = reference.double(), points.double()
    covariance = (w * (a - (w * a).sum(0))).T @ (b - (w * b).sum(0))
    u, _, v = torch.linalg.svd(covariance)
    flip = torch.diag(torch.tensor([1.0, 1.0, float(torch.det(v.T @ u.T))], dtype=torch.float64))
    return (v.T @ flip @ u.T).float()


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"), [(0, 0, 0), (40, -20, 15), (-75, 30, -60), (10, 5, 180), (179, 0, 0)]
)
def test_recovers_a_known_transform(yaw: float, pitch: float, roll: float) -> None:
    face, rotation = canonical_face(), turn(yaw, pitch, roll)
    pose = fit_similarity(face.points, photograph(face.points, rotation, 130.0, 400.0, 300.0), face.weights)
    torch.testing.assert_close(pose.rotation, rotation, atol=2e-6, rtol=0)
    torch.testing.assert_close(pose.scale, torch.tensor(130.0), rtol=1e-5, atol=0)
    torch.testing.assert_close(pose.translation, torch.tensor([400.0, 300.0, 0.0]), atol=1e-3, rtol=0)


@pytest.mark.parametrize("seed", range(8))
def test_agrees_with_the_svd_on_points_that_do_not_fit(seed: int) -> None:
    face = canonical_face()
    generator = torch.Generator().manual_seed(seed)
    points = photograph(person(seed, 0.1), turn(seed * 12.0, -10.0, 7.0))
    points = points + torch.randn(points.shape, generator=generator) * 10.0
    pose = fit_similarity(face.points, points, face.weights)
    torch.testing.assert_close(pose.rotation, svd_rotation(face.points, points, face.weights), atol=5e-6, rtol=0)


def test_a_flat_face_has_a_pose() -> None:
    face = canonical_face()
    flat = face.points * torch.tensor([1.0, 1.0, 0.0])
    pose = fit_similarity(flat, photograph(flat, turn(roll=30)), face.weights)
    torch.testing.assert_close(pose.rotation, turn(roll=30), atol=1e-5, rtol=0)


def test_rotation_is_proper_even_for_a_mirrored_face() -> None:
    face = canonical_face()
    pose = fit_similarity(face.points, face.points * torch.tensor([1.0, 1.0, -1.0]), face.weights)
    assert np.isclose(torch.det(pose.rotation).item(), 1.0, atol=1e-5)


def test_invert_undoes_apply() -> None:
    face = canonical_face()
    pose = fit_similarity(face.points, photograph(person(3), turn(25, 10, -5)), face.weights)
    torch.testing.assert_close(pose.invert(pose.apply(face.points)), face.points, atol=1e-5, rtol=0)
