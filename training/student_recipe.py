"""How a student is trained as a whole: its three parts, each as long as the recipe says, from the same arrays."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal

from safetensors import SafetensorError

from ..models.student import load_student
from ..runtime.driver import Progress
from .checkpoint import load_checkpoint
from .clips import FrameCache
from .errors import TrainingError
from .train_patches import PatchTrainer, PatchTraining
from .train_refiner import RefinerTrainer, RefinerTraining

Part = Literal["refiner", "mouth", "eye"]
PARTS: Final[tuple[Part, ...]] = ("refiner", "mouth", "eye")
QUICK_SHARE: Final = 0.01  # of the steps
QUICK_BATCHES: Final = 2  # that are looked at in an evaluation


@dataclass(frozen=True)
class StudentRecipe:
    """One student's training.

    Attributes:
        steps_share: of the steps that each part's own settings give it.
        quick: whether evaluations look at a few batches only.
        widths: channels per level of the refiner's U-Net.
        teacher: a student (`.safetensors`) whose refiner this one's learns from; None for none.

    Raises:
        TrainingError: the teacher is no student, or no steps are left.
    """

    steps_share: float = 1.0
    quick: bool = False
    widths: tuple[int, int, int, int] = RefinerTraining.widths
    teacher: Path | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.steps_share <= 10.0:
            raise TrainingError(f"The share of the steps is above 0 and at most 10, not {self.steps_share:g}.")
        if min(self.widths) < 1:
            raise TrainingError(f"Widths are counts of channels, not {self.widths}.")
        if self.teacher is not None:
            try:
                load_student(self.teacher)
            except (ValueError, OSError, SafetensorError, RuntimeError) as error:
                raise TrainingError(f"{self.teacher} cannot teach, since it is no student: {error}.") from None

    def describe(self) -> dict[str, object]:
        """What decides about the result, for comparison; a teacher by what it holds, wherever it lies."""
        digest = hashlib.sha256(self.teacher.read_bytes()).hexdigest() if self.teacher else None
        return {**asdict(self), "widths": list(self.widths), "teacher": digest}

    def steps(self, whole: int) -> int:
        """A part's steps, at least one, of a whole run's."""
        return max(1, round(self.steps_share * whole))

    def settings(self, part: Part) -> RefinerTraining | PatchTraining:
        """How a part learns."""
        teacher = str(self.teacher.resolve()) if self.teacher else ""
        whole: RefinerTraining | PatchTraining = PatchTraining(kind=part, teacher=teacher)
        if part == "refiner":
            whole = RefinerTraining(widths=self.widths, teacher=teacher)
        batches = QUICK_BATCHES if self.quick else whole.evaluation_batches
        return replace(whole, steps=self.steps(whole.steps), evaluation_batches=batches)


def is_trained(part: Part, recipe: StudentRecipe, output: Path) -> bool:
    """Whether a part's run has reached its last step.

    Raises:
        TrainingError: the run was begun with other settings. CheckpointError: its checkpoint is damaged.
    """
    last = output / "last.safetensors"
    if not last.exists():
        return False
    metadata = load_checkpoint(last, {})
    before, now = metadata.get("config"), json.loads(json.dumps(asdict(recipe.settings(part))))
    before = before if isinstance(before, dict) else {}
    for name in now:
        if name != "teacher" and before.get(name) != now[name]:  # a teacher may have been moved
            raise TrainingError(
                f"{last} was trained with {name} {before.get(name)!r}, not {now[name]!r}: use the same settings, or "
                "name another folder."
            )
    return int(str(metadata["step"])) >= recipe.settings(part).steps


def train_part(part: Part, recipe: StudentRecipe, cache: Path, output: Path, progress: Progress | None = None) -> None:
    """Train a part to its last step, or go on with it; Ctrl-C and SIGTERM end it with a checkpoint.

    Args:
        cache: arrays that `vivant prepare --arrays` wrote. output: the part's folder. progress: see `StudentTrainer`.

    Raises:
        TrainingError, CheckpointError: see `StudentTrainer`. FileNotFoundError: the cache lacks a file.
    """
    settings, frames = recipe.settings(part), FrameCache(cache)
    if isinstance(settings, RefinerTraining):
        RefinerTrainer(settings, frames, output).run(progress)
    else:
        PatchTrainer(settings, frames, output).run(progress)
