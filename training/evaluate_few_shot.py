"""Held-out people from several photos: the student with 1 and 4, teachers with T = 1, 8, 32, as meta-learned and
fine-tuned, beside geometry alone.

    python -m vivant.training.evaluate_few_shot --data DATA -o few-shot
    python -m vivant.training.evaluate_few_shot --teacher runs/teacher/last.safetensors --data DATA -o few-shot
    python -m vivant.training.evaluate_few_shot --bundle before --bundle distilled --data DATA -o ablation

The first frame of a clip is the first photo, the others are spread over the clip, away from the frames that are made
again and compared: self-reenactment, as in the tables of Zakharov et al. 2019. All methods are compared at one size,
that of the teachers, without any at 256 pixels.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..models.person import Person
from ..models.warp_branch import Photos
from ..runtime.errors import VivantError
from ..runtime.session import BUNDLED, Bundle
from .adapt import adaptation_of, fine_tune
from .checkpoint import CheckpointError
from .content_loss import Networks
from .errors import TrainingError
from .evaluate import DATA_VARIABLE, heldout_videos, load_ahead, progress_bar
from .evaluate_clips import TrackedClip, find_clips, whole_square
from .evaluate_measures import Observer, Picture, Points, Scores, score_against_truth, true_frame
from .evaluate_methods import BundledStudent, Geometry
from .evaluate_self import mean_scores
from .photo_sets import photos_of
from .sheets import save_sheet
from .teacher_files import TrainedTeacher, load_teacher

SHOTS = (1, 8, 32)
STUDENT_SHOTS = (1, 4)
SIZE = 256  # where no teacher says another
APART = 2  # frames between a photo and a frame that is compared
COLUMNS = (
    ("l1", "L1 ↓", 4), ("psnr", "PSNR ↑", 2), ("ssim", "SSIM ↑", 3), ("identity", "identity ↑", 3),
    ("landmarks", "landmarks px ↓", 2), ("mouth_l1", "mouth L1 ↓", 4), ("eye_l1", "eye L1 ↓", 4),
    ("sharpness", "sharpness", 2),
)  # fmt: skip


@dataclass(frozen=True)
class FewShotSettings:
    """shots: numbers of photos T. targets: frames compared per clip.

    epochs: of fine-tuning; 0 leaves it out; None: those of `adaptation_of`.
    tuned_shots: for which T fine-tuning is done. student_shots: numbers of photos that the student gets.
    """

    shots: tuple[int, ...] = SHOTS
    tuned_shots: tuple[int, ...] = SHOTS
    targets: int = 8
    epochs: int | None = None
    student_shots: tuple[int, ...] = STUDENT_SHOTS


class PersonMethod:
    """A `Person` as one of the methods that are evaluated side by side."""

    def __init__(self, name: str, person: Person) -> None:
        self.name, self.person = name, person

    def frame(self, target: Points) -> Picture:
        """target [478, 3], pixels of the square."""
        return self.person.picture(target)


def source_frames(clip: TrackedClip, count: int, targets: Sequence[int]) -> list[int]:
    """The first frame and `count` − 1 others with a face, spread over the clip, none near a target; fewer if there are
    no more."""
    forbidden = {target + shift for target in targets for shift in range(-APART, APART + 1)}
    free = [i for i in range(1, len(clip.frames)) if clip.found[i] and i not in forbidden]
    places = np.unique(np.linspace(0, len(free) - 1, min(count - 1, len(free))).round().astype(int)) if free else []
    return [0, *(free[place] for place in places)]


def clip_photos(clip: TrackedClip, frames: Sequence[int], bundle: Bundle) -> Photos:
    """Frames of a clip as photos, all with the clip's one square."""
    size = clip.frames.shape[1]
    return photos_of(bundle, [(clip.frames[i], clip.landmarks[i], whole_square(size)) for i in frames], size)


def methods_of(
    clip: TrackedClip, teacher: TrainedTeacher, settings: FewShotSettings, targets: Sequence[int], bundle: Bundle
) -> list[PersonMethod]:
    """The teacher with every number of photos, as meta-learned and fine-tuned."""
    methods, name = [], teacher.teacher.config.name
    networks = Networks(tracker=BUNDLED / "track.onnx")
    for count in settings.shots:
        photos = clip_photos(clip, source_frames(clip, count, targets), bundle)
        methods.append(PersonMethod(f"{name}, T = {count}", Person.of(teacher.teacher, photos)))
        if settings.epochs != 0 and count in settings.tuned_shots:
            tuned = fine_tune(teacher, photos, adaptation_of(name, settings.epochs), networks)
            methods.append(PersonMethod(f"{name}, T = {count}, tuned", tuned))
    return methods


def baselines_of(
    clip: TrackedClip, shots: Sequence[int], targets: Sequence[int], students: Mapping[str, Bundle]
) -> list[Geometry | BundledStudent]:
    """Geometry alone, and the students, by name, with every number of photos."""
    region = whole_square(clip.frames.shape[1])
    geometry = Geometry()
    geometry.prepare(clip.frames[0], clip.landmarks[0], region)
    methods: list[Geometry | BundledStudent] = [geometry]
    for name, bundle in students.items():
        for count in shots:
            student = BundledStudent(bundle, f"{name}, {count} photo{'s' * (count > 1)}")
            student.prepare(clip.frames[0], clip.landmarks[0], region)
            student.refer([(clip.frames[i], clip.landmarks[i]) for i in source_frames(clip, count, targets)[1:]])
            methods.append(student)
    return methods


def evaluate_few_shot(
    teachers: Sequence[TrainedTeacher],
    videos: Sequence[Path],
    output: Path,
    students: Mapping[str, Bundle],
    settings: FewShotSettings,
) -> str:
    """Measures everything; writes `few_shot.json`, `few_shot.md` and `sheet.png`, and returns the Markdown.

    Args:
        students: bundles by the names of their rows, one at least; the first one's tracker is used for all.

    Raises:
        TrainingError: no clip can be evaluated, or the teachers differ in size.
    """
    sizes = {teacher.teacher.config.size for teacher in teachers} or {SIZE}
    if len(sizes) != 1:
        raise TrainingError("Teachers of different sizes cannot be compared pixel by pixel.")
    bundle = next(iter(students.values()))
    started, observer = time.perf_counter(), Observer(bundle)
    skipped: dict[str, str] = {}
    rows: dict[str, list[Scores]] = {}
    pictures: list[list[Picture]] = []
    size = sizes.pop()
    with ThreadPoolExecutor(1) as pool, progress_bar() as bar:
        task = bar.add_task("few-shot", total=len(videos))
        for clip in load_ahead(find_clips(videos), bundle, size, skipped):
            shown = _clip_scores(clip, teachers, settings, students, observer, rows, pool)
            pictures.append(shown)
            bar.advance(task)
    if not rows:
        raise TrainingError(f"None of the clips can be evaluated: {next(iter(skipped.values()), 'there are none.')}")
    output.mkdir(parents=True, exist_ok=True)
    columns = [torch.from_numpy(np.stack(column)).permute(0, 3, 1, 2) / 255 for column in zip(*pictures, strict=True)]
    save_sheet(output / "sheet.png", columns, scale=1)
    means = {name: mean_scores(scores) for name, scores in rows.items()}
    text = _table(means, len(pictures), size, teachers, settings, time.perf_counter() - started)
    (output / "few_shot.md").write_text(text, encoding="utf-8")
    report = {"means": means, "clips": rows, "skipped": skipped}
    (output / "few_shot.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    return text


def _clip_scores(
    clip: TrackedClip,
    teachers: Sequence[TrainedTeacher],
    settings: FewShotSettings,
    students: Mapping[str, Bundle],
    observer: Observer,
    rows: dict[str, list[Scores]],
    pool: ThreadPoolExecutor,
) -> list[Picture]:
    """Adds a clip's mean scores by method; the pictures of the farthest target: photo, methods, truth."""
    targets = clip.targets(None, settings.targets)
    truths = [true_frame(clip, target, observer, with_flip=False) for target in targets]
    farthest = clip.farthest(targets)
    shown = [clip.frames[0]]
    bundle = next(iter(students.values()))
    baselines = baselines_of(clip, settings.student_shots, targets, students)
    tried = [m for teacher in teachers for m in methods_of(clip, teacher, settings, targets, bundle)]
    for method in [*baselines, *tried]:
        made = [method.frame(clip.landmarks[target]) for target in targets]
        jobs = [pool.submit(score_against_truth, m, t, clip, observer) for m, t in zip(made, truths, strict=True)]
        rows.setdefault(method.name, []).append(mean_scores([job.result()[0] for job in jobs]))
        shown.append(made[targets.index(farthest)])
    return [*shown, clip.frames[farthest]]


def _table(
    means: dict[str, Scores],
    clips: int,
    size: int,
    teachers: Sequence[TrainedTeacher],
    settings: FewShotSettings,
    seconds: float,
) -> str:
    facts = [f"{t.teacher.config.name} after {t.step} steps" for t in teachers]
    if teachers:
        epochs = "the default" if settings.epochs is None else settings.epochs
        facts.append(f"epochs of fine-tuning: {epochs}")
    lines = [
        f"{clips} clips of held-out people, {settings.targets} frames each, at {size} px; "
        + "; ".join([*facts, f"{seconds / 60:.0f} minutes."]),
        "",
        "| method | " + " | ".join(title for _, title, _ in COLUMNS) + " |",
        "| --- |" + " ---: |" * len(COLUMNS),
    ]
    for name, scores in means.items():
        lines.append(f"| {name} | " + " | ".join(f"{scores[key]:.{digits}f}" for key, _, digits in COLUMNS) + " |")
    return "\n".join(lines) + "\n"


def _students(folders: Sequence[Path]) -> dict[str, Bundle]:
    """Bundles by name: that of their folder where there are several."""
    names = ["student"] if len(folders) == 1 else [f"student `{folder.name}`" for folder in folders]
    if len(set(names)) < len(names):
        raise TrainingError("Bundles that are compared need folders of different names.")
    return {name: Bundle(folder, threads=1) for name, folder in zip(names, folders, strict=True)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, action="append", default=[], help="checkpoint; may be repeated")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get(DATA_VARIABLE, "")))
    parser.add_argument("--output", "-o", type=Path, default=Path("few-shot"))
    parser.add_argument("--bundle", type=Path, action="append", help="a student's; may be repeated")
    parser.add_argument("--shots", type=int, nargs="+", default=list(SHOTS))
    parser.add_argument("--tuned-shots", type=int, nargs="*", help="for which T to fine-tune; default: all")
    parser.add_argument("--epochs", type=int, help="of fine-tuning; 0: none; default: 10, the paper's networks 40")
    parser.add_argument("--student-shots", type=int, nargs="+", default=list(STUDENT_SHOTS), help="photos it gets")
    parser.add_argument("--targets", type=int, default=FewShotSettings.targets)
    parser.add_argument("--clips", type=int, help="only the first so many clips")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    tuned = tuple(given.shots if given.tuned_shots is None else given.tuned_shots)
    settings = FewShotSettings(tuple(given.shots), tuned, given.targets, given.epochs, tuple(given.student_shots))
    try:
        teachers = [load_teacher(path) for path in given.teacher]
        videos = heldout_videos(given.data)[: given.clips]
        print(evaluate_few_shot(teachers, videos, given.output, _students(given.bundle or [BUNDLED]), settings))
    except (VivantError, TrainingError, CheckpointError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
