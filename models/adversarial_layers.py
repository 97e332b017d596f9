"""Building blocks of the teacher: residual blocks after BigGAN (Brock et al. 2019), self-attention after SAGAN (Zhang
et al. 2019), adaptive instance normalisation (Huang & Belongie 2017), spectral normalisation (Miyato et al. 2018)."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

Layer = TypeVar("Layer", bound=nn.Module)


def normalised(layer: Layer, spectral: bool) -> Layer:
    """The layer, with its weight divided by its largest singular value if `spectral`."""
    if spectral:
        spectral_norm(layer)
    return layer


def instance_norm(x: Tensor) -> Tensor:
    """Zero mean and unit variance of every channel of every sample; no parameters. [B, C, H, W] → the same."""
    return F.instance_norm(x)


class SelfAttention(nn.Module):
    """x + γ · attention(x), γ learned from 0. [B, C, H, W] → the same."""

    def __init__(self, channels: int, spectral: bool) -> None:
        super().__init__()
        inner = max(8, channels // 8)
        self.query = normalised(nn.Conv2d(channels, inner, 1, bias=False), spectral)
        self.key = normalised(nn.Conv2d(channels, inner, 1, bias=False), spectral)
        self.value = normalised(nn.Conv2d(channels, inner, 1, bias=False), spectral)
        self.out = normalised(nn.Conv2d(inner, channels, 1, bias=False), spectral)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        # With a dimension for heads, of which there is one: without it torch takes a slower way on CPUs.
        query, key, value = (f(x).flatten(2).transpose(1, 2)[:, None] for f in (self.query, self.key, self.value))
        attended = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        attended = attended[:, 0].transpose(1, 2).unflatten(2, (height, width))
        return x + self.gamma * self.out(attended)


class DownBlock(nn.Module):
    """Residual block that halves the raster: [B, C, n, n] → [B, C', n/2, n/2]; `halve=False` keeps it.

    `instance` adds instance norms, as in the generator's encoder; embedder and discriminator have none.
    """

    def __init__(
        self, channels_in: int, channels_out: int, spectral: bool, instance: bool = False, halve: bool = True
    ) -> None:
        super().__init__()
        self.first = normalised(nn.Conv2d(channels_in, channels_out, 3, 1, 1), spectral)
        self.second = normalised(nn.Conv2d(channels_out, channels_out, 3, 1, 1), spectral)
        self.shortcut = normalised(nn.Conv2d(channels_in, channels_out, 1), spectral)
        self.instance, self.halve = instance, halve

    def forward(self, x: Tensor) -> Tensor:
        body = self.first(F.relu(instance_norm(x) if self.instance else x))
        body = self.second(F.relu(instance_norm(body) if self.instance else body))
        short = self.shortcut(F.avg_pool2d(x, 2) if self.halve else x)  # the 1 × 1 convolution commutes with the mean
        return short + (F.avg_pool2d(body, 2) if self.halve else body)


class AdaptiveNorm(nn.Module):
    """AdaIN: instance norm, then a gain and an offset that come from outside, a part of ψ̂.

    A gain of 0 in ψ̂ means 1: so an embedding of nothing leaves the features as they are.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.coefficients = 2 * channels

    def forward(self, x: Tensor, coefficients: Tensor) -> Tensor:
        """x [B, C, H, W], coefficients [B, 2C]."""
        gain, offset = coefficients[:, :, None, None].chunk(2, 1)
        return instance_norm(x) * (1.0 + gain) + offset


class AdaptiveBlock(nn.Module):
    """Residual block with AdaIN; `double` doubles the raster: [B, C, n, n] → [B, C', 2n, 2n]."""

    def __init__(self, channels_in: int, channels_out: int, spectral: bool, double: bool = False) -> None:
        super().__init__()
        self.norm_first, self.norm_second = AdaptiveNorm(channels_in), AdaptiveNorm(channels_out)
        self.first = normalised(nn.Conv2d(channels_in, channels_out, 3, 1, 1), spectral)
        self.second = normalised(nn.Conv2d(channels_out, channels_out, 3, 1, 1), spectral)
        same = channels_in == channels_out and not double
        self.shortcut = nn.Identity() if same else normalised(nn.Conv2d(channels_in, channels_out, 1), spectral)
        self.doubles = double
        self.coefficients = self.norm_first.coefficients + self.norm_second.coefficients

    def forward(self, x: Tensor, coefficients: Tensor) -> Tensor:
        """coefficients: [B, `coefficients`], this block's part of ψ̂."""
        first, second = coefficients.split([self.norm_first.coefficients, self.norm_second.coefficients], 1)
        body = F.relu(self.norm_first(x, first))
        short = self.shortcut(x)
        if self.doubles:
            body, short = (F.interpolate(t, scale_factor=2.0, mode="nearest") for t in (body, short))
        body = self.second(F.relu(self.norm_second(self.first(body), second)))
        return short + body


class DownStack(nn.Module):
    """Residual blocks from a picture down to 4 × 4, with self-attention at one raster: embedder and discriminator.

    Channels double from `base` to at most `limit`.
    """

    def __init__(self, channels: int, size: int, base: int, limit: int, attention_at: int) -> None:
        super().__init__()
        self.blocks, self.attentions = nn.ModuleList(), nn.ModuleList()
        width = base
        while size > 4:
            size //= 2
            self.blocks.append(DownBlock(channels, width, spectral=True))
            self.attentions.append(SelfAttention(width, spectral=True) if size == attention_at else nn.Identity())
            channels, width = width, min(2 * width, limit)
        self.channels = channels

    def forward(self, x: Tensor) -> list[Tensor]:
        """The features after every block, the last one [B, `channels`, 4, 4]."""
        features = []
        for block, attention in zip(self.blocks, self.attentions, strict=True):
            x = attention(block(x))
            features.append(x)
        return features


def sum_pool(x: Tensor) -> Tensor:
    """Sum over the raster, then ReLU: [B, C, n, n] → [B, C]; how both networks of the paper end in a vector."""
    return F.relu(x.sum((2, 3)))
