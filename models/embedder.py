"""The embedder E: photos and their landmarks become one vector per person (Zakharov et al. 2019, section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .adversarial_layers import DownStack, normalised, sum_pool
from .teacher_config import EmbedderConfig


class Embedder(nn.Module):
    """E(x, y; φ). It takes photos of any size that is a multiple of its own, and averages them down to that."""

    def __init__(self, config: EmbedderConfig) -> None:
        super().__init__()
        self.config = config
        self.body = DownStack(6, config.size, config.base_width, config.max_width, config.attention_at)
        # The paper ends at the 512 channels of its last block; only other widths need a change of length.
        fits = self.body.channels == config.embedding
        self.out = nn.Identity() if fits else normalised(nn.Linear(self.body.channels, config.embedding), True)

    def forward(self, pictures: Tensor, drawn: Tensor) -> Tensor:
        """Equation (1): ê_i = 1/K · Σ_k E(x_i(s_k), y_i(s_k)).

        Args:
            pictures, drawn: [B, K, 3, S, S] 0..1, photos of B people and their drawn landmarks.

        Returns:
            [B, N] embeddings ê.
        """
        both = (torch.cat([pictures, drawn], 2) * 2.0 - 1.0).flatten(0, 1)
        both = F.avg_pool2d(both, both.shape[-1] // self.config.size)
        vectors = self.out(sum_pool(self.body(both)[-1].float()))
        return vectors.unflatten(0, pictures.shape[:2]).mean(1)
