"""Masks against scikit-image's polygon filling."""

import numpy as np
import pytest
import torch
from skimage.draw import polygon2mask
from vivant.models.polygon import dilate_and_feather, fill_polygon, soft_disc

SIZE = 96


@pytest.mark.parametrize("seed", range(5))
def test_fill_equals_scikit_image(seed: int) -> None:
    random = np.random.default_rng(seed)
    angles, radii = np.sort(random.uniform(0, 2 * np.pi, 20)), random.uniform(0.2, 0.9, 20)
    vertices = np.stack([radii * np.cos(angles), radii * np.sin(angles)], -1)
    got = fill_polygon(torch.tensor(vertices[None], dtype=torch.float32), SIZE)[0, 0].numpy()
    expected = polygon2mask((SIZE, SIZE), ((vertices + 1) * SIZE / 2 - 0.5)[:, ::-1])
    assert (got != expected).mean() < 1e-3
    assert expected.any()


def test_closed_lips_are_an_empty_polygon() -> None:
    line = torch.stack([torch.linspace(-0.5, 0.5, 20), torch.zeros(20)], -1)[None]
    assert fill_polygon(line, SIZE).sum() == 0


def test_dilation_covers_the_mask_and_fades() -> None:
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., 40:50, 40:50] = 1
    soft = dilate_and_feather(mask, 5, 2)
    assert soft[mask > 0].min() == 1
    assert soft[0, 0, 45, 34] > soft[0, 0, 45, 32] > soft[0, 0, 45, 20] == 0


def test_disc_has_its_area() -> None:
    disc = soft_disc(torch.tensor([[0.1, -0.2]]), torch.tensor([0.4]), SIZE)
    assert float(disc.sum()) == pytest.approx(np.pi * (0.2 * SIZE) ** 2, rel=0.01)
