"""Train the flow refiner on pairs of frames: warp, uncover, shade; compare with the true frame.

    python -m vivant.training.train_refiner --cache CACHE --output runs/refiner --steps 5000

With `--teacher STUDENT` it is distilled: early on it also imitates the motion of that (larger) student's refiner, which
teaches faster than pixels do; the share of this fades, because a teacher's mistakes are not to be kept.

The run resumes from OUTPUT/last.safetensors if it is there. Every `evaluate_every` steps it writes a contact sheet
(source | geometry | refined | target) of held-out people and a line of metrics to OUTPUT/log.jsonl.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ..models.compose import background_plate, blend, render
from ..models.geometry import warp_by_landmarks
from ..models.refiner import FlowRefiner, Motion, RefinerConfig
from ..models.student import load_student
from .checkpoint import CheckpointError, MovingAverage
from .clips import FrameCache
from .errors import TrainingError
from .frame_data import FrameBatch, FrameData
from .losses import dissimilarity, masked_l1, multiscale_l1
from .sheets import save_sheet
from .student_loop import StudentTrainer, check_people, scheduled


@dataclass(frozen=True)
class RefinerTraining:
    """Settings of one run; weights multiply their loss terms. The person counts `person_weight` times as much more."""

    steps: int = 5000
    batch: int = 8
    learning_rate: float = 6e-4
    weight_ssim: float = 0.15
    weight_matte: float = 0.1
    weight_flow: float = 0.02
    person_weight: float = 1.0
    widths: tuple[int, int, int, int] = RefinerConfig.widths
    teacher: str = ""  # a student's weights to distil from
    weight_teacher: float = 1.0
    teacher_until: float = 0.7  # share of the run over which the teacher's weight falls to 0
    ema: float = 0.999
    evaluate_every: int = 500
    evaluation_batches: int = 16
    seed: int = 0


def refine(refiner: FlowRefiner, batch: FrameBatch) -> tuple[Tensor, Motion]:
    """The student's picture at training size (without patches), and the maps it came from."""
    features = refiner.encode(batch.source, batch.source_matte)
    motion = refiner(features, batch.source_anchors, batch.target_anchors)
    plate = background_plate(batch.source, batch.source_matte)
    maps = blend(motion, features[:, 3:4].float(), plate)
    return render(batch.source, maps), motion


class RefinerTrainer(StudentTrainer[RefinerTraining, FrameBatch]):
    """Refiner, optimiser and average."""

    def __init__(self, config: RefinerTraining, cache: FrameCache, output: Path) -> None:
        super().__init__(output)
        torch.manual_seed(config.seed)
        self.settings = config
        self.data = FrameData(cache, "train", config.seed)
        check_people(self.data.sampler, cache)
        network = FlowRefiner(RefinerConfig(widths=config.widths))
        self.refiner = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.teacher = load_student(Path(config.teacher))[0].refiner if config.teacher else None
        self.average = MovingAverage(self.refiner, config.ema)
        self.optimiser = torch.optim.AdamW(
            self.refiner.parameters(), config.learning_rate, (0.9, 0.99), weight_decay=1e-4
        )
        held_out = FrameData(cache, "heldout", 1)
        looked_at = config.evaluation_batches if held_out.sampler.people else 0
        self.fixed = [held_out.batch(12, augment=False) for _ in range(looked_at)]
        self.modules = {"refiner": self.refiner, "average": self.average.module}
        self.optimisers = {"optimiser": self.optimiser}
        self.resume()

    def draw(self) -> FrameBatch:
        """Pairs of frames of people who are not held out."""
        return self.data.batch(self.settings.batch)

    def train_step(self, batch: FrameBatch) -> dict[str, float]:
        """One update."""
        config = self.settings
        for group in self.optimiser.param_groups:
            group["lr"] = scheduled(config.learning_rate, self.step, config.steps)
        with torch.autocast("cpu", torch.bfloat16):
            picture, motion = refine(self.refiner, batch)
        weight = batch.valid * (1.0 + config.person_weight * batch.target_matte)
        losses = {
            "l1": multiscale_l1(picture, batch.target, weight),
            "ssim": dissimilarity(picture, batch.target, weight),
            "matte": masked_l1(
                motion.matte, *(torch.nn.functional.avg_pool2d(x, 2) for x in (batch.target_matte, batch.valid))
            ),
            "flow": motion.flow.diff(dim=2).abs().mean() + motion.flow.diff(dim=3).abs().mean(),
        }
        total = losses["l1"] + config.weight_ssim * losses["ssim"]
        total = total + config.weight_matte * losses["matte"] + config.weight_flow * losses["flow"]
        if (share := 1.0 - self.step / (config.teacher_until * config.steps)) > 0.0 and self.teacher:
            losses["teacher"] = self._unlike_teacher(batch, motion)
            total = total + share * config.weight_teacher * losses["teacher"]
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.refiner.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self.average.update(self.refiner, self.step)
        return {name: float(value.detach()) for name, value in losses.items()}

    def _unlike_teacher(self, batch: FrameBatch, motion: Motion) -> Tensor:
        """Mean absolute difference of flow, matte and shade; all are of the order of a tenth."""
        assert self.teacher is not None
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            features = self.teacher.encode(batch.source, batch.source_matte)
            wanted = self.teacher(features, batch.source_anchors, batch.target_anchors)
        weight = F.avg_pool2d(batch.valid * (1.0 + self.settings.person_weight * batch.target_matte), 2)
        flow, wanted_flow = (x.flow.float() for x in (motion, wanted))
        unlike = masked_l1(flow, wanted_flow, weight) + masked_l1(motion.matte, wanted.matte, weight)
        return unlike + masked_l1(motion.shade, wanted.shade, weight)

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Held-out L1: standing still, geometry, refined (all at training size); writes a contact sheet.

        Empty where nobody is held out.
        """
        if not self.fixed:
            return {}
        sums = {"still": 0.0, "geometry": 0.0, "refined": 0.0, "geometry_ssim": 0.0, "refined_ssim": 0.0}
        for number, batch in enumerate(self.fixed):
            picture, motion = refine(self.average.module, batch)  # type: ignore[arg-type]
            geometry = warp_by_landmarks(batch.source, batch.source_anchors[..., :2], batch.target_anchors[..., :2])
            for name, made in (("still", batch.source), ("geometry", geometry), ("refined", picture)):
                sums[name] += float(masked_l1(made, batch.target, batch.valid)) / len(self.fixed)
                if name != "still":
                    sums[f"{name}_ssim"] += float(1 - dissimilarity(made, batch.target, batch.valid)) / len(self.fixed)
            if number == 0:
                columns = [batch.source, geometry, picture, batch.target, motion.matte]
                columns[-1] = F.interpolate(columns[-1], scale_factor=2.0)
                save_sheet(self.output / f"sheet_{self.step:06d}.png", columns, scale=1)
        return sums


def main() -> None:
    """Command line; the defaults of `RefinerTraining` apply where an option is left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=RefinerTraining.steps)
    parser.add_argument("--widths", type=int, nargs=4, default=RefinerTraining.widths, help="channels per level")
    parser.add_argument("--teacher", type=Path, help="student.safetensors to distil from")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    config = RefinerTraining(
        steps=arguments.steps, widths=tuple(arguments.widths), teacher=str(arguments.teacher or "")
    )
    try:
        RefinerTrainer(config, FrameCache(arguments.cache), arguments.output).run()
    except (TrainingError, CheckpointError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
