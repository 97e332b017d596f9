"""The flow refiner: decides, at 64 × 64, which parts of the picture follow the landmarks, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .geometry import COARSE_SIGMA, FINE_SIGMA, assigned, assigned_raster, fit_affine, pixel_grid, sample_square
from .layers import ConvBlock, ResidualBlock, Up


@dataclass(frozen=True)
class RefinerConfig:
    """Sizes of the refiner. `size` is the side of its raster, `widths` the channels per U-Net level."""

    size: int = 64
    anchors: int = 176
    features: int = 24
    embedding: int = 8
    widths: tuple[int, int, int, int] = (24, 40, 64, 96)
    residual_flow: float = 0.15
    residual_colour: float = 0.5


class Motion(NamedTuple):
    """What the refiner says of one frame, all at 64 × 64.

    flow: [B, 2, 64, 64] backward displacement, normalised. matte: [B, 1, 64, 64] share of person in the target frame.
    shade: [B, 3, 64, 64] colour to add (light, shadow), in units of the 0..1 picture.
    """

    flow: Tensor
    matte: Tensor
    shade: Tensor


class SourceEncoder(nn.Module):
    """Features of the photo, once per photo: [B, 4, 128, 128] (RGB, matte) → [B, F, 64, 64]."""

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvBlock(4, 32, 5, 2), ResidualBlock(32), ResidualBlock(32), nn.Conv2d(32, config.features, 1)
        )

    def forward(self, picture: Tensor) -> Tensor:
        return self.body(picture)


class FlowRefiner(nn.Module):
    """Candidates from the geometry, mixed and corrected by a small U-Net.

    The candidates are: the fine soft assignment, the affine part plus a coarse soft assignment of what it leaves, the
    affine part alone, and standing still. A softmax mixes them and a bounded residual corrects the mixture.
    """

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        self.config = config
        c0, c1, c2, c3 = config.widths
        self.encoder = SourceEncoder(config)
        self.embedding = nn.Parameter(torch.randn(config.anchors, config.embedding) * 0.1)
        self.register_buffer("grid", pixel_grid(config.size), persistent=False)
        picture = 4 + config.features
        channels = 2 * picture + 2 * 4 + config.embedding + 2 + 1 + 6 + 2
        self.enter = nn.Sequential(ConvBlock(channels, c0, 1), ConvBlock(c0, c0))
        self.down1 = nn.Sequential(ConvBlock(c0, c1, 3, 2), ResidualBlock(c1))
        self.down2 = nn.Sequential(ConvBlock(c1, c2, 3, 2), ResidualBlock(c2))
        self.down3 = nn.Sequential(ConvBlock(c2, c3, 3, 2), ResidualBlock(c3))
        self.up2, self.mix2 = Up(c3, c2), ResidualBlock(c2)
        self.up1, self.mix1 = Up(c2, c1), ResidualBlock(c1)
        self.up0, self.mix0 = Up(c1, c0), ConvBlock(c0, c0)
        self.head = nn.Conv2d(c0, 4 + 2 + 1 + 3, 3, 1, 1)
        nn.init.zeros_(self.head.weight)
        with torch.no_grad():  # start as the geometry: fine soft assignment, no correction
            assert self.head.bias is not None
            self.head.bias.copy_(torch.tensor([2.0] + [0.0] * 9))

    def encode(self, picture: Tensor, matte: Tensor) -> Tensor:
        """Once per photo. picture [B, 3, 128, 128] 0..1, matte [B, 1, 128, 128] → [B, 4 + F, 64, 64]."""
        both = torch.cat([picture, matte], 1)
        return torch.cat([F.avg_pool2d(both, 2), self.encoder(both - 0.5)], 1)

    def candidates(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Flows and the anchors' messages.

        Args:
            source, target: [B, A, 3] normalised anchors.

        Returns:
            flows [B, 3, 2, P] (fine, affine + coarse, affine); messages [B, E + 5, P]: embedding, depth before and
            after, offset to the nearest anchors and its length.
        """
        grid = self.get_buffer("grid")
        where = grid.T
        matrix, offset = fit_affine(target[..., :2], source[..., :2])
        affine_at_anchors = target[..., :2] @ matrix + offset
        embedding = self.embedding.expand(source.shape[0], -1, -1)
        values = torch.cat([source[..., :2] - target[..., :2], target, source[..., 2:], embedding], -1)
        fine = assigned(grid, target[..., :2], values, FINE_SIGMA)
        coarse = self._coarse_flow(target[..., :2], source[..., :2] - affine_at_anchors)
        affine = matrix.transpose(1, 2) @ where + offset.transpose(1, 2) - where
        flows = torch.stack([fine[:, :2], affine + coarse, affine], 1)
        towards = fine[:, 2:4] - where
        distance = (towards.square().sum(1, keepdim=True) + 1e-6).sqrt()
        return flows, torch.cat([fine[:, 6:], fine[:, 4:6], towards, distance], 1)

    def _coarse_flow(self, target: Tensor, values: Tensor) -> Tensor:
        """Smooth enough for half the raster: target, values [B, A, 2] → [B, 2, P]."""
        half = self.config.size // 2
        flow = assigned_raster(half, target, values, COARSE_SIGMA)
        return F.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=False).flatten(2)

    def forward(self, source_features: Tensor, source: Tensor, target: Tensor) -> Motion:
        """source_features from `encode`; source, target [B, A, 3] normalised anchors."""
        size = self.config.size
        flows, messages = self.candidates(source, target)
        where = (self.get_buffer("grid").T + flows).transpose(2, 3).unflatten(2, (size, size))
        raster = where.unbind(1)
        pictures = [source_features, sample_square(source_features, raster[1], size)]
        pictures += [sample_square(source_features[:, :4], raster[k], size) for k in (0, 2)]
        maps = torch.cat([flows.flatten(1, 2) * 4.0, messages], 1).unflatten(2, (size, size))
        x = torch.cat([*pictures, maps], 1)
        x0 = self.enter(x)
        x1 = self.down1(x0)
        x2 = self.down2(x1)
        x = self.mix2(self.up2(self.down3(x2), x2))
        x = self.mix0(self.up0(self.mix1(self.up1(x, x1)), x0))
        return self._decode(self.head(x).float(), flows, source_features)

    def _decode(self, out: Tensor, flows: Tensor, source_features: Tensor) -> Motion:
        size = self.config.size
        share = out[:, :4].softmax(1)  # the fourth is standing still: flow 0
        flow = torch.tanh(out[:, 4:6]) * self.config.residual_flow
        flow = flow + sum(share[:, k : k + 1] * flows[:, k].unflatten(2, (size, size)) for k in range(3))
        where = self.get_buffer("grid").reshape(1, size, size, 2) + flow.permute(0, 2, 3, 1)
        carried = sample_square(source_features[:, 3:4].float(), where, size)
        matte = (carried + torch.tanh(out[:, 6:7])).clamp(0.0, 1.0)
        return Motion(flow, matte, torch.tanh(out[:, 7:10]) * self.config.residual_colour)
