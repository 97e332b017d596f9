"""The loop that the student's networks share: one process, data from a thread of its own, resume, a log."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from torch import nn, optim

from .checkpoint import load_checkpoint, save_checkpoint

LOG_EVERY = 100
Batch = TypeVar("Batch")


class Settings(Protocol):
    """What the loop needs to know of a run; a frozen dataclass."""

    @property
    def steps(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def evaluate_every(self) -> int: ...


Config = TypeVar("Config", bound=Settings)


class StudentTrainer(ABC, Generic[Config, Batch]):
    """One network of the student while it learns.

    Attributes:
        step: updates made so far. modules, optimisers: what a checkpoint holds, by name.
    """

    settings: Config
    modules: dict[str, nn.Module]
    optimisers: dict[str, optim.Optimizer]

    def __init__(self, output: Path) -> None:
        self.output, self.step = output, 0
        output.mkdir(parents=True, exist_ok=True)

    @property
    def last(self) -> Path:
        """The latest checkpoint."""
        return self.output / "last.safetensors"

    @abstractmethod
    def draw(self) -> Batch:
        """A batch to learn from; called in a thread of its own."""

    @abstractmethod
    def train_step(self, batch: Batch) -> dict[str, float]:
        """One update; the losses by name."""

    @abstractmethod
    def evaluate(self) -> dict[str, float]:
        """Measures held-out people; writes a contact sheet."""

    def resume(self) -> bool:
        """Goes on from the latest checkpoint; False if there is none."""
        if not self.last.exists():
            return False
        self.step = int(str(load_checkpoint(self.last, self.modules, self.optimisers)["step"]))
        return True

    def run(self) -> None:
        """Train to the end; the batch of the next step is made while this one is learnt."""
        settings, started, first = self.settings, time.time(), self.step
        with ThreadPoolExecutor(1) as pool:
            following = pool.submit(self.draw)
            while self.step < settings.steps:
                batch = following.result()
                following = pool.submit(self.draw)
                losses = self.train_step(batch)
                if self.step % LOG_EVERY == 0:
                    self._log(losses | {"seconds_per_step": (time.time() - started) / (self.step - first)})
                if self.step % settings.evaluate_every == 0 or self.step == settings.steps:
                    self._log(self.evaluate())
                    metadata: dict[str, Any] = {"step": self.step, "config": asdict(settings)}  # type: ignore[call-overload]
                    save_checkpoint(self.last, self.modules, self.optimisers, metadata)

    def _log(self, values: dict[str, float]) -> None:
        line = json.dumps({"step": self.step} | {key: round(value, 5) for key, value in values.items()})
        with (self.output / "log.jsonl").open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)
