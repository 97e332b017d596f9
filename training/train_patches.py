"""Train a patch painter (mouth or eye): reconstruction first, then an adversarial term that keeps it sharp.

    python -m vivant.training.train_patches --cache CACHE --kind mouth --output runs/mouth --steps 7000

The run resumes from OUTPUT/last.safetensors if it is there. Every `evaluate_every` steps it writes a contact sheet of
held-out people (source | warped | painted | mouths: painted with another frame's inside | target) and a line of metrics
to OUTPUT/log.jsonl.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.discriminator import PatchDiscriminator, hinge_discriminator
from ..models.mouth_inside import plain_dark
from ..models.patch import EYE, MOUTH, PatchPainter, cover_hidden, warp_patch
from ..models.student import load_student
from .checkpoint import CheckpointError, MovingAverage, load_checkpoint
from .clips import FrameCache
from .errors import TrainingError
from .patch_data import PatchBatch, PatchData
from .sheets import save_sheet
from .student_loop import StudentTrainer, check_people, scheduled


@dataclass(frozen=True)
class PatchTraining:
    """Settings of one run. Weights multiply their loss terms; the adversarial ones start at `adversarial_from`.

    initial: a checkpoint whose networks (not optimisers) the run starts from; empty: from scratch.
    widths: channels per level of the painter; None: the kind's own. teacher: a student's weights to distil from;
    teacher_until: the share of the run over which the teacher's weight falls to 0.
    reference_share: of the batches of mouths, how many come with a second frame that may show what the source hides.
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
    reference_share: float = 0.5
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


def paint(painter: nn.Module, batch: PatchBatch) -> Tensor:
    """The painted patch: [B, 3, n, n], not clamped."""
    hidden = batch.masks.hidden
    cover = plain_dark(batch.source) if batch.inside is None else batch.inside
    warped, _ = cover_hidden(warp_patch(batch.source, batch.flow), cover, hidden)
    painted = painter(warped, batch.source, batch.masks, batch.slopes)
    moved, _ = cover_hidden(warp_patch(batch.source, batch.flow + painted.shift), cover, hidden)
    return moved + painted.add


class PatchTrainer(StudentTrainer[PatchTraining, PatchBatch]):
    """Painter, discriminator, their optimisers and averages."""

    def __init__(self, config: PatchTraining, cache: FrameCache, output: Path) -> None:
        super().__init__(output)
        torch.manual_seed(config.seed)
        self.settings = config
        patch = MOUTH if config.kind == "mouth" else EYE
        patch = replace(patch, widths=config.widths or patch.widths)
        self.teacher = getattr(load_student(Path(config.teacher))[0], config.kind) if config.teacher else None
        references = config.reference_share if config.kind == "mouth" else 0.0
        self.data = PatchData(cache, patch, "train", config.seed, config.photo_share, references)
        check_people(self.data.video, cache)
        self.held_out = PatchData(cache, patch, "heldout", 1, 0.0)
        self.painter = PatchPainter(patch).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.discriminator = PatchDiscriminator(patch.masks).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.average = MovingAverage(self.painter, config.ema)
        self.optimiser = torch.optim.Adam(self.painter.parameters(), config.learning_rate, (0.5, 0.99))
        self.judge_optimiser = torch.optim.Adam(self.discriminator.parameters(), config.discriminator_rate, (0.5, 0.99))
        self.modules = {"painter": self.painter, "discriminator": self.discriminator, "average": self.average.module}
        self.optimisers = {"optimiser": self.optimiser, "judge_optimiser": self.judge_optimiser}
        looked_at = config.evaluation_batches if self.held_out.video.people else 0
        self.fixed = [self.held_out.batch(24, augment=False) for _ in range(looked_at)]
        self.referring: list[PatchBatch] = []  # the same pairs, each with another frame
        if references:
            referring = PatchData(cache, patch, "heldout", 1, 0.0, 1.0)
            self.referring = [referring.batch(24, augment=False) for _ in range(looked_at)]
        if not self.resume() and config.initial:
            load_checkpoint(Path(config.initial), self.modules)

    def draw(self) -> PatchBatch:
        """Patches of people who are not held out."""
        return self.data.batch(self.settings.batch)

    def train_step(self, batch: PatchBatch) -> dict[str, float]:
        """One update of the painter, and, late enough, of the discriminator."""
        config, region = self.settings, batch.masks.region
        self._set_rate()
        with torch.autocast("cpu", torch.bfloat16):
            output = paint(self.painter, batch)
        losses = {"l1": region_l1(output, batch.target, region)}
        total = config.weight_l1 * losses["l1"]
        if (share := 1.0 - self.step / (config.teacher_until * config.steps)) > 0.0 and self.teacher:
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                wanted = paint(self.teacher, batch)
            losses["teacher"] = region_l1(output, wanted, region)
            total = total + share * config.weight_teacher * losses["teacher"]
        if self.step >= config.adversarial_from * config.steps:
            # Outside the region both pictures are the true one: only what was painted is judged.
            fake = torch.lerp(batch.target, output.clamp(-0.2, 1.2), region)
            losses["judge"] = self._train_judge(batch, fake.detach())
            with torch.autocast("cpu", torch.bfloat16):
                score, features = self.discriminator(fake, batch.masks.condition)
                with torch.no_grad():
                    _, real_features = self.discriminator(batch.target, batch.masks.condition)
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

    def _train_judge(self, batch: PatchBatch, fake: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            real_score, _ = self.discriminator(batch.target, batch.masks.condition)
            fake_score, _ = self.discriminator(fake, batch.masks.condition)
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
        """L1 inside the region on held-out people: warped (geometry) and painted, and painted with the inside of the
        mouth from another frame; writes a contact sheet.

        Empty where nobody is held out.
        """
        if not self.fixed:
            return {}
        painted = [paint(self.average.module, b) for b in self.fixed]
        referring = [paint(self.average.module, b) for b in self.referring]
        warped = [warp_patch(b.source, b.flow) for b in self.fixed]
        pairs = list(zip(self.fixed, painted, strict=True))
        geometry = list(zip(warped, pairs, strict=True))
        result = {
            "geometry": sum(float(region_l1(w, b.target, b.masks.region)) for w, (b, _) in geometry) / len(pairs),
            "painted": sum(float(region_l1(p, b.target, b.masks.region)) for b, p in pairs) / len(pairs),
        }
        b, p = pairs[0]
        columns = [b.source, warped[0], p, b.target]
        if referring:
            scores = [region_l1(p, b.target, b.masks.region) for p, b in zip(referring, self.referring, strict=True)]
            result["painted_referring"] = float(torch.stack(scores).mean())
            columns.insert(3, referring[0])
        save_sheet(self.output / f"sheet_{self.step:06d}.png", [x[:12] for x in columns])
        return result


def main() -> None:
    """Command line; the defaults of `PatchTraining` apply where an option is left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--kind", choices=("mouth", "eye"), default="mouth")
    parser.add_argument("--steps", type=int, default=PatchTraining.steps)
    parser.add_argument("--initial", type=Path, help="checkpoint whose networks the run starts from")
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
