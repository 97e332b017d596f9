"""From a folder of videos and photos to a student, a bundle and a report: stages, of which each is done once.

A run's folder: `prepared/shards`, `prepared/arrays`; `teacher/` where one is asked for; `refiner/`, `mouth/`, `eye/`;
`student.safetensors`, and with a teacher `distilled/`; `bundle/`; `report/`; `recipe.json`, what the run was asked for;
`seconds.json`, what it took.
"""

from __future__ import annotations

import fcntl
import json
import math
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from ..export.bundle import export_bundle
from ..export.options import ExportOptions
from ..models.released import STUDENT
from ..preparation.arrays import write_arrays
from ..preparation.config import CONFIG_FILE, PreparationConfig, claim_output
from ..preparation.index import read_index
from ..preparation.run import Place, prepare
from ..runtime.driver import Progress
from ..runtime.errors import OutputError, VideoError
from ..runtime.outputs import replacing
from ..runtime.session import Bundle
from ..training.assemble import write_student
from ..training.checkpoint import LAST
from ..training.content_loss import Networks
from ..training.distill import Distillation, distil
from ..training.engine import EngineConfig
from ..training.errors import TrainingError
from ..training.evaluate import evaluate
from ..training.recipes import recipe_of
from ..training.student_recipe import PARTS, QUICK_BATCHES, Part, StudentRecipe, is_trained, train_part
from ..training.train_teacher import teacher_is_trained, train_teacher

RECIPE_FILE: Final = "recipe.json"
SECONDS_FILE: Final = "seconds.json"
BEFOREHAND: Final = {"prepared", "teacher"}  # may be made by their own commands, before the run begins
FORMAT: Final = "vivant-student-run-1"
MOST_FILMS: Final = 60  # that are evaluated
Bars = Callable[[], AbstractContextManager[Progress]]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class StudentRun:
    """What is asked for.

    Attributes:
        data: any tree of videos and photos. folder: of the run; what lies there is continued.
        recipe: how the student learns. preparation: how files become samples.
        place: where and with how many processes files are prepared. most_bytes: that the arrays may take.
        teacher: the name of an adversarial teacher to train on the same arrays first, from which the student is
            distilled; None for none.
    """

    data: Path
    folder: Path
    recipe: StudentRecipe
    preparation: PreparationConfig = field(default_factory=PreparationConfig)
    place: Place = field(default_factory=Place)
    most_bytes: float = math.inf
    teacher: str | None = None

    def __post_init__(self) -> None:
        if self.teacher is not None:
            recipe_of(self.teacher)  # or TrainingError
        if not self.data.is_dir():
            raise TrainingError(f"{self.data} is {'a file, not a folder' if self.data.exists() else 'not there'}.")
        if self.folder.resolve().is_relative_to(self.data.resolve()):
            raise TrainingError(f"{self.folder} lies in {self.data}, whose pictures are the data; name another folder.")

    @property
    def shards(self) -> Path:
        return self.folder / "prepared" / "shards"

    @property
    def arrays(self) -> Path:
        return self.folder / "prepared" / "arrays"

    def describe(self) -> dict[str, Any]:
        """What decides about the student: a run goes on with the same only. A teacher's own checkpoint sees to it."""
        most = None if self.most_bytes == math.inf else self.most_bytes
        asked = {"data": str(self.data.resolve()), "arrays_bytes": most, **self.recipe.describe()}
        return {"format": FORMAT, **asked, "preparation": asdict(self.preparation)}


@dataclass(frozen=True)
class Stage:
    """A part of the whole. work: does it, or goes on with it, and tells why there is no result if there is none."""

    name: str
    result: Path
    finished: Callable[[], bool]
    work: Callable[[Bars], str | None]


def run_stages(run: StudentRun, tell: Tell, bars: Bars) -> dict[Path, float]:
    """Do what is not done yet.

    Args:
        tell: told a sentence when a stage begins and ends. bars: opens something that shows a stage's progress.

    Returns:
        the results that are there now, each with the seconds that it took, in this run of the command or earlier ones.

    Raises:
        TrainingError: the folder holds another run, or something else; a loss is not finite; see also `prepare`,
        `evaluate`, `export_bundle` and `CheckpointError`.
    """
    if not (run.folder / RECIPE_FILE).exists() and (run.shards / CONFIG_FILE).exists():
        # Prepared beforehand, by `vivant prepare` itself: as is asked for now?
        claim_output(run.shards, run.data, run.preparation, Bundle(run.place.bundle).manifest)
    with claimed(run.folder, run.describe()):
        seconds = _read_seconds(run.folder)
        stages = stages_of(run)
        for number, stage in enumerate(stages, 1):
            title = f"{number} of {len(stages)}, {stage.name}"
            if stage.finished():
                tell(f"{title}: done before")
                continue
            tell(f"{title} …")
            started, why = time.monotonic(), None
            try:
                why = stage.work(bars)
            except BaseException as end:
                if not isinstance(end, Exception):
                    tell(f"{title}: not finished; the same command goes on from here")
                raise
            finally:
                seconds[stage.name] = seconds.get(stage.name, 0.0) + time.monotonic() - started
                _write_seconds(run.folder, seconds)
            if why is None and not stage.finished():
                raise TrainingError(f"The stage '{stage.name}' ended early; the same command goes on.")
            tell(f"{title}: {why or duration(seconds[stage.name])}")
        return {stage.result: seconds.get(stage.name, 0.0) for stage in stages if stage.result.exists()}


def stages_of(run: StudentRun) -> list[Stage]:
    """All stages, in their order."""
    folder = run.folder
    student, bundle, report = folder / "student.safetensors", folder / "bundle", folder / "report"
    stages = [Stage("preparation", run.arrays, run.arrays.exists, partial(_prepare, run))]
    if run.teacher is not None:
        finished = partial(teacher_is_trained, folder / "teacher", run.teacher, _teacher_steps(run))
        stages.append(Stage("teacher", folder / "teacher", finished, partial(_teach, run)))
    for part in PARTS:
        finished = partial(is_trained, part, run.recipe, folder / part)
        stages.append(Stage(part, folder / part, finished, partial(_train, run, part)))
    parts = [folder / part / "last.safetensors" for part in PARTS]
    manifest, document = bundle / "manifest.json", report / "report.json"
    stages.append(Stage("student", student, partial(_is_newer, student, *parts), partial(_assemble, folder, student)))
    if run.teacher is not None:
        whole, student = student, folder / "distilled" / "student.safetensors"
        finished = partial(_is_newer, student, whole, folder / "teacher" / LAST)
        stages.append(Stage("distillation", student, finished, partial(_distil, run, whole)))
    stages += [
        Stage("bundle", bundle, partial(_is_newer, manifest, student), partial(_export, run, student, bundle)),
        Stage("report", report, partial(_is_newer, document, manifest), partial(_report, run, bundle, report)),
    ]
    return stages


def _is_newer(result: Path, *sources: Path) -> bool:
    """Whether a result is there and was not made from older files than there are now."""
    if not result.exists() or not all(source.exists() for source in sources):
        return False
    return result.stat().st_mtime_ns >= max(source.stat().st_mtime_ns for source in sources)


def _prepare(run: StudentRun, bars: Bars) -> None:
    with bars() as progress:
        ledger = prepare(run.data, run.shards, run.preparation, run.place, progress)
        if not ledger.shards:
            raise TrainingError(f"No file of {run.data} gave a sample; {run.shards / 'rejected.csv'} says why.")
        write_arrays(run.shards, run.arrays, run.most_bytes, progress)


def _teacher_steps(run: StudentRun) -> int:
    assert run.teacher is not None
    return run.recipe.steps(recipe_of(run.teacher)[1].steps)


def _teach(run: StudentRun, bars: Bars) -> None:
    assert run.teacher is not None
    networks = Networks(tracker=run.place.bundle / "track.onnx", student=STUDENT)
    with redirect_stdout(sys.stderr):  # it prints its log
        stopped = train_teacher(
            run.arrays, run.folder / "teacher", run.teacher, EngineConfig(), networks, _teacher_steps(run)
        )
    stopped.obey()


def _train(run: StudentRun, part: Part, bars: Bars) -> None:
    with bars() as progress:
        train_part(part, run.recipe, run.arrays, run.folder / part, progress)


def _assemble(folder: Path, student: Path, bars: Bars) -> None:
    write_student([folder], student)


def _distil(run: StudentRun, student: Path, bars: Bars) -> None:
    """Anew where the student or the teacher is: what was learnt from others does not count."""
    folder, teacher = run.folder / "distilled", run.folder / "teacher" / LAST
    if (folder / LAST).exists() and not _is_newer(folder / LAST, student, teacher):
        shutil.rmtree(folder)
    steps = run.recipe.steps(Distillation.steps)
    batches = QUICK_BATCHES if run.recipe.quick else Distillation.evaluation_batches
    with bars() as progress:
        distil(
            Distillation(str(student), str(teacher), steps, evaluation_batches=batches), run.arrays, folder, progress
        )


def _export(run: StudentRun, student: Path, bundle: Path, bars: Bars) -> None:
    precisions = ("fp32",) if run.recipe.quick else ("fp32", "int8")
    with bars() as progress:
        export_bundle(student, bundle, None, ExportOptions(precisions), progress)


def _report(run: StudentRun, bundle: Path, report: Path, bars: Bars) -> str | None:
    """Not a part of the recipe's folder until it is whole; `evaluate` shows its own progress."""
    films = held_out_films(run.shards)
    if not films:
        return "no film of people who are held out shows a face, so there is no report"
    try:
        with replacing(report, folder=True) as temporary:
            evaluate(bundle, [run.data / film for film in films[:MOST_FILMS]], temporary)
    except VideoError as error:
        return f"no report: {error}"
    return None


def held_out_films(shards: Path) -> list[str]:
    """Films of held-out people in which a face was found: everybody's first one, then everybody's second, and so on."""
    films: dict[str, set[str]] = defaultdict(set)
    for sample in read_index(shards):
        if sample.split == "heldout" and sample.kind == "video":
            films[sample.person].add(sample.file)
    ranked = [(rank, film) for person in films.values() for rank, film in enumerate(sorted(person))]
    return [film for _, film in sorted(ranked)]


@contextmanager
def claimed(folder: Path, asked: dict[str, Any]) -> Iterator[None]:
    """Makes a folder this run's, or finds that it is, and keeps other processes out while the block lasts.

    Raises:
        TrainingError: it is another run's, holds other files, or another process works in it.
        OutputError: it cannot be written.
    """
    path = folder / RECIPE_FILE
    if not path.exists():
        if folder.exists() and (not folder.is_dir() or {entry.name for entry in folder.iterdir()} - BEFOREHAND):
            raise TrainingError(f"{folder} holds something else than such a run; name a new folder.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"The folder {folder} cannot be made: {error.strerror}.") from None
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(asked, indent=1) + "\n", encoding="utf-8")
    with path.open(encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainingError(f"Another process works in {folder}; wait for it or end it.") from None
        try:
            before = _flat(json.load(file))
        except (ValueError, AttributeError):
            raise TrainingError(f"{path} is damaged; name another folder.") from None
        now = _flat(json.loads(json.dumps(asked)))
        for name in sorted(before.keys() | now.keys()):
            if before.get(name) != now.get(name):
                raise TrainingError(
                    f"{folder} was begun with {name} {before.get(name)!r}, not {now.get(name)!r}: use the same "
                    "settings, or name another folder."
                )
        yield


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Settings by name, without the names of the groups that they lie in."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value) if isinstance(value, dict) else {name: value}
    return flat


def _read_seconds(folder: Path) -> dict[str, float]:
    try:
        return dict(json.loads((folder / SECONDS_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _write_seconds(folder: Path, seconds: dict[str, float]) -> None:
    rounded = {name: round(value, 1) for name, value in seconds.items()}
    with replacing(folder / SECONDS_FILE) as temporary:
        temporary.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")


def duration(seconds: float) -> str:
    """As people say it: 4.2 s, 3 min 05 s, 2 h 07 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
