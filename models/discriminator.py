"""Patch discriminator of the student's painters: real or painted, given the masks."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


class PatchDiscriminator(nn.Module):
    """A few spectrally normalised convolutions (Miyato et al. 2018) that judge overlapping spots of a patch."""

    def __init__(self, conditions: int, width: int = 32) -> None:
        super().__init__()
        widths = [3 + conditions, width, width * 2, width * 4]
        self.layers = nn.ModuleList(spectral_norm(nn.Conv2d(a, b, 4, 2, 1)) for a, b in pairwise(widths))
        self.judge = spectral_norm(nn.Conv2d(widths[-1], 1, 3, 1, 1))

    def forward(self, picture: Tensor, conditions: Tensor) -> tuple[Tensor, list[Tensor]]:
        """picture [B, 3, n, n] 0..1, conditions [B, M, n, n] → scores [B, 1, n/8, n/8], features per layer."""
        x = torch.cat([picture * 2 - 1, conditions], 1)
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.judge(x), features


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss of the discriminator (Lim & Ye 2017)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
