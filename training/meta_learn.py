"""Meta-learning of a teacher: episodes of K photos and a target, generator and discriminators in turn (section 3.2).

The loop reads top to bottom: `MetaLearner.run` draws episodes, `MetaLearner.train_step` learns from one batch.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from ..models.anchors import FACE
from ..models.geometry import warp_by_landmarks
from ..models.judges import Judges
from ..models.student import Student, read_student
from ..models.teacher import Rendered, Teacher
from ..models.teacher_config import TeacherConfig, with_student
from ..models.warp_branch import Photos
from .clips import FrameCache
from .content_loss import ContentLoss, Networks
from .engine import Engine, EngineConfig, TrainingError, WeightAverage, sheet
from .episodes import Episode, Episodes, collate
from .recipes import MetaLearning
from .sheets import save_sheet
from .teacher_losses import adversarial_loss, judges_loss, match_loss, matched_features, pixel_l1


class MetaLearner:
    """A teacher, its discriminators, their optimisers and averages.

    Args:
        config: the networks. recipe: how they learn. cache: prepared frames; people of the split `heldout` are looked
            at, never learnt from. output: folder of the run; what lies there is continued.

    Raises:
        TrainingError, CheckpointError, WeightsError: see there.
    """

    def __init__(
        self,
        config: TeacherConfig,
        recipe: MetaLearning,
        cache: FrameCache,
        output: Path,
        networks: Networks,
        engine: EngineConfig | None = None,
    ) -> None:
        student: Student | None = None
        if config.warp and networks.student:
            config, student = _started_from(config, networks.student)
        self.config, self.recipe = config, recipe
        describe = {"teacher": asdict(config), "recipe": asdict(recipe) | {"steps": 0, "evaluate_every": 0}}
        self.engine = Engine(engine or EngineConfig(), output, describe)
        self.data = Episodes(cache, "train", recipe.shots, config.size, self.engine.config.seed)
        self.held_out = _held_out(cache, recipe, config)
        self.content = ContentLoss(recipe.weights, networks).to(self.engine.accelerator.device)
        teacher, judges = Teacher(config), Judges(config, len(self.data.videos))
        if teacher.warp and student:
            teacher.warp.student.load_state_dict(student.state_dict())
        learnt = [p for p in teacher.parameters() if p.requires_grad]
        optimiser = torch.optim.Adam(learnt, recipe.rate, (0.5, 0.999))
        judge_optimiser = torch.optim.Adam(judges.parameters(), recipe.judge_rate, (0.5, 0.999))
        prepared = self.engine.prepare(teacher, judges, optimiser, judge_optimiser)
        self.teacher, self.judges, self.optimiser, self.judge_optimiser = prepared
        self.bare_judges: Judges = self.engine.accelerator.unwrap_model(self.judges)
        bare_teacher: Teacher = self.engine.accelerator.unwrap_model(self.teacher)
        self.average = WeightAverage(bare_teacher, self.engine.config.ema)
        self.modules = {"teacher": self.teacher, "judges": self.judges, "average": self.average.module}
        self.optimisers = {"optimiser": self.optimiser, "judge_optimiser": self.judge_optimiser}
        self.engine.resume(self.modules, self.optimisers)

    def run(self) -> None:
        """Train from the present step to the recipe's last one, or until the process is asked to end."""
        engine, recipe = self.engine, self.recipe
        if engine.main:
            engine.measure_peak()
        first = engine.step
        with engine.stoppable():
            for batch in engine.batches(self.data, recipe.batch, recipe.steps, collate):
                with engine.counted(recipe.batch, when=engine.step in (first, recipe.adversarial_from)):
                    losses = self.train_step(_with(Episode(*batch), recipe.shots_at(engine.step)))
                rates = engine.throughput(recipe.batch)
                agreed = engine.agreed(losses)
                if rates:
                    engine.log(agreed | rates)
                if engine.step % recipe.evaluate_every == 0 or engine.step == recipe.steps:
                    self.evaluate()
                done = engine.stopped() or engine.step == recipe.steps
                if done or engine.step % engine.config.save_every == 0:
                    engine.save(self.modules, self.optimisers)
                if done:
                    break

    def train_step(self, episode: Episode) -> dict[str, Tensor]:
        """One update of embedder and generator, then `judge_steps` of the discriminators; the losses, unweighted."""
        self._set_rates()
        weights, adversarial = self.recipe.weights, self.engine.step >= self.recipe.adversarial_from
        rendered: Rendered = self.teacher(episode.photos, episode.drawn, episode.points)
        made = rendered.picture.float()
        losses = self.content(made, episode)
        total = self.content.total(losses)
        person = self.bare_judges.head.people(episode.video)
        losses["match"] = match_loss(rendered.embedding.float(), person)
        if adversarial:
            total = total + weights.match * losses["match"]
            losses |= self._judged(made, episode)
            total = total + weights.features * losses["features"] + weights.adversarial * losses["adversarial"]
        self._update(self.optimiser, total, self.teacher)
        if adversarial:
            for _ in range(self.recipe.judge_steps):
                losses["judges"] = self._train_judges(made.detach(), episode)
        self.engine.step += 1
        self.average.update(self.engine.accelerator.unwrap_model(self.teacher), self.engine.step)
        return {name: value.detach() for name, value in losses.items()} | {"total": total.detach()}

    def _judged(self, made: Tensor, episode: Episode) -> dict[str, Tensor]:
        """What the discriminators say of the made pictures. Their own gradients are neither needed nor shared."""
        judges = self.bare_judges.requires_grad_(False)
        with self.engine.accelerator.autocast():
            fake = judges(made.clamp(-0.2, 1.2), episode.drawn, episode.points, episode.video)
            with torch.no_grad():
                real = judges(episode.target, episode.drawn, episode.points, episode.video)
        judges.requires_grad_(True)
        return {"features": matched_features(fake, real), "adversarial": adversarial_loss(fake)}

    def _train_judges(self, made: Tensor, episode: Episode) -> Tensor:
        both = torch.cat([made.clamp(-0.2, 1.2), episode.target])
        drawn, points, video = (torch.cat([x, x]) for x in (episode.drawn, episode.points, episode.video))
        loss = judges_loss(self.judges(both, drawn, points, video))
        self._update(self.judge_optimiser, loss, self.judges)
        return loss

    def _update(self, optimiser: torch.optim.Optimizer, loss: Tensor, module: nn.Module) -> None:
        optimiser.zero_grad(set_to_none=True)
        self.engine.accelerator.backward(loss)
        self.engine.accelerator.clip_grad_norm_(module.parameters(), 10.0)
        optimiser.step()

    def _set_rates(self) -> None:
        recipe, step = self.recipe, self.engine.step
        left = 1.0
        if recipe.decay_from < 1.0:
            left = (recipe.steps - step) / ((1.0 - recipe.decay_from) * recipe.steps)
        factor = min(1.0, (step + 1) / 200) * min(1.0, max(0.1, left))
        for optimiser, rate in ((self.optimiser, recipe.rate), (self.judge_optimiser, recipe.judge_rate)):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor

    @torch.no_grad()
    def evaluate(self) -> None:
        """L1 on held-out people with one photo and with K, beside geometry alone; a contact sheet."""
        if not self.engine.main:
            return
        values: dict[str, float] = {}
        columns: list[Tensor] = []
        teacher: Teacher = self.average.module  # pyright: ignore[reportAssignmentType]
        for shots in sorted({1, self.recipe.shots}):
            sums = {"geometry": 0.0, "warped": 0.0, "made": 0.0}
            for number, episode in enumerate(self.held_out):
                episode = _moved(_with(episode, shots), self.engine.accelerator.device)
                with self.engine.accelerator.autocast():
                    rendered = teacher(episode.photos, episode.drawn, episode.points)
                pictures = {"geometry": _geometry(episode), "made": rendered.picture.float().clamp(0, 1)}
                if rendered.warped is not None:
                    pictures["warped"] = rendered.warped.picture.float()
                for name, picture in pictures.items():
                    sums[name] += float(pixel_l1(picture, episode.target, episode.valid, 1)) / len(self.held_out)
                if number == 0:
                    columns += [] if columns else [episode.photos.pictures[:, 0], episode.drawn, pictures["geometry"]]
                    columns += [pictures[name] for name in ("warped", "made") if name in pictures]
            values |= {f"heldout_{name}_{shots}": value for name, value in sums.items() if value}
        columns.append(self.held_out[0].target)
        columns = [column.cpu() for column in columns]
        save_sheet(self.engine.output / f"sheet_{self.engine.step:07d}.png", columns, scale=1)
        self.engine.log(values, {"heldout": sheet(columns)})


def _held_out(cache: FrameCache, recipe: MetaLearning, config: TeacherConfig) -> list[Episode]:
    """Fixed episodes of held-out people; none if the cache holds out nobody."""
    try:
        data = Episodes(cache, "heldout", recipe.shots, config.size, seed=1, augment=False)
    except ValueError:
        raise TrainingError(
            f"The cache {cache.folder} holds nobody out: there is nothing to judge the run by."
        ) from None
    return [collate([data[8 * batch + i] for i in range(8)]) for batch in range(3)]


def _started_from(config: TeacherConfig, path: Path) -> tuple[TeacherConfig, Student]:
    """A student, and the configuration with that student's widths in the warp branch."""
    try:
        student, _ = read_student(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise TrainingError(f"{path} is no student: {error}.") from error
    return with_student(config, student.refiner.config.widths, student.mouth.widths, student.eye.widths), student


def _with(episode: Episode, shots: int) -> Episode:
    """The episode with its first photos alone."""
    return episode._replace(photos=Photos(*(x[:, :shots] for x in episode.photos)))


def _moved(episode: Episode, device: torch.device) -> Episode:
    return Episode(Photos(*(x.to(device) for x in episode.photos)), *(x.to(device) for x in episode[1:]))


def _geometry(episode: Episode) -> Tensor:
    first, after = episode.photos.points[:, 0, FACE, :2], episode.points[:, FACE, :2]
    return warp_by_landmarks(episode.photos.pictures[:, 0], first, after)
