"""Puts the averages of the three runs together into one student, or those of some of them into another student.

python -m vivant.training.assemble --runs runs --output student.safetensors
python -m vivant.training.assemble --runs runs --base before.safetensors --output student.safetensors
python -m vivant.training.assemble --runs one other third --shift 0.6 --base before.safetensors --output m.safetensors
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..models.patch import EYE, MOUTH, PatchPainter
from ..models.refiner import RefinerConfig
from ..models.student import FIRST_PAINTERS, FIRST_WIDTHS, Student, read_student, save_student
from .checkpoint import LAST, LOG, CheckpointError, load_checkpoint

FILES = ("initial", "refiner", "teacher")  # settings of a run that are paths
PARTS = {"refiner": "refiner", "mouth": "mouth", "eye": "eye"}


def assemble(runs: Sequence[Path], base: Path | None = None, shift: float = 1.0) -> tuple[Student, str]:
    """The student made of RUN/{refiner,mouth,eye}/last.safetensors, and its training record as JSON.

    Args:
        runs: of several that began alike, the mean of their weights is taken: it serves people whom none of them knows
            better than each does (Wortsman et al. 2022, "Model soups").
        base: a student whose parts stay as they are where there is no run; None: all three are wanted of every run.
        shift: of the painters' corrections of the flow, how much is kept (0..1), see `PatchPainter.hold_back`.

    Raises:
        CheckpointError: a run is missing or of another size. ValueError: `base` is no student.
    """
    if base is None:
        student, record = _untrained(runs[0]), {"torch": torch.__version__, "data": "see the model card"}
    else:
        student, told = read_student(base)
        record = json.loads(told)
    for folder, name in PARTS.items():
        files = [run / folder / LAST for run in runs]
        if base is not None:
            files = [file for file in files if file.exists()]
        if not files:
            continue
        part = getattr(student, name)
        record[name] = _told(_load_mean(part, files), files)
        if isinstance(part, PatchPainter) and shift != 1.0:
            part.hold_back(shift)
            record[name]["shift"] = shift
    return student.eval(), json.dumps(record, sort_keys=True)


def _load_mean(part: nn.Module, files: Sequence[Path]) -> list[dict[str, object]]:
    """Loads the mean of the averaged weights into `part`; what the checkpoints tell of themselves."""
    told: list[dict[str, object]] = []
    states: list[dict[str, Tensor]] = []
    for file in files:
        told.append(load_checkpoint(file, {"average": part}))
        states.append({name: value.clone() for name, value in part.state_dict().items()})
    means = {
        name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
        for name, value in states[0].items()
    }
    part.load_state_dict(means)
    return told


def _told(told: list[dict[str, object]], files: Sequence[Path]) -> dict[str, object]:
    """A part's record: of its run, with the last evaluation, or of all runs whose mean it is."""
    for metadata, file in zip(told, files, strict=True):
        log = [json.loads(line) for line in (file.parent / LOG).read_text().splitlines()]
        metadata["evaluation"] = next((line for line in reversed(log) if "geometry" in line), None)
        _forget_folders(metadata)
    return told[0] if len(told) == 1 else {"mean_of": told}


def _forget_folders(metadata: dict[str, object]) -> None:
    """Of the files that a run's settings name, a record keeps the names: folders are one machine's."""
    settings = metadata.get("config")
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


def write_student(runs: Sequence[Path], output: Path, base: Path | None = None, shift: float = 1.0) -> None:
    """Writes that student as `.safetensors`; the file is complete or not there. Arguments as for `assemble`."""
    student, record = assemble(runs, base, shift)
    output.parent.mkdir(parents=True, exist_ok=True)
    save_student(student, output, record)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders; of several, the mean is taken")
    parser.add_argument("--base", type=Path, help="a student that keeps the parts of which there is no run")
    parser.add_argument(
        "--shift", type=float, default=1.0, help="of the painters' corrections of the flow, how much is kept"
    )
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    if not 0.0 <= arguments.shift <= 1.0:
        parser.error("--shift must lie between 0 and 1.")
    try:
        write_student(arguments.runs, arguments.output, arguments.base, arguments.shift)
    except (CheckpointError, ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
