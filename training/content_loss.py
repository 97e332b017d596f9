"""The content loss of meta-learning and fine-tuning: L_CNT of equation (3)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from .episodes import Episode
from .errors import TrainingError
from .teacher_losses import LossWeights, feature_l1, part_mask, pixel_l1
from .tracker_features import TrackerFeatures
from .vgg import VGG19_LAYERS, VGGFACE_LAYERS, VggFeatures


@dataclass(frozen=True)
class Networks:
    """Files that a run starts from or compares features with; a VGG file is named with its SHA-256.

    student: the one that moves the photos in the warp branch. tracker: the bundle's `track.onnx`.
    """

    tracker: Path | None = None
    student: Path | None = None
    vgg19: tuple[Path, str] | None = None
    vggface: tuple[Path, str] | None = None


class ContentLoss(nn.Module):
    """Weighted distances of pixels and of the features of fixed networks.

    Raises:
        TrainingError: nothing is left to compare. WeightsError: a network's file cannot be used.
    """

    def __init__(self, weights: LossWeights, networks: Networks) -> None:
        super().__init__()
        self.weights = weights
        self.networks = nn.ModuleDict()
        if weights.tracker and networks.tracker:
            self.networks["tracker"] = TrackerFeatures(networks.tracker)
        if weights.vgg19 and networks.vgg19:
            self.networks["vgg19"] = VggFeatures(*networks.vgg19, VGG19_LAYERS)
        if weights.vggface and networks.vggface:
            self.networks["vggface"] = VggFeatures(*networks.vggface, VGGFACE_LAYERS, deep=False)
        if not self.networks and not weights.pixels:
            raise TrainingError("There is no content loss: name VGG's weights, or the tracker, or weigh the pixels.")

    def forward(self, made: Tensor, episode: Episode) -> dict[str, Tensor]:
        """The terms, unweighted: made [B, 3, S, S]."""
        terms = {}
        if self.weights.pixels:
            weight = episode.valid * (1.0 + self.weights.person * episode.matte)
            if self.weights.parts:
                weight = weight + self.weights.parts * part_mask(episode.points, made.shape[-1])
            terms["pixels"] = pixel_l1(made, episode.target, weight)
        for name, network in self.networks.items():
            with torch.no_grad():
                true = network(episode.target, episode.points)
            terms[name] = feature_l1(network(made, episode.points), true)
        return terms

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """Their weighted sum: []."""
        return torch.stack([getattr(self.weights, name) * value for name, value in terms.items()]).sum()
