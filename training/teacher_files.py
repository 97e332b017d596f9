"""Teachers on disk: a run's checkpoint, or the smaller file that is passed on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..models.judges import Judges
from ..models.teacher import Teacher
from ..models.teacher_config import config_from
from .checkpoint import CheckpointError

FORMAT = "vivant-teacher-1"
_PEOPLE = "head.people.weight"


@dataclass(frozen=True)
class TrainedTeacher:
    """A teacher (the averaged weights) with its discriminators, in evaluation mode; `step` of its training."""

    teacher: Teacher
    judges: Judges
    step: int


def load_teacher(path: Path) -> TrainedTeacher:
    """A teacher from a run's `last.safetensors`, or from what `release_teacher` wrote.

    Raises:
        CheckpointError: the file is neither, or of another version.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (safe_open is no mapping)
    except Exception as error:
        raise CheckpointError(f"{path} is not a readable teacher: {error}.") from error
    try:
        described = json.loads(metadata["vivant"])
        config = config_from(described["describe"]["teacher"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} holds no teacher.") from error
    tensors = {key: v.float() if v.dtype == torch.float16 else v for key, v in tensors.items()}
    judges_part = _part(tensors, "judges/")
    videos = len(judges_part.setdefault(_PEOPLE, torch.zeros(1, config.embedder.embedding)))
    teacher, judges = Teacher(config), Judges(config, videos)
    try:
        teacher.load_state_dict(_part(tensors, "average/"))
        judges.load_state_dict(judges_part)
    except RuntimeError as error:
        raise CheckpointError(f"{path} was made by another version: its weights do not fit its settings.") from error
    return TrainedTeacher(teacher.eval().requires_grad_(False), judges.eval(), int(described["step"]))


def release_teacher(checkpoint: Path, output: Path) -> None:
    """Write the averaged teacher and its discriminators in half precision, without optimisers and without the vectors
    of the training videos."""
    trained = load_teacher(checkpoint)
    tensors = {f"average/{key}": value for key, value in trained.teacher.state_dict().items()}
    tensors |= {f"judges/{key}": value for key, value in trained.judges.state_dict().items() if key != _PEOPLE}
    tensors = {key: v.half().contiguous() if v.is_floating_point() else v for key, v in tensors.items()}
    described = {"step": trained.step, "describe": {"teacher": asdict(trained.teacher.config)}}
    temporary = output.with_suffix(".tmp")
    save_file(tensors, temporary, {"format": FORMAT, "vivant": json.dumps(described)})
    temporary.replace(output)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
