"""The losses of meta-learning and fine-tuning (Zakharov et al. 2019, section 3.2). Every one is a mean over samples, so
that a batch shared by processes gives the loss that one process would have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..models import landmarks as lm
from ..models.judges import Verdict
from ..models.polygon import dilate_and_feather, fill_polygon


@dataclass(frozen=True)
class LossWeights:
    """Factors of the terms of equation (3). The paper's own: vgg19, vggface, features, match, adversarial.

    pixels and tracker are what stands in for VGG's features where its weights are not at hand, and what `full` adds.
    person, parts: how much more the person, and mouth and eyes, count in `pixels`.
    """

    vgg19: float = 1.5e-1
    vggface: float = 2.5e-2
    tracker: float = 0.0
    pixels: float = 0.0
    features: float = 1e1
    match: float = 8e1
    adversarial: float = 1.0
    person: float = 0.0
    parts: float = 0.0


def pixel_l1(made: Tensor, true: Tensor, weight: Tensor, scales: int = 3) -> Tensor:
    """Weighted mean absolute difference on a pyramid: made, true [B, 3, S, S], weight [B, 1, S, S] → []."""
    total = made.new_zeros(())
    for scale in range(scales):
        if scale:
            made, true, weight = (F.avg_pool2d(x, 2) for x in (made, true, weight))
        error = ((made - true).abs().mean(1, keepdim=True) * weight).sum((1, 2, 3))
        total = total + (error / weight.sum((1, 2, 3)).clamp_min(1e-3)).mean()
    return total / scales


def part_mask(points: Tensor, size: int) -> Tensor:
    """Mouth and eyes with a soft margin: points [B, 478, ≥ 2] normalised → [B, 1, size, size] 0..1."""
    flat = points[..., :2]
    masks = [fill_polygon(flat[:, ring], size) for ring in (lm.LIPS_OUTER, lm.RIGHT_EYE, lm.LEFT_EYE)]
    return dilate_and_feather(torch.stack(masks).amax(0), max(1, size // 42), max(1, size // 64))


def match_loss(embedding: Tensor, person: Tensor) -> Tensor:
    """L_MCH: mean absolute difference of ê_i and W_i, both [B, N]; W_i itself learns in the discriminator's step only,
    as the paper has it."""
    return F.l1_loss(embedding, person.detach())


def matched_features(made: Sequence[Verdict], true: Sequence[Verdict]) -> Tensor:
    """L_FM: mean absolute difference of a discriminator's features, the mean over its layers, summed over them."""
    totals = []
    for fake, real in zip(made, true, strict=True):
        pairs = zip(fake.features, real.features, strict=True)
        totals.append(torch.stack([F.l1_loss(a.float(), b.float().detach()) for a, b in pairs]).mean())
    return torch.stack(totals).sum()


def adversarial_loss(made: Sequence[Verdict]) -> Tensor:
    """−D(x̂, y, i), the first term of equation (4), summed over the discriminators."""
    return -torch.stack([verdict.scores.float().mean() for verdict in made]).sum()


def judges_loss(verdicts: Sequence[Verdict]) -> Tensor:
    """Equation (6), summed over the discriminators: max(0, 1 + D(x̂, y, i)) + max(0, 1 − D(x, y, i)).

    Args:
        verdicts: of a batch whose first half is made and whose second half is real.
    """
    total = torch.zeros((), device=verdicts[0].scores.device)
    for verdict in verdicts:
        made, real = verdict.scores.float().chunk(2)
        total = total + F.relu(1 + made).mean() + F.relu(1 - real).mean()
    return total


def feature_l1(made: Sequence[Tensor], true: Sequence[Tensor]) -> Tensor:
    """Sum over the layers of the mean absolute difference, each sample counting the same: []."""
    return torch.stack([F.l1_loss(a.float(), b.float()) for a, b in zip(made, true, strict=True)]).sum()
