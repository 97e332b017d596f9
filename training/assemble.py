"""Puts the averages of the three runs together into one student.

python -m vivant.training.assemble --runs runs --output models/weights/student.safetensors
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch

from ..models.patch import EYE, MOUTH
from ..models.refiner import RefinerConfig
from ..models.student import FIRST_PAINTERS, FIRST_WIDTHS, Student, save_student
from .checkpoint import load_checkpoint

PARTS = {"refiner": "refiner", "mouth": "mouth", "eye": "eye"}


def assemble(runs: Path) -> tuple[Student, str]:
    """The student made of RUNS/{refiner,mouth,eye}/last.safetensors, and its training record as JSON."""
    settings = load_checkpoint(runs / "refiner" / "last.safetensors", {})["config"]
    assert isinstance(settings, dict)
    student = Student(
        RefinerConfig(widths=tuple(settings.get("widths", FIRST_WIDTHS))),
        replace(MOUTH, widths=_painter_widths(runs, "mouth")),
        replace(EYE, widths=_painter_widths(runs, "eye")),
    ).eval()
    record: dict[str, object] = {"torch": torch.__version__, "data": "see the model card"}
    for folder, part in PARTS.items():
        module = getattr(student, part)
        metadata = load_checkpoint(runs / folder / "last.safetensors", {"average": module})
        log = [json.loads(line) for line in (runs / folder / "log.jsonl").read_text().splitlines()]
        evaluations = [line for line in log if "geometry" in line]
        record[part] = {**metadata, "evaluation": evaluations[-1] if evaluations else None}
    return student, json.dumps(record, sort_keys=True)


def _painter_widths(runs: Path, kind: str) -> tuple[int, int, int]:
    settings = load_checkpoint(runs / kind / "last.safetensors", {})["config"]
    assert isinstance(settings, dict)
    first, second, third = settings.get("widths") or FIRST_PAINTERS[kind]
    return first, second, third


def write_student(runs: Path, output: Path) -> None:
    """Writes that student as `.safetensors`; the file is complete or not there."""
    student, record = assemble(runs)
    output.parent.mkdir(parents=True, exist_ok=True)
    save_student(student, output, record)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    write_student(arguments.runs, arguments.output)
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
