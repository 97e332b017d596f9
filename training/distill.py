"""Distil a teacher into the student: the whole student learns at once, on finished frames, from one to K photos.

    python -m vivant.training.distill --cache CACHE --output runs/distilled

Most samples are real pairs: photos and another frame of the same film, which is the truth. The others have none: the
photos are to show a motion that the person never made, and the teacher, which sees all K photos where the student sees
some of them, says how that looks. The teacher's discriminators of mouth and eyes, if it has any, learn on and keep the
student sharp.

The run resumes from OUTPUT/last.safetensors if it is there. Every `evaluate_every` steps it writes a contact sheet of
held-out people (photo | from one photo | from K | truth) and a line of metrics to OUTPUT/log.jsonl; at its end the
averaged student is OUTPUT/student.safetensors.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..models.compose import render_doubled
from ..models.judges import Judges
from ..models.landmark_picture import drawing
from ..models.released import STUDENT, TEACHER
from ..models.student import Student, read_student, save_student
from ..models.teacher import Teacher
from ..models.warp_branch import Photos
from ..runtime.driver import Progress
from .checkpoint import LOG, CheckpointError, MovingAverage
from .clips import FrameCache
from .episodes import Episode, Episodes, collate
from .errors import TrainingError
from .photo_sets import other_points
from .sheets import save_sheet
from .student_loop import StudentTrainer, scheduled
from .teacher_files import load_teacher
from .teacher_losses import adversarial_loss, judges_loss, matched_features, part_mask, pixel_l1


@dataclass(frozen=True)
class Distillation:
    """Settings of one run; weights multiply their loss terms.

    photos: K, as many as the teacher sees; the student sees one of them in half of the steps, else two to K.
    imagined: share of the samples whose target is the teacher's frame of a motion that nobody made.
    person, parts: how much more the person, and mouth and eyes, count in the L1.
    """

    student: str = str(STUDENT)
    teacher: str = str(TEACHER)
    steps: int = 2000
    batch: int = 4
    photos: int = 4
    imagined: float = 0.25
    learning_rate: float = 2e-4
    judge_rate: float = 2e-4
    weight_l1: float = 10.0
    weight_features: float = 1.5
    weight_adversarial: float = 0.1
    person: float = 1.0
    parts: float = 6.0
    ema: float = 0.998
    evaluate_every: int = 250
    evaluation_batches: int = 6
    seed: int = 0


class Lesson(NamedTuple):
    """B episodes; imagined [B] bool: whose target is to be made by the teacher; shots: photos that the student sees."""

    episode: Episode
    imagined: Tensor
    shots: int


def drawn_by(student: Student, photos: Photos, points: Tensor) -> Tensor:
    """The student's frames [B, 3, S, S] from the K photos of each of B people, for targets [B, 478, 3]."""
    pictures, _, own, mattes = (x.flatten(0, 1) for x in photos)
    encoded = student.encode_squares(pictures, mattes, own, photos.points.shape[1])
    return render_doubled(encoded.texture, student.move(encoded, points).maps())


def fewer(photos: Photos, shots: int) -> Photos:
    """The first so many photos of everybody."""
    return Photos(*(x[:, :shots] for x in photos))


class Distiller(StudentTrainer[Distillation, Lesson]):
    """Student, teacher, the teacher's discriminators of mouth and eyes.

    Raises:
        CheckpointError: the teacher cannot be read. ValueError: the student cannot, or the cache holds no films.
    """

    def __init__(self, config: Distillation, cache: FrameCache, output: Path) -> None:
        super().__init__(output)
        torch.manual_seed(config.seed)
        self.settings = config
        trained = load_teacher(Path(config.teacher))
        self.teacher: Teacher = trained.teacher
        self.judges: Judges = trained.judges
        size = self.teacher.config.size
        self.data = Episodes(cache, "train", config.photos, size, config.seed)
        self.fixed = _looked_at(cache, config, size)
        # Norms keep their statistics: batches are small, and the released student has them folded.
        self.student = read_student(Path(config.student))[0].eval()
        self.average = MovingAverage(self.student, config.ema)
        self.optimiser = torch.optim.Adam(self.student.parameters(), config.learning_rate, (0.5, 0.99))
        self.judge_optimiser = torch.optim.Adam(self.judges.parameters(), config.judge_rate, (0.5, 0.99))
        self.modules = {"student": self.student, "average": self.average.module, "judges": self.judges}
        self.optimisers = {"optimiser": self.optimiser, "judge_optimiser": self.judge_optimiser}
        self.resume()
        self._drawn = self.step

    def draw(self) -> Lesson:
        """The episodes of a step, a function of its number alone."""
        number, config = self._drawn, self.settings
        self._drawn += 1
        rng = np.random.default_rng((config.seed, number))
        episodes = [self.data[number * config.batch + i] for i in range(config.batch)]
        imagined = rng.random(config.batch) < config.imagined
        generator = torch.Generator().manual_seed(number)
        for i in np.flatnonzero(imagined):
            points = other_points(episodes[i].photos.points[0], generator)
            drawn = drawing(points, self.data.size)
            episodes[i] = episodes[i]._replace(points=points, drawn=drawn, valid=torch.ones_like(episodes[i].valid))
        shots = 1 if rng.random() < 0.5 else int(rng.integers(2, config.photos + 1))
        return Lesson(collate(episodes), torch.from_numpy(imagined), shots)

    def train_step(self, batch: Lesson) -> dict[str, float]:
        """One update of the student, then one of the discriminators."""
        config, episode = self.settings, batch.episode
        for optimiser, rate in ((self.optimiser, config.learning_rate), (self.judge_optimiser, config.judge_rate)):
            for group in optimiser.param_groups:
                group["lr"] = scheduled(rate, self.step, config.steps)
        truth = self._truth(batch)
        made = drawn_by(self.student, fewer(episode.photos, batch.shots), episode.points)
        weight = episode.valid * (
            1.0 + config.person * episode.matte + config.parts * part_mask(episode.points, made.shape[-1])
        )
        losses = {"l1": pixel_l1(made, truth, weight)}
        total = config.weight_l1 * losses["l1"]
        if self.judges.patches:
            losses |= self._judged(made, episode, ~batch.imagined)
            total = total + config.weight_features * losses["features"]
            total = total + config.weight_adversarial * losses["adversarial"]
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self.optimiser.step()
        if self.judges.patches:
            losses["judges"] = self._train_judges(made.detach(), episode)
        self.step += 1
        self.average.update(self.student, self.step)
        return {name: float(value.detach()) for name, value in losses.items()}

    @torch.no_grad()
    def _truth(self, batch: Lesson) -> Tensor:
        """The true frames, and the teacher's where there are none."""
        episode, chosen = batch.episode, batch.imagined
        if not chosen.any():
            return episode.target
        photos = Photos(*(x[chosen] for x in episode.photos))
        with torch.autocast("cpu", torch.bfloat16):
            imagined = self.teacher(photos, episode.drawn[chosen], episode.points[chosen]).picture
        truth = episode.target.clone()
        truth[chosen] = imagined.float().clamp(0, 1)
        return truth

    def _judged(self, made: Tensor, episode: Episode, real: Tensor) -> dict[str, Tensor]:
        """What the discriminators say of mouth and eyes; features are compared where there is a true frame."""
        judges = self.judges.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16):
            verdicts = judges.parts(made.clamp(-0.2, 1.2), episode.points)
            losses = {"adversarial": adversarial_loss(verdicts), "features": made.new_zeros(())}
            if real.any():
                mine = judges.parts(made[real].clamp(-0.2, 1.2), episode.points[real])
                with torch.no_grad():
                    theirs = judges.parts(episode.target[real], episode.points[real])
                losses["features"] = matched_features(mine, theirs)
        judges.requires_grad_(True)
        return losses

    def _train_judges(self, made: Tensor, episode: Episode) -> Tensor:
        """Made frames against photos of the same people: of an imagined motion there is no true frame."""
        true, theirs = episode.photos.pictures[:, -1], episode.photos.points[:, -1]
        with torch.autocast("cpu", torch.bfloat16):
            verdicts = self.judges.parts(torch.cat([made.clamp(-0.2, 1.2), true]), torch.cat([episode.points, theirs]))
        loss = judges_loss(verdicts)
        self.judge_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.judge_optimiser.step()
        return loss

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """L1 of held-out people, of the frame and of mouth and eyes, with one photo and with K; a contact sheet.

        Empty where nobody is held out.
        """
        if not self.fixed:
            return {}
        student: Student = self.average.module  # pyright: ignore[reportAssignmentType]
        values: dict[str, float] = {}
        columns: list[Tensor] = []
        for number, episode in enumerate(self.fixed):
            mask = part_mask(episode.points, episode.target.shape[-1])
            for shots in (1, self.settings.photos):
                made = drawn_by(student, fewer(episode.photos, shots), episode.points)
                for name, weight in (("l1", episode.valid), ("parts", episode.valid * mask)):
                    key, value = f"{name}_{shots}", float(pixel_l1(made, episode.target, weight, 1))
                    values[key] = values.get(key, 0.0) + value / len(self.fixed)
                if number == 0:
                    columns += [] if columns else [episode.photos.pictures[:, 0]]
                    columns.append(made)
        save_sheet(self.output / f"sheet_{self.step:06d}.png", [*columns, self.fixed[0].target], scale=1)
        return values


def _looked_at(cache: FrameCache, config: Distillation, size: int) -> list[Episode]:
    """Fixed episodes of held-out people; none if nobody is held out."""
    if not cache.scenes("heldout", "video"):
        return []
    data = Episodes(cache, "heldout", config.photos, size, seed=1, augment=False)
    return [collate([data[8 * batch + i] for i in range(8)]) for batch in range(config.evaluation_batches)]


def distil(config: Distillation, cache: Path, output: Path, progress: Progress | None = None) -> Path:
    """Train to the last step, or go on, and write the averaged student with the record of what it was distilled from.

    Args:
        cache: arrays that `vivant prepare --arrays` wrote. output: the run's folder. progress: see `StudentTrainer`.

    Returns:
        OUTPUT/student.safetensors.

    Raises:
        TrainingError, CheckpointError, ValueError: see `Distiller` and `StudentTrainer`.
        FileNotFoundError: the cache lacks a file.
    """
    distiller = Distiller(config, FrameCache(cache), output)
    distiller.run(progress)
    _, before = read_student(Path(config.student))
    settings = asdict(config)
    settings |= {name: Path(settings[name]).name for name in ("student", "teacher")}
    log = (output / LOG).read_text(encoding="utf-8").splitlines()
    looks = [line for line in map(json.loads, log) if "parts_1" in line]
    last = looks[-1] if looks else None
    record = json.loads(before) | {"distillation": {"step": distiller.step, "config": settings, "evaluation": last}}
    written = output / "student.safetensors"
    save_student(distiller.average.module, written, json.dumps(record, sort_keys=True))  # type: ignore[arg-type]
    return written


def main() -> None:
    """Command line; the defaults of `Distillation` apply where an option is left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--student", type=Path, default=STUDENT, help="what it starts from")
    parser.add_argument("--teacher", type=Path, default=TEACHER)
    parser.add_argument("--steps", type=int, default=Distillation.steps)
    parser.add_argument("--imagined", type=float, default=Distillation.imagined, help="share without a true frame")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    config = Distillation(str(given.student), str(given.teacher), given.steps, imagined=given.imagined)
    try:
        print(distil(config, given.cache, given.output))
    except (TrainingError, CheckpointError, ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
