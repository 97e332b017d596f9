"""Teachers on disk: a run's checkpoint, or the smaller file that is passed on.

python -m vivant.training.teacher_files RUN -o teacher.safetensors
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..models.judges import Judges
from ..models.released import checked
from ..models.teacher import Teacher
from ..models.teacher_config import config_from
from .checkpoint import LAST, LOG, CheckpointError

FORMAT = "vivant-teacher-1"
_PEOPLE = "head.people.weight"


@dataclass(frozen=True)
class TrainedTeacher:
    """A teacher (the averaged weights) with its discriminators, in evaluation mode.

    step: of its training. record: what it was trained with, JSON-able.
    """

    teacher: Teacher
    judges: Judges
    step: int
    record: Mapping[str, object]


def load_teacher(path: Path) -> TrainedTeacher:
    """A teacher from a run's `last.safetensors`, or from what `release_teacher` wrote.

    Raises:
        CheckpointError: the file is neither, of another version, or not the released one of its name.
    """
    try:
        with safe_open(checked(path), "pt") as file:
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
    record = {"recipe": described["describe"].get("recipe"), "seconds": described.get("seconds")}
    return TrainedTeacher(
        teacher.eval().requires_grad_(False), judges.eval(), int(described["step"]), described.get("record", record)
    )


def release_teacher(run: Path, output: Path) -> None:
    """Write the averaged teacher and its discriminators in half precision, with the training record, without optimisers
    and without the vectors of the training videos.

    Args:
        run: the folder that `vivant train teacher` wrote.

    Raises:
        CheckpointError: see `load_teacher`. OSError: the file cannot be written.
    """
    trained, log = load_teacher(run / LAST), run / LOG
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.is_file() else []
    looks = [line for line in lines if "heldout_made_1" in line]
    tensors = {f"average/{key}": value for key, value in trained.teacher.state_dict().items()}
    tensors |= {f"judges/{key}": value for key, value in trained.judges.state_dict().items() if key != _PEOPLE}
    tensors = {key: v.half().contiguous() if v.is_floating_point() else v for key, v in tensors.items()}
    record = {**trained.record, "torch": torch.__version__, "evaluation": looks[-1] if looks else None}
    described = {"step": trained.step, "describe": {"teacher": asdict(trained.teacher.config)}, "record": record}
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_suffix(".tmp")
    save_file(tensors, temporary, {"format": FORMAT, "vivant": json.dumps(described)})
    temporary.replace(output)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run of `vivant train teacher`")
    parser.add_argument("--output", "-o", type=Path, default=Path("teacher.safetensors"))
    given = parser.parse_args()
    try:
        release_teacher(given.run, given.output)
    except (CheckpointError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"{given.output}: {given.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
