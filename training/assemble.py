"""Puts the averages of the three runs together into one student, or those of some of them into another student.

python -m vivant.training.assemble --runs runs --output student.safetensors
python -m vivant.training.assemble --runs runs --base before.safetensors --output student.safetensors
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

from ..models.patch import EYE, MOUTH
from ..models.refiner import RefinerConfig
from ..models.student import FIRST_PAINTERS, FIRST_WIDTHS, Student, read_student, save_student
from .checkpoint import LAST, LOG, CheckpointError, load_checkpoint

FILES = ("initial", "refiner", "teacher")  # settings of a run that are paths
PARTS = {"refiner": "refiner", "mouth": "mouth", "eye": "eye"}


def assemble(runs: Path, base: Path | None = None) -> tuple[Student, str]:
    """The student made of RUNS/{refiner,mouth,eye}/last.safetensors, and its training record as JSON.

    Args:
        base: a student whose parts stay as they are where there is no run; None: all three runs are wanted.

    Raises:
        CheckpointError: a run is missing or of another size. ValueError: `base` is no student.
    """
    if base is None:
        student, record = _untrained(runs), {"torch": torch.__version__, "data": "see the model card"}
    else:
        student, told = read_student(base)
        record = json.loads(told)
    for folder, part in PARTS.items():
        if base is not None and not (runs / folder / LAST).exists():
            continue
        metadata = load_checkpoint(runs / folder / LAST, {"average": getattr(student, part)})
        log = [json.loads(line) for line in (runs / folder / LOG).read_text().splitlines()]
        evaluations = [line for line in log if "geometry" in line]
        record[part] = {**metadata, "evaluation": evaluations[-1] if evaluations else None}
    for part in record.values():
        _forget_folders(part)
    return student.eval(), json.dumps(record, sort_keys=True)


def _forget_folders(part: object) -> None:
    """Of the files that a run's settings name, a record keeps the names: folders are one machine's."""
    settings = part.get("config") if isinstance(part, dict) else None
    if isinstance(settings, dict):
        settings.update({name: Path(settings[name]).name for name in FILES if settings.get(name)})


def _untrained(runs: Path) -> Student:
    settings = load_checkpoint(runs / "refiner" / LAST, {})["config"]
    assert isinstance(settings, dict)
    return Student(
        RefinerConfig(widths=tuple(settings.get("widths", FIRST_WIDTHS))),
        replace(MOUTH, widths=_painter_widths(runs, "mouth")),
        replace(EYE, widths=_painter_widths(runs, "eye")),
    )


def _painter_widths(runs: Path, kind: str) -> tuple[int, int, int]:
    settings = load_checkpoint(runs / kind / LAST, {})["config"]
    assert isinstance(settings, dict)
    first, second, third = settings.get("widths") or FIRST_PAINTERS[kind]
    return first, second, third


def write_student(runs: Path, output: Path, base: Path | None = None) -> None:
    """Writes that student as `.safetensors`; the file is complete or not there. Arguments as for `assemble`."""
    student, record = assemble(runs, base)
    output.parent.mkdir(parents=True, exist_ok=True)
    save_student(student, output, record)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--base", type=Path, help="a student that keeps the parts of which there is no run")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        write_student(arguments.runs, arguments.output, arguments.base)
    except (CheckpointError, ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
