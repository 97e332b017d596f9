"""The loop that the student's networks share: one process, data from a thread of its own, resume, a log."""

from __future__ import annotations

import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from torch import nn, optim

from ..runtime.driver import Progress
from ..runtime.session import reuse_freed_memory
from .checkpoint import load_checkpoint, save_checkpoint
from .clips import FrameCache, PairSampler
from .errors import TrainingError
from .stopping import StopRequest

LOG_EVERY = 100
STEP_BYTES = 1 << 30  # of memory that a step may leave to the next one
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
        self._told: Progress | None = None
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

    def run(self, progress: Progress | None = None) -> None:
        """Train to the end; the batch of the next step is made while this one is learnt.

        Ctrl-C and SIGTERM do what they do elsewhere, after the present step and a checkpoint.

        Args:
            progress: told of every step; None prints the lines of the log.

        Raises:
            TrainingError: a loss or a weight is not finite; the last checkpoint is what it was.
        """
        reuse_freed_memory(STEP_BYTES)
        self._told, request = progress, StopRequest()
        with request.listening(), ThreadPoolExecutor(1) as pool:
            self._learn(pool, request)
        request.obey()

    def _learn(self, pool: ThreadPoolExecutor, request: StopRequest) -> None:
        settings, started, first = self.settings, time.time(), self.step
        following = pool.submit(self.draw)
        while self.step < settings.steps:
            batch = following.result()
            following = pool.submit(self.draw)
            losses = self.train_step(batch)
            self._check_losses(losses)
            if self._told:
                self._told(self.output.name, self.step, settings.steps)
            if self.step % LOG_EVERY == 0:
                self._log(losses | {"seconds_per_step": (time.time() - started) / (self.step - first)})
            if self.step % settings.evaluate_every == 0 or self.step == settings.steps:
                self._check_weights()
                self._log(self.evaluate())
                self._save()
            elif request.number is not None:
                self._check_weights()
                self._save()
            if request.number is not None:
                return

    def _save(self) -> None:
        metadata: dict[str, Any] = {"step": self.step, "config": asdict(self.settings)}  # type: ignore[call-overload]
        save_checkpoint(self.last, self.modules, self.optimisers, metadata)

    def _check_losses(self, losses: Mapping[str, float]) -> None:
        """Called after every step, before anything is saved."""
        bad = [name for name, value in losses.items() if not math.isfinite(value)]
        if bad:
            raise self._not_finite(f"The loss '{bad[0]}'")

    def _check_weights(self) -> None:
        """A gradient can be infinite where its loss is not; the next step would tell, but this one would be saved."""
        for name, module in self.modules.items():
            for key, value in module.state_dict().items():
                if not bool(value.isfinite().all()):
                    raise self._not_finite(f"The weight '{key}' of '{name}'")

    def _not_finite(self, what: str) -> TrainingError:
        kept = "no checkpoint was written before"
        if self.last.exists():
            kept = f"the last good checkpoint is {self.last}, and the same command goes on from it"
        return TrainingError(f"{what} is not finite at step {self.step}; {kept}.")

    def _log(self, values: dict[str, float]) -> None:
        line = json.dumps({"step": self.step} | {key: round(value, 5) for key, value in values.items()})
        with (self.output / "log.jsonl").open("a") as file:
            file.write(line + "\n")
        if self._told is None:
            print(line, flush=True)


def scheduled(rate: float, step: int, steps: int, warm_up: int = 200, decay: float = 0.4) -> float:
    """The learning rate of a step: it rises over `warm_up` steps, and over the last `decay` of the run falls to 2 %."""
    left = max(0.02, min(1.0, (steps - step) / (decay * steps)))
    return rate * min(1.0, (step + 1) / warm_up) * left


def check_people(sampler: PairSampler, cache: FrameCache) -> None:
    """Raises TrainingError if there is nobody to learn from."""
    if not sampler.people:
        raise TrainingError(f"{cache.folder} holds no film of three frames or more of people to learn from.")
