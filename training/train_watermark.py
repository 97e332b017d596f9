"""Train the invisible watermark: the embedder hides a pattern, real codecs and crops spoil it, the reader finds it.

    python -m vivant.training.train_watermark --data DATA --output runs/watermark

Gradients of the embedder flow past the codecs, which have none, as if they had added noise (straight-through). The run
resumes from OUTPUT/last.safetensors; every `evaluate_every` steps it writes a line of metrics and a contact sheet
(brightness | four times the change of the blue difference | how strongly the embedder marks).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..models.watermark import Watermark, WatermarkConfig, fold, local_variance, sampled, save_watermark, unnoticed
from ..models.watermark_code import MESSAGE
from ..models.watermark_raster import CANVAS, COLOURS, RASTER, blue, enlarged, reduced
from .attacks import Attack, Window, apply_attack, random_attack
from .checkpoint import MovingAverage
from .sheets import save_sheet
from .student_loop import StudentTrainer, scheduled
from .watermark_data import ClipSource

SHARPNESS = 0.05  # turns correlations into logits


@dataclass(frozen=True)
class WatermarkTraining:
    """Settings of one run; weights multiply their loss terms."""

    steps: int = 800
    batch: int = 8
    learning_rate: float = 1e-3
    weight_symbols: float = 0.25
    weight_cells: float = 1.0
    weight_visible: float = 0.3
    ema: float = 0.998
    evaluate_every: int = 200
    evaluation_clips: int = 48
    seed: int = 0


class MarkBatch(NamedTuple):
    """clips: of different sizes, uint8 [T, H, W, 3]. message int64 [B, 4]. attacks: what happens to each clip.
    raster [B, 3, 64, 64], the last frames' planes as from `reduced`; covered [B, 1, 64, 64]."""

    clips: list[np.ndarray]
    message: Tensor
    attacks: list[Attack]
    raster: Tensor
    covered: Tensor


def on_raster(picture: np.ndarray, size: int, longest: float) -> tuple[Tensor, Tensor]:
    """A picture uint8 [H, W, 3] in the middle of a raster [1, 3, size, size], and what it covers [1, 1, size, size]."""
    small, covered = reduced(torch.tensor(picture), size, longest)
    return small[None], covered[None, None]


def laid_over(clip: np.ndarray, residual: Tensor) -> np.ndarray:
    """A clip with the same residual [64, 64] in all its frames."""
    added = enlarged(residual, clip.shape[1], clip.shape[2], blue(COLOURS)).numpy().reshape(clip.shape[1:])
    return (clip + added + 0.5).clip(0, 255).astype(np.uint8)


class WatermarkTrainer(StudentTrainer[WatermarkTraining, MarkBatch]):
    """Both networks, one optimiser, and their average."""

    def __init__(self, config: WatermarkTraining, data: Path, output: Path) -> None:
        super().__init__(output)
        torch.manual_seed(config.seed)
        self.settings = config
        self.rng = np.random.default_rng(config.seed)
        self.attack_rng = np.random.default_rng(config.seed + 1)  # used in the loop's own thread
        self.source = ClipSource(data, "train")
        held_out = ClipSource(data, "heldout", photos=config.evaluation_clips // 2)
        self.watermark = Watermark(WatermarkConfig())
        self.average = MovingAverage(self.watermark, config.ema)
        self.optimiser = torch.optim.Adam(self.watermark.parameters(), config.learning_rate, (0.9, 0.99))
        self.modules = {"watermark": self.watermark, "average": self.average.module}
        self.optimisers = {"optimiser": self.optimiser}
        rng = np.random.default_rng(1)
        self.fixed = [self._batch(held_out, rng) for _ in range(config.evaluation_clips // config.batch)]
        self.resume()

    def draw(self) -> MarkBatch:
        """Clips and photos of people who are not held out."""
        return self._batch(self.source, self.rng)

    def _batch(self, source: ClipSource, rng: np.random.Generator) -> MarkBatch:
        clips = [source.draw(rng) for _ in range(self.settings.batch)]
        rasters = [on_raster(clip[-1], RASTER, float(RASTER)) for clip in clips]
        message = torch.from_numpy(rng.integers(0, 256, (len(clips), MESSAGE)))
        attacks = [random_attack(rng) for _ in clips]
        return MarkBatch(clips, message, attacks, *(torch.cat(parts) for parts in zip(*rasters, strict=True)))

    def train_step(self, batch: MarkBatch) -> dict[str, float]:
        """One update of both networks."""
        config = self.settings
        for group in self.optimiser.param_groups:
            group["lr"] = scheduled(config.learning_rate, self.step, config.steps, warm_up=100)
        losses, _ = self._losses(self.watermark, batch, self.attack_rng)
        total = (
            config.weight_symbols * losses["symbols"]
            + config.weight_cells * losses["cells"]
            + config.weight_visible * losses["visible"]
        )
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.watermark.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self.average.update(self.watermark, self.step)
        return {name: float(value.detach()) for name, value in losses.items()}

    def _losses(
        self, watermark: Watermark, batch: MarkBatch, rng: np.random.Generator
    ) -> tuple[dict[str, Tensor], Tensor]:
        luma = batch.raster[:, :1]
        residual = watermark.embedder.residual(batch.raster, batch.message, batch.covered)
        spoilt, covered, windows = self._spoil(batch, residual, rng)
        with torch.autocast("cpu", torch.bfloat16):
            seen = watermark.reader.see(spoilt, covered).float()
        code = watermark.reader.code
        estimates = fold(seen)[:, 0]
        cells = torch.stack([in_place(e, w) for e, w in zip(estimates, windows, strict=True)])[:, None]
        truth = code.encode(batch.message)
        symbols = torch.cat([batch.message, code.checksum(batch.message)], 1)
        logits = SHARPNESS * code.correlate(cells)
        losses = {
            "symbols": F.cross_entropy(logits.flatten(0, 1), symbols.flatten()),
            "cells": 1.0 - F.cosine_similarity(cells.flatten(1), truth.flatten(1)).mean(),
            "visible": (residual / unnoticed(local_variance(luma), luma)).square().mean(),
            "distortion": residual.square().mean().sqrt(),
        }
        return losses, (logits.argmax(-1) == symbols).all(1).float().mean()

    def _spoil(
        self, batch: MarkBatch, residual: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, list[Window]]:
        """What reaches the reader: planes [B, 3, 80, 80], covered part [B, 1, 80, 80], where each picture is from."""
        pictures, parts, windows = [], [], []
        for clip, added, attack in zip(batch.clips, residual[:, 0], batch.attacks, strict=True):
            treated, window = apply_attack(laid_over(clip, added.detach()), attack, rng)
            real, covered = on_raster(treated[-1], CANVAS, window.scale * RASTER)
            # Value of the real thing, gradient as if the residual had come through unharmed.
            margin = (CANVAS - RASTER) // 2
            moved = shifted(F.pad(added, [margin] * 4), -RASTER * window.down, -RASTER * window.across) * covered
            pictures.append(real + F.pad(moved - moved.detach(), (0, 0, 0, 0, 1, 1)))  # in the blue difference alone
            parts.append(covered)
            windows.append(window)
        return torch.cat(pictures), torch.cat(parts), windows

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Share of held-out clips and photos whose every bit is read, each after a random attack, place known."""
        rng = np.random.default_rng(2)
        results = [self._losses(self.average.module, batch, rng) for batch in self.fixed]  # type: ignore[arg-type]
        self._sheet(self.fixed[0])
        means = {name: float(np.mean([float(losses[name]) for losses, _ in results])) for name in results[0][0]}
        return {f"held_out_{name}": value for name, value in means.items()} | {
            "held_out_exact": float(np.mean([float(exact) for _, exact in results]))
        }

    def save(self) -> Path:
        """Writes the average, the networks that are to be shipped, with what is known of them."""
        record = json.dumps({"config": asdict(self.settings), "steps": self.step, "evaluation": self.evaluate()})
        average, path = self.average.module, self.output / "watermark.safetensors"
        assert isinstance(average, Watermark)
        save_watermark(average, path, record)
        return path

    def _sheet(self, batch: MarkBatch) -> None:
        embedder = self.average.module.embedder
        residual = embedder.residual(batch.raster, batch.message, batch.covered)  # type: ignore[operator]
        rows = [batch.raster[:, :1] / 255, residual * (4 / 255) + 0.5, residual.abs() / 8]
        save_sheet(self.output / f"sheet_{self.step:06d}.png", [row.expand(-1, 3, -1, -1).clamp(0, 1) for row in rows])


def shifted(plane: Tensor, down: float, across: float) -> Tensor:
    """A plane [n, n] moved circularly by any distance, bilinear: result[y] = plane[y − down]."""
    for axis, distance in ((0, down), (1, across)):
        whole = int(np.floor(distance))
        rest = distance - whole
        plane = (1 - rest) * torch.roll(plane, whole, axis) + rest * torch.roll(plane, whole + 1, axis)
    return plane


def in_place(estimate: Tensor, window: Window) -> Tensor:
    """The cells [32, 32] of an estimate [64, 64] of a picture of which `window` is left."""
    return sampled(shifted(estimate, RASTER * window.down, RASTER * window.across))


def main() -> None:
    """Command line; the defaults of `WatermarkTraining` apply where an option is left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--output", type=Path, required=True, help="folder of the run; its result: watermark.safetensors"
    )
    parser.add_argument("--steps", type=int, default=WatermarkTraining.steps)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    trainer = WatermarkTrainer(WatermarkTraining(steps=arguments.steps), arguments.data, arguments.output)
    trainer.run()
    print(trainer.save())


if __name__ == "__main__":
    main()
