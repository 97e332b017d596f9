"""The generator G: drawn landmarks become a picture, styled by the person's AdaIN coefficients (section 3.1).

Between it and the paper's there are, where the configuration asks for them, a U-Net's skips, further inputs (guides),
and features of the photos (memory); `PAPER` asks for none. What a skip meets is normalised first: the residual blocks'
sums grow on their way up, and drowned the skips in the first teachers, which then corrected next to nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .adversarial_layers import AdaptiveBlock, AdaptiveNorm, DownBlock, SelfAttention, instance_norm, normalised
from .teacher_config import GeneratorConfig


class Guides(NamedTuple):
    """picture [B, guides, S, S], memory [B, memory, m, m]: what the warp branch tells the generator."""

    picture: Tensor
    memory: Tensor


class Generator(nn.Module):
    """G(y, ψ̂; ψ): an encoder with instance norm, residual blocks and a decoder with AdaIN.

    Args:
        size: side S of the pictures.
        memory_size: side of the memory's raster, one of the encoder's levels.

    Attributes:
        coefficients: length of ψ̂.
    """

    def __init__(self, config: GeneratorConfig, size: int, memory_size: int = 0) -> None:
        super().__init__()
        self.config = config
        spectral, widths, raster = config.spectral, config.widths, size // config.fold
        channels = first = (3 + config.guides) * config.fold**2
        self.down, self.down_attention = nn.ModuleList(), nn.ModuleList()
        self.remember = nn.ModuleList()
        for width in widths:
            raster //= 2
            self.down.append(DownBlock(channels, width, spectral, instance=bool(len(self.down))))
            self.down_attention.append(_attention(width, raster == config.attention_down, spectral))
            takes = bool(config.memory) and raster == memory_size
            self.remember.append(nn.Conv2d(config.memory, width, 1) if takes else nn.Identity())
            channels = width
        self.middle = nn.ModuleList(AdaptiveBlock(channels, channels, spectral) for _ in range(config.blocks))
        self.up, self.up_attention, self.skips = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for width in [*widths[-2::-1], widths[0]]:
            raster *= 2
            self.up.append(AdaptiveBlock(channels, width, spectral, double=True))
            self.up_attention.append(_attention(width, raster == config.attention_up, spectral))
            takes = config.skips and len(self.skips) < len(widths) - 1
            self.skips.append(nn.Conv2d(width, width, 1) if takes else nn.Identity())
            channels = width
        self.entry = nn.Conv2d(first, channels, 3, 1, 1) if config.skips else None
        self.last_norm = AdaptiveNorm(channels)
        self.head = nn.Conv2d(channels, config.outputs * config.fold**2, 3, 1, 1)
        if config.guides:  # what starts from a picture starts with no change to it
            nn.init.zeros_(self.head.weight)
            assert self.head.bias is not None
            nn.init.zeros_(self.head.bias)
        else:
            self.head = normalised(self.head, spectral)
        adaptive = [m for m in self.modules() if isinstance(m, AdaptiveNorm)]
        self.coefficients = sum(m.coefficients for m in adaptive)

    def forward(self, drawn: Tensor, coefficients: Tensor, guides: Guides | None = None) -> Tensor:
        """Raw output of equation (2), before the last nonlinearity.

        Args:
            drawn: [B, 3, S, S] 0..1, landmarks y(t). coefficients: [B, `coefficients`], ψ̂.
            guides: only for a configuration that has them.

        Returns:
            [B, outputs, S, S] float32.
        """
        x = drawn * 2.0 - 1.0 if guides is None else torch.cat([drawn * 2.0 - 1.0, guides.picture], 1)
        x = entered = F.pixel_unshuffle(x, self.config.fold)
        levels = []
        for block, attention, remember in zip(self.down, self.down_attention, self.remember, strict=True):
            x = attention(block(x))
            if isinstance(remember, nn.Conv2d) and guides is not None:
                x = x + remember(guides.memory)
            levels.append(x)
        parts = iter(coefficients.split([block.coefficients for block in self._adaptive()], 1))
        for block in self.middle:
            x = block(x, next(parts))
        levels.pop()
        for block, attention, skip in zip(self.up, self.up_attention, self.skips, strict=True):
            x = attention(block(x, next(parts)))
            if isinstance(skip, nn.Conv2d):
                x = instance_norm(x) + skip(instance_norm(levels.pop()))
        if self.entry:
            x = instance_norm(x) + self.entry(entered)
        # A correction that only does harm yet is most easily silenced by ψ̂'s last offsets, and a dead ReLU stays dead.
        slope = 0.2 if self.config.guides else 0.0
        x = self.head(F.leaky_relu(self.last_norm(x, next(parts)), slope))
        return F.pixel_shuffle(x.float(), self.config.fold)

    def _adaptive(self) -> list[AdaptiveBlock | AdaptiveNorm]:
        """What takes a part of ψ̂, in its order."""
        return [*self.middle, *self.up, self.last_norm]  # pyright: ignore[reportReturnType]


def _attention(channels: int, wanted: bool, spectral: bool) -> nn.Module:
    return SelfAttention(channels, spectral) if wanted else nn.Identity()
