"""What a step of a teacher's training costs on this machine, and what it takes to feed it.

    python -m vivant.training.step_cost --cache CACHE
    python -m vivant.training.step_cost --cache CACHE --teacher full --batch 4 --steps 8

Every step is a whole one: K photos, content, both kinds of discriminators, both optimisers. Rates are medians over the
steps after the first. Nothing is kept.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..models.released import STUDENT
from ..models.teacher_config import CONFIGURATIONS
from .clips import FrameCache
from .content_loss import Networks
from .engine import convolution_rate
from .episodes import Episode, Episodes, collate
from .errors import TrainingError
from .meta_learn import MetaLearner
from .recipes import recipe_of


@dataclass(frozen=True)
class StepCost:
    """One teacher's. parameters: of embedder, generator and warp branch. flop: operations a sample. seconds: of a step.
    peak: operations a second of a convolution on this device. data_seconds: one core's, to cut and draw a sample."""

    name: str
    batch: int
    parameters: int
    flop: float
    seconds: float
    peak: float
    data_seconds: float

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.batch * self.flop / self.seconds

    @property
    def workers(self) -> float:
        """Cores that must make samples so that the device never waits."""
        return self.batch * self.data_seconds / self.seconds


def step_cost(name: str, cache: FrameCache, networks: Networks, batch: int, steps: int) -> StepCost:
    """Time `steps` steps of `batch` samples after a first one, of a named configuration with its recipe's K.

    Raises:
        TrainingError: there is no such teacher, or the cache holds nobody out. ValueError: it holds no film.
    """
    config, recipe = recipe_of(name, steps + 1, batch)
    recipe = replace(recipe, adversarial_from=0, fewest_shots=None)
    with tempfile.TemporaryDirectory() as folder:
        learner = MetaLearner(config, recipe, cache, Path(folder), networks)
        device, half = learner.engine.accelerator.device, learner.engine.config.precision == "bf16"
        peak = convolution_rate(device, half)
        data_seconds = _to_make(learner.data)
        seconds: list[float] = []
        with FlopCounterMode(display=False) as counter:
            batches = learner.engine.batches(learner.data, batch, steps + 1, collate)
            learner.train_step(Episode(*next(batches)))
        for episode in batches:
            began = _when_idle(device)
            learner.train_step(Episode(*episode))
            seconds.append(_when_idle(device) - began)
        parameters = sum(weight.numel() for weight in learner.teacher.parameters())
    return StepCost(name, batch, parameters, counter.get_total_flops() / batch, median(seconds), peak, data_seconds)


def _when_idle(device: torch.device) -> float:
    """The time, once the device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _to_make(data: Episodes, count: int = 5) -> float:
    """Seconds of one core to make an episode: the median of `count` after a first one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds: list[float] = []
    for number in range(count + 1):
        began = time.process_time()
        data[number]
        seconds.append(time.process_time() - began)
    torch.set_num_threads(threads)
    return median(seconds[1:])


def table(costs: list[StepCost]) -> str:
    """Markdown."""
    head = ["teacher", "M parameters", "TFLOP a sample", "batch", "s a step", "GFLOP/s", "of peak"]
    head += ["ms of a core to make a sample", "cores to feed it"]
    rows = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for c in costs:
        rows.append([c.name, f"{c.parameters / 1e6:.1f}", f"{c.flop / 1e12:.3f}", str(c.batch), f"{c.seconds:.3g}"])
        rows[-1] += [f"{c.rate / 1e9:.0f}", f"{100 * c.rate / c.peak:.0f} %", f"{1e3 * c.data_seconds:.0f}"]
        rows[-1].append(f"{c.workers:.2g}")
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="what vivant prepare --arrays wrote")
    parser.add_argument("--teacher", choices=tuple(CONFIGURATIONS), nargs="+", default=list(CONFIGURATIONS))
    parser.add_argument("--batch", type=int, default=1, help="samples a step")
    parser.add_argument("--steps", type=int, default=5, help="that are timed")
    given = parser.parse_args()
    if given.batch < 1 or given.steps < 1:
        parser.error("--batch and --steps must be 1 or more.")
    try:
        cache = FrameCache(given.cache)
        costs = []
        for name in given.teacher:
            print(f"{name} …", file=sys.stderr, flush=True)
            costs.append(step_cost(name, cache, Networks(student=STUDENT), given.batch, given.steps))
    except (TrainingError, FileNotFoundError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(table(costs))


if __name__ == "__main__":
    main()
