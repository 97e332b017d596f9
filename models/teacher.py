"""The teacher: embedder, generator and, in the `full` configurations, the warp branch.

K photos ── embedder ──> ê ── P ──> ψ̂ (AdaIN coefficients)
K photos, target landmarks ── warp branch ──> merged warp, guides, memory           (`full` only)
target landmarks (drawn) ── generator(ψ̂) ──> picture, or correction of the merged warp

Zakharov, Shysheya, Burkov, Lempitsky, *Few-Shot Adversarial Learning of Realistic Neural Talking Head Models*, arXiv
1905.08233. Sections, equations and sizes are cited from memory; that E has 14.9, G with P 37.9 and D 19.8 million
parameters here, and 15, 38 and 20 in the paper, speaks for them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .adversarial_layers import normalised
from .embedder import Embedder
from .generator import Generator, Guides
from .geometry import pixel_grid, sample
from .teacher_config import TeacherConfig
from .warp_branch import EncodedPhotos, Photos, WarpBranch, Warped

MAX_SHIFT = 0.06  # how far the generator may move what the warp branch brought, normalised
MAX_COLOUR = 2.0  # how much it may add to a picture of 0..1


class Rendered(NamedTuple):
    """picture [B, 3, S, S] about 0..1, not clamped; embedding ê [B, N]; warped: None where there is no warp branch."""

    picture: Tensor
    embedding: Tensor
    warped: Warped | None


class Teacher(nn.Module):
    """E, P and G of the paper as one module."""

    def __init__(self, config: TeacherConfig) -> None:
        super().__init__()
        self.config = config
        self.embedder = Embedder(config.embedder)
        self.generator = Generator(config.generator, config.size, config.size // 4)
        spectral = config.generator.spectral
        self.projection = normalised(
            nn.Linear(config.embedder.embedding, self.generator.coefficients, bias=False), spectral
        )
        self.warp = WarpBranch(config.warp) if config.warp else None

    def forward(self, photos: Photos, drawn: Tensor, points: Tensor) -> Rendered:
        """Equations (1) and (2): x̂_i(t) = G(y_i(t), ê_i; ψ, P).

        Args:
            photos: K photos of each of B people.
            drawn: [B, 3, S, S] 0..1, the target's landmarks y_i(t). points: [B, 478, 3], the same, normalised.
        """
        embedding = self.embedder(photos.pictures, photos.drawn)
        picture, warped = self.render(self.encode(photos), self.projection(embedding), drawn, points)
        return Rendered(picture, embedding, warped)

    def encode(self, photos: Photos) -> EncodedPhotos | None:
        """What `render` needs to know of the photos, once for any number of frames; None without a warp branch."""
        return self.warp.encode(photos) if self.warp else None

    def render(
        self, photos: EncodedPhotos | None, coefficients: Tensor, drawn: Tensor, points: Tensor
    ) -> tuple[Tensor, Warped | None]:
        """The picture for AdaIN coefficients [B, M]: P ê in meta-learning, ψ' in fine-tuning (section 3.3)."""
        if self.warp is None or photos is None:
            return torch.sigmoid(self.generator(drawn, coefficients)), None
        warped = self.warp(photos, drawn, points)
        guides = torch.cat([warped.picture - 0.5, warped.matte, warped.mismatch * 10.0], 1)
        out = torch.tanh(self.generator(drawn, coefficients, Guides(guides, warped.memory)))
        size = drawn.shape[-1]
        where = pixel_grid(size, drawn.device).reshape(1, size, size, 2) + MAX_SHIFT * out[:, 3:].permute(0, 2, 3, 1)
        return sample(warped.picture, where) + MAX_COLOUR * out[:, :3], warped
