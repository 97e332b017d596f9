"""The projection discriminator D: real or not, and of this video or not (section 3.1, after Miyato & Koyama 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .adversarial_layers import DownBlock, DownStack, normalised, sum_pool
from .teacher_config import DiscriminatorConfig


class ProjectionDiscriminator(nn.Module):
    """D(x̂, y, i; θ, W, w_0, b), with one column W_i per training video.

    Args:
        videos: number of training videos. embedding: N, the length of the vectors.
    """

    def __init__(self, config: DiscriminatorConfig, videos: int, embedding: int) -> None:
        super().__init__()
        self.config = config
        self.body = DownStack(6, config.size, config.base_width, config.max_width, config.attention_at)
        self.last = DownBlock(self.body.channels, self.body.channels, spectral=True, halve=False)
        fits = self.body.channels == embedding
        self.out = nn.Identity() if fits else normalised(nn.Linear(self.body.channels, embedding), True)
        self.people = nn.Embedding(videos, embedding)  # W, a row per video
        self.common = nn.Parameter(torch.randn(embedding) * 0.02)  # w_0
        self.bias = nn.Parameter(torch.zeros(()))  # b
        nn.init.normal_(self.people.weight, std=0.02)

    def forward(self, picture: Tensor, drawn: Tensor, person: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Equation (5): D(x̂, y, i) = V(x̂, y; θ)ᵀ (W_i + w_0) + b.

        Args:
            picture, drawn: [B, 3, S, S] 0..1, a frame and its drawn landmarks.
            person: [B, N], W_i, or in fine-tuning w' − w_0 (then D' of equation (8)).

        Returns:
            scores [B], features after every residual block.
        """
        both = torch.cat([picture, drawn], 1) * 2.0 - 1.0
        features = self.body(F.avg_pool2d(both, both.shape[-1] // self.config.size))
        features.append(self.last(features[-1]))
        vector = self.out(sum_pool(features[-1].float()))
        return (vector * (person + self.common)).sum(-1) + self.bias, features
