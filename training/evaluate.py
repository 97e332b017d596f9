"""Self- and cross-reenactment of held-out people: a bundle against standing still and against geometry alone.

Self-reenactment: the first frame with a face is the photo, later frames of the same clip are the targets and, at the
same time, the truth. Every method gets the same picture of the head's square and the landmarks that were tracked in
the whole frames, where they stand (absolute transfer). Cross-reenactment: the photo of one person, the motion of
another (relative transfer), and no truth.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..runtime.errors import VideoError
from ..runtime.outputs import check_writable
from ..runtime.session import Bundle, available_threads
from .evaluate_clips import Clip, ClipSkipped, TrackedClip, find_clips, load_clip
from .evaluate_cross import CROSS_TARGETS, cross_pairs, reenact_cross
from .evaluate_measures import Observer
from .evaluate_methods import METHODS, Method, StandingStill, make_method
from .evaluate_report import Evaluation, write_report
from .evaluate_self import SelfResult, reenact_self
from .evaluate_sheets import write_cross_sheet, write_self_sheet

TARGETS = 12  # frames of a clip that are generated and compared, where no step is asked for
DATA_VARIABLE = "VIVANT_DATA"


def heldout_videos(data: Path | None = None) -> list[Path]:
    """The clips of the people that are held out of training.

    Args:
        data: folder with ``index.csv`` (columns ``file`` and ``split``) and ``videos/``; the environment's
            `VIVANT_DATA` if None.

    Raises:
        VideoError: there is no such folder, or it holds no clip of held-out people.
    """
    folder = data or Path(os.environ.get(DATA_VARIABLE, ""))
    index = folder / "index.csv"
    if not index.is_file():
        raise VideoError(
            f"There are no clips to evaluate: name some, or a folder with an index.csv ({index} is missing)."
        )
    with index.open(newline="", encoding="utf-8") as rows:
        names = [row["file"] for row in csv.DictReader(rows) if row["split"] == "heldout"]
    if not names:
        raise VideoError(f"{index} names no clip of the split 'heldout'.")
    return [folder / "videos" / name for name in names]


def evaluate(
    bundle: Path,
    videos: Sequence[Path],
    output: Path,
    methods: Sequence[str | Method] = METHODS,
    size: int = 256,
    frame_step: int | None = None,
    precision: str = "fp32",
) -> Evaluation:
    """Evaluates methods on clips and writes ``report.json``, ``report.md``, ``sheet_self.png`` and ``sheet_cross.png``.

    Args:
        bundle: folder of the graphs.
        videos: clips of people that were not trained on.
        output: folder for the report; made if it does not exist.
        methods: names of `METHODS`, or objects that follow the `Method` protocol (a checkpoint in torch, say).
        size: side of the compared square, pixels.
        frame_step: every which frame is a target; None spreads `TARGETS` over each clip.
        precision: of the student's frames, see `Bundle`.

    Raises:
        BundleError: the bundle cannot be used, or has no graph of this precision.
        OutputError: the report cannot be written.
        ValueError: there is no method of that name, or two share one.
        VideoError: none of the clips can be evaluated.
    """
    started = time.perf_counter()
    check_writable(output)
    output.mkdir(exist_ok=True)
    # One thread a graph: the pool keeps all processors busy.
    graphs = Bundle(bundle, threads=1, precision=precision)
    made = [make_method(method, graphs) if isinstance(method, str) else method for method in methods]
    names = tuple(method.name for method in made)
    if len(set(names)) < len(names):
        raise ValueError(f"Two methods share a name: {', '.join(names)}.")
    observer = Observer(graphs)
    skipped: dict[str, str] = {}
    loaded: list[TrackedClip] = []
    results: list[SelfResult] = []
    with ThreadPoolExecutor(available_threads()) as pool, progress_bar() as bar:
        task = bar.add_task("self-reenactment", total=len(videos))
        for clip in load_ahead(find_clips(videos), graphs, size, skipped):
            results.append(reenact_self(clip, made, observer, pool, frame_step, TARGETS))
            loaded.append(clip.only([0, *clip.targets(None, CROSS_TARGETS)]))  # whole clips would fill the memory
            bar.update(task, completed=len(results) + len(skipped))
        if not results:
            raise VideoError(f"None of the clips can be evaluated: {next(iter(skipped.values()), 'there are none.')}")
        pairs = cross_pairs(loaded)
        moving = [method for method in made if not isinstance(method, StandingStill)]
        cross = [
            reenact_cross(source, driver, moving, graphs, observer, pool)
            for source, driver in bar.track(pairs, description="cross-reenactment")
        ]
    seconds = time.perf_counter() - started
    label = f"{graphs.manifest.name} {graphs.manifest.version}"
    evaluation = Evaluation(label, precision, names, size, frame_step, results, cross, skipped, seconds)
    write_report(evaluation, output)
    write_self_sheet(results, names, output / "sheet_self.png")
    if cross:
        write_cross_sheet(cross, output / "sheet_cross.png")
    return evaluation


def load_ahead(clips: Sequence[Clip], bundle: Bundle, size: int, skipped: dict[str, str]) -> Iterator[TrackedClip]:
    """The clips one after the other, each loaded while the one before is evaluated.

    Args:
        skipped: gets the reason for every clip that is left out.
    """
    with ThreadPoolExecutor(1) as loader:
        jobs = [loader.submit(load_clip, clip, bundle, size) for clip in clips[:1]]
        for place, clip in enumerate(clips):
            job = jobs.pop()
            jobs += [loader.submit(load_clip, following, bundle, size) for following in clips[place + 1 : place + 2]]
            try:
                yield job.result()
            except ClipSkipped as reason:
                skipped[clip.path.name] = str(reason)


def progress_bar() -> Progress:
    """A bar on standard error; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
