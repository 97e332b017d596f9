"""How the named teachers learn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..models.teacher_config import CONFIGURATIONS, TeacherConfig
from .errors import TrainingError
from .teacher_losses import LossWeights


@dataclass(frozen=True)
class MetaLearning:
    """One run. Learning rates are Adam's; `judge_steps` updates of the discriminators follow one of the generator.

    shots: K. fewest_shots: every step takes some number from this to K, so that a teacher is at home with one photo
    too; None: always K, as in the paper. adversarial_from: step from which the discriminators take part. decay_from:
    share of the steps after which the rates fall linearly to a tenth (1: never). evaluate_every: steps between contact
    sheets.
    """

    steps: int
    batch: int
    shots: int
    weights: LossWeights
    rate: float = 5e-5
    judge_rate: float = 2e-4
    judge_steps: int = 2
    adversarial_from: int = 0
    decay_from: float = 1.0
    evaluate_every: int = 500
    fewest_shots: int | None = None

    def shots_at(self, step: int) -> int:
        """Photos of a step, the same in every process."""
        if self.fewest_shots is None:
            return self.shots
        return int(np.random.default_rng(step).integers(self.fewest_shots, self.shots + 1))


# The paper gives rates, weights, K and the order of updates, but neither batch nor steps: those are ours. `tracker` and
# `pixels` stand in for VGG's features, see `content_loss`.
PAPER: Final = MetaLearning(400_000, 16, 8, LossWeights(tracker=1.0, pixels=10.0))
# The balance of terms that served the student's painters.
_SHARP: Final = LossWeights(tracker=0.5, pixels=10.0, features=1.5, match=1.0, adversarial=0.1, person=1.0, parts=4.0)
FULL: Final = MetaLearning(
    400_000, 16, 8, _SHARP, 1e-4, 2e-4, 1, adversarial_from=20_000, decay_from=0.7, fewest_shots=1
)
RECIPES: Final = {
    "paper": PAPER,
    "paper-cpu": replace(PAPER, steps=6000, batch=4, shots=3, rate=2e-4, judge_rate=4e-4, judge_steps=1),
    "full": FULL,
    "full-cpu": replace(FULL, steps=12_000, batch=4, shots=4, rate=3e-4, judge_rate=4e-4, adversarial_from=600),
}


def recipe_of(name: str, steps: int | None = None, batch: int | None = None) -> tuple[TeacherConfig, MetaLearning]:
    """A named configuration with its recipe, with another length or batch where given.

    Raises:
        TrainingError: there is none of that name.
    """
    if name not in CONFIGURATIONS:
        raise TrainingError(f"There is no teacher {name!r}; there are {', '.join(CONFIGURATIONS)}.")
    recipe = RECIPES[name]
    return CONFIGURATIONS[name], replace(recipe, steps=steps or recipe.steps, batch=batch or recipe.batch)
