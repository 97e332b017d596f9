"""Training losses that need no downloaded weights."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def masked_l1(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference, weighted. a, b [B, C, n, n]; weight [B, 1, n, n]."""
    return ((a - b).abs().mean(1, keepdim=True) * weight).sum() / weight.sum().clamp_min(1.0)


def multiscale_l1(a: Tensor, b: Tensor, weight: Tensor, scales: int = 4) -> Tensor:
    """`masked_l1` averaged over a pyramid: coarse levels say where things belong, fine ones how they look."""
    total = masked_l1(a, b, weight)
    for _ in range(scales - 1):
        a, b, weight = (F.avg_pool2d(x, 2) for x in (a, b, weight))
        total = total + masked_l1(a, b, weight)
    return total / scales


def dissimilarity(a: Tensor, b: Tensor, weight: Tensor, window: int = 7) -> Tensor:
    """1 − SSIM (Wang et al. 2004) with a box window, weighted; 0 for equal pictures, up to 2."""

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, window, 1)

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    ssim = (2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)
    ssim = ssim / ((mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4))
    weight = mean(weight)
    return ((1 - ssim).mean(1, keepdim=True) * weight).sum() / weight.sum().clamp_min(1.0)
