"""Geometry against slow references, written point by point."""

import numpy as np
import pytest
import torch
from vivant.models.anchors import FACE
from vivant.models.geometry import (
    assigned,
    assigned_raster,
    fit_affine,
    geometry_baseline,
    landmark_flow,
    normalise_points,
    pixel_grid,
    soft_assignment,
    warp_by_landmarks,
)


@pytest.fixture
def points() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).uniform(-0.6, 0.6, (1, 40, 2)).astype(np.float32))


def test_pixel_grid_holds_pixel_centres_row_by_row() -> None:
    grid = pixel_grid(4)
    assert grid.shape == (16, 2)
    assert grid[0].tolist() == [-0.75, -0.75]
    assert grid[1].tolist() == [-0.25, -0.75]
    assert torch.equal(pixel_grid(torch.tensor(4)), grid)


def test_normalised_points_span_the_square() -> None:
    region = torch.tensor([100.0, 60.0, 40.0, 0.0])
    corners = torch.tensor([[80.0, 40.0, 0.0], [120.0, 80.0, 10.0]])
    assert torch.equal(normalise_points(corners, region), torch.tensor([[-1.0, -1.0, 0.0], [1.0, 1.0, 0.5]]))


def test_soft_assignment_is_the_softmax_of_squared_distances(points: torch.Tensor) -> None:
    grid, sigma = pixel_grid(6), 0.12
    got = soft_assignment(grid, points, sigma)[0].double().numpy()
    for row, (x, y) in enumerate(grid.tolist()):
        weights = [np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * sigma**2)) for a, b in points[0].tolist()]
        np.testing.assert_allclose(got[row], np.array(weights) / sum(weights), atol=2e-5)


@pytest.mark.parametrize("people", [1, 2])
def test_a_raster_is_assigned_row_by_column_as_it_is_point_by_point(people: int) -> None:
    random = np.random.default_rng(people)
    anchors = torch.from_numpy(random.uniform(-0.8, 0.8, (people, 60, 2)).astype(np.float32))
    values = torch.from_numpy(random.normal(size=(people, 60, 4)).astype(np.float32))
    expected = assigned(pixel_grid(24), anchors, values, 0.1).unflatten(2, (24, 24))
    torch.testing.assert_close(assigned_raster(24, anchors, values, 0.1), expected, atol=2e-5, rtol=0)


def test_far_from_all_anchors_a_raster_has_a_mean_of_their_values() -> None:
    anchors = torch.tensor([[[-0.9, -0.9], [-0.8, -0.9]]])
    values = torch.tensor([[[1.0], [3.0]]], requires_grad=True)
    got = assigned_raster(32, anchors, values, 0.02)
    assert ((got > 0.9999) & (got < 3.0001)).all()
    torch.testing.assert_close(got[..., -8:, -8:], torch.full((1, 1, 8, 8), 2.0))
    got.sum().backward()
    assert torch.isfinite(values.grad if values.grad is not None else torch.tensor(torch.nan)).all()


def test_affine_fit_equals_least_squares(points: torch.Tensor) -> None:
    values = points @ torch.tensor([[1.1, 0.2], [-0.3, 0.8]]) + 0.1 * torch.randn_like(points)
    matrix, offset = fit_affine(points, values)
    design = np.c_[points[0].numpy(), np.ones(40)]
    expected = np.linalg.lstsq(design, values[0].numpy(), rcond=None)[0]
    np.testing.assert_allclose(np.r_[matrix[0].numpy(), offset[0].numpy()], expected, atol=1e-4)


def test_flow_carries_every_landmark_home(points: torch.Tensor) -> None:
    target = points + 0.02 * torch.randn_like(points)
    flow = landmark_flow(target[0], points, target, sigma=0.002)
    np.testing.assert_allclose((target + flow)[0].numpy(), points[0].numpy(), atol=1e-3)


def test_unmoved_landmarks_leave_the_picture_alone(points: torch.Tensor) -> None:
    picture = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(warp_by_landmarks(picture, points, points), picture, atol=1e-5, rtol=0)


def test_baseline_moves_a_face_with_its_landmarks() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[28:36, 28:36] = 255
    source = np.full((478, 3), 32, np.float32)
    source[FACE, :2] = np.random.default_rng(1).uniform(20, 44, (len(FACE), 2))
    moved = geometry_baseline(picture, source, source + np.array([6, 0, 0], np.float32))
    np.testing.assert_array_equal(moved[:, 12:52], np.roll(picture, 6, 1)[:, 12:52])
