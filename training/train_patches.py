"""Train a patch painter (mouth or eye): reconstruction first, then an adversarial term that keeps it sharp.

    python -m vivant.training.train_patches --cache CACHE --kind mouth --output runs/mouth --steps 7000

The run resumes from OUTPUT/last.safetensors if it is there. Every `evaluate_every` steps it writes a contact sheet of
held-out people (source | warped | painted | painted from several frames | target) and a line of metrics to
OUTPUT/log.jsonl.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..models.discriminator import PatchDiscriminator, hinge_discriminator
from ..models.lending import EYE_KIND, MOUTH_KIND, Kind, first, paint_patch
from ..models.patch import EYE, MOUTH, PatchPainter, eye_flow, mouth_flow, warp_patch
from ..models.student import is_student, load_student, read_student
from .checkpoint import CheckpointError, MovingAverage, load_checkpoint
from .clips import FrameCache
from .errors import TrainingError
from .patch_data import PatchBatch, PatchData
from .sheets import save_sheet
from .student_loop import StudentTrainer, check_people, scheduled


@dataclass(frozen=True)
class PatchTraining:
    """Settings of one run. Weights multiply their loss terms; the adversarial ones start at `adversarial_from`.

    initial: a checkpoint whose networks (not optimisers) the run starts from, or a student whose painter; empty: from
    scratch.
    widths: channels per level of the painter; None: the kind's own. teacher: a student's weights to distil from;
    teacher_until: the share of the run over which the teacher's weight falls to 0.
    several_share: of the batches, how many bring 2 to 4 frames of each person.
    """

    kind: str = "mouth"
    initial: str = ""
    steps: int = 7000
    batch: int = 16
    learning_rate: float = 4e-4
    discriminator_rate: float = 4e-4
    adversarial_from: float = 0.3
    weight_l1: float = 10.0
    weight_features: float = 1.5
    weight_adversarial: float = 0.1
    photo_share: float = 0.08
    several_share: float = 0.5
    widths: tuple[int, int, int] | None = None
    teacher: str = ""
    weight_teacher: float = 10.0
    teacher_until: float = 0.7
    ema: float = 0.999
    evaluate_every: int = 500
    evaluation_batches: int = 8
    seed: int = 0


def region_l1(a: Tensor, b: Tensor, region: Tensor) -> Tensor:
    """Mean absolute difference inside a soft region."""
    return ((a - b).abs().mean(1, keepdim=True) * region).sum() / region.sum().clamp_min(1.0)


class Drawn(NamedTuple):
    """picture [B, 3, n, n], not clamped; condition [B, M, n, n] and region [B, 1, n, n] as the painter got them."""

    picture: Tensor
    condition: Tensor
    region: Tensor


def paint(painter: PatchPainter, kind: Kind, batch: PatchBatch) -> Drawn:
    """The painted patches."""
    painted = paint_patch(painter, kind, batch.patches, batch.points, batch.slopes)
    moved = warp_patch(first(batch.patches.pictures, len(batch.target)), painted.flow)
    return Drawn(moved * (1.0 - painted.hidden) + painted.add, painted.condition, painted.region)


def warped(kind: Kind, batch: PatchBatch) -> Tensor:
    """What geometry alone makes of the main photos: [B, 3, n, n]."""
    people = len(batch.target)
    points = batch.patches.points.unflatten(0, (people, -1))[:, 0]
    flow = (mouth_flow if kind is MOUTH_KIND else eye_flow)(points, batch.points)
    return warp_patch(first(batch.patches.pictures, people), flow)


class PatchTrainer(StudentTrainer[PatchTraining, PatchBatch]):
    """Painter, discriminator, their optimisers and averages."""

    def __init__(self, config: PatchTraining, cache: FrameCache, output: Path) -> None:
        super().__init__(output)
        torch.manual_seed(config.seed)
        self.settings = config
        patch, self.kind = (MOUTH, MOUTH_KIND) if config.kind == "mouth" else (EYE, EYE_KIND)
        patch = replace(patch, widths=config.widths or patch.widths)
        self.teacher = getattr(load_student(Path(config.teacher))[0], config.kind) if config.teacher else None
        self.data = PatchData(cache, patch, "train", config.seed, config.photo_share, config.several_share)
        check_people(self.data.video, cache)
        self.held_out = PatchData(cache, patch, "heldout", 1, 0.0)
        self.painter: PatchPainter = PatchPainter(patch).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.discriminator = PatchDiscriminator(patch.masks).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.average = MovingAverage(self.painter, config.ema)
        self.optimiser = torch.optim.Adam(self.painter.parameters(), config.learning_rate, (0.5, 0.99))
        self.judge_optimiser = torch.optim.Adam(self.discriminator.parameters(), config.discriminator_rate, (0.5, 0.99))
        self.modules = {"painter": self.painter, "discriminator": self.discriminator, "average": self.average.module}
        self.optimisers = {"optimiser": self.optimiser, "judge_optimiser": self.judge_optimiser}
        looked_at = config.evaluation_batches if self.held_out.video.people else 0
        self.fixed = [self.held_out.batch(24, augment=False) for _ in range(looked_at)]
        several = PatchData(cache, patch, "heldout", 1, 0.0, 1.0)  # the same pairs, each with other frames
        self.several = [several.batch(24, augment=False) for _ in range(looked_at)]
        if not self.resume() and config.initial:
            self._begin_with(Path(config.initial))

    def _begin_with(self, path: Path) -> None:
        if not is_student(path):
            load_checkpoint(path, self.modules)
            return
        weights = getattr(read_student(path)[0], self.settings.kind).state_dict()
        for module in (self.painter, self.average.module):
            module.load_state_dict(weights)

    def draw(self) -> PatchBatch:
        """Patches of people who are not held out."""
        return self.data.batch(self.settings.batch)

    def train_step(self, batch: PatchBatch) -> dict[str, float]:
        """One update of the painter, and, late enough, of the discriminator."""
        config = self.settings
        self._set_rate()
        with torch.autocast("cpu", torch.bfloat16):
            output, condition, region = paint(self.painter, self.kind, batch)
        losses = {"l1": region_l1(output, batch.target, region)}
        total = config.weight_l1 * losses["l1"]
        if (share := 1.0 - self.step / (config.teacher_until * config.steps)) > 0.0 and self.teacher:
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                wanted = paint(self.teacher, self.kind, batch).picture
            losses["teacher"] = region_l1(output, wanted, region)
            total = total + share * config.weight_teacher * losses["teacher"]
        if self.step >= config.adversarial_from * config.steps:
            # Outside the region both pictures are the true one: only what was painted is judged.
            fake = torch.lerp(batch.target, output.clamp(-0.2, 1.2), region)
            losses["judge"] = self._train_judge(batch.target, fake.detach(), condition)
            with torch.autocast("cpu", torch.bfloat16):
                score, features = self.discriminator(fake, condition)
                with torch.no_grad():
                    _, real_features = self.discriminator(batch.target, condition)
                matched = [F.l1_loss(a.float(), b.float()) for a, b in zip(features, real_features, strict=True)]
            losses["features"] = torch.stack(matched).mean()
            losses["adversarial"] = -score.float().mean()
            total = total + config.weight_features * losses["features"]
            total = total + config.weight_adversarial * losses["adversarial"]
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.painter.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        self.average.update(self.painter, self.step)
        return {name: float(value.detach()) for name, value in losses.items()}

    def _train_judge(self, real: Tensor, fake: Tensor, condition: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            real_score, _ = self.discriminator(real, condition)
            fake_score, _ = self.discriminator(fake, condition)
        loss = hinge_discriminator(real_score.float(), fake_score.float())
        self.judge_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.judge_optimiser.step()
        return loss

    def _set_rate(self) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = scheduled(self.settings.learning_rate, self.step, self.settings.steps, decay=0.3)

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """L1 inside the region on held-out people: warped (geometry) and painted, and painted from several frames;
        writes a contact sheet.

        Empty where nobody is held out.
        """
        if not self.fixed:
            return {}
        result = {"geometry": 0.0, "painted": 0.0, "painted_several": 0.0}
        for number, (batch, several) in enumerate(zip(self.fixed, self.several, strict=True)):
            geometry = warped(self.kind, batch)
            drawn, lent = (paint(self.average.module, self.kind, b) for b in (batch, several))  # type: ignore[arg-type]
            for name, picture in zip(result, (geometry, drawn.picture, lent.picture), strict=True):
                result[name] += float(region_l1(picture, batch.target, drawn.region)) / len(self.fixed)
            if number == 0:
                columns = [batch.patches.pictures, geometry, drawn.picture, lent.picture, batch.target]
                save_sheet(self.output / f"sheet_{self.step:06d}.png", [x[:12] for x in columns])
        return result


def main() -> None:
    """Command line; the defaults of `PatchTraining` apply where an option is left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--kind", choices=("mouth", "eye"), default="mouth")
    parser.add_argument("--steps", type=int, default=PatchTraining.steps)
    parser.add_argument("--initial", type=Path, help="checkpoint, or student, to begin with")
    parser.add_argument("--widths", type=int, nargs=3, help="channels per level")
    parser.add_argument("--teacher", type=Path, help="student.safetensors to distil from")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = PatchTraining(
        kind=arguments.kind,
        steps=arguments.steps,
        initial=str(arguments.initial or ""),
        widths=tuple(arguments.widths) if arguments.widths else None,
        teacher=str(arguments.teacher or ""),
    )
    try:
        PatchTrainer(config, FrameCache(arguments.cache), arguments.output).run()
    except (TrainingError, CheckpointError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
