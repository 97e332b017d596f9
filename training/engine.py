"""What every run on Accelerate shares: devices and precision, averages, exact resume, logs, throughput.

One process or many (started by `torchrun`), CPU or GPU: the loop that uses the engine does not see the difference.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration, DistributedDataParallelKwargs, set_seed
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.tensorboard import SummaryWriter

from ..runtime.session import reuse_freed_memory
from .checkpoint import LAST, LOG, CheckpointError, MovingAverage, load_checkpoint, save_checkpoint
from .errors import TrainingError
from .stopping import StopRequest
from .student_loop import STEP_BYTES


@dataclass(frozen=True)
class EngineConfig:
    """precision: `bf16` or `no`. ema: decay of the averages. workers: processes that make batches (0: none).

    log_every, save_every: steps. seed: of weights and episodes.
    """

    precision: str = "bf16"
    ema: float = 0.999
    workers: int = 0
    log_every: int = 20
    save_every: int = 200
    seed: int = 0


class WeightAverage(MovingAverage):
    """`MovingAverage` of the parameters; buffers are copied: the mean of spectral norms' vectors means nothing."""

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for average, value in zip(self.module.parameters(), module.parameters(), strict=True):
            average.lerp_(value, 1 - decay)
        for average, value in zip(self.module.buffers(), module.buffers(), strict=True):
            average.copy_(value)


class Engine:
    """Device, precision, folder and clock of one run.

    Args:
        output: folder of the run: `last.safetensors`, `log.jsonl`, `sheet_*.png`, `tensorboard/`.
        describe: the configuration as JSON-able values; a checkpoint of another one is refused.
    """

    def __init__(self, config: EngineConfig, output: Path, describe: Mapping[str, object]) -> None:
        reuse_freed_memory(STEP_BYTES)
        self.config, self.output, self.describe = config, output, dict(describe)
        self.accelerator = Accelerator(
            cpu=not torch.cuda.is_available(),
            mixed_precision=config.precision,
            dataloader_config=DataLoaderConfiguration(split_batches=True),
            # Buffers follow from the weights, which agree; sending them between two passes would break the backward.
            kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
        )
        set_seed(config.seed)
        output.mkdir(parents=True, exist_ok=True)
        self.step = 0
        self._board: SummaryWriter | None = None
        self.stop = StopRequest()
        self._clock = Clock()

    @property
    def seconds(self) -> float:
        """How long the run has learnt, over all restarts; counted whenever a step is logged."""
        return self._clock.total

    @property
    def main(self) -> bool:
        """Whether this process writes files."""
        return self.accelerator.is_main_process

    def prepare(self, *parts: object) -> Any:
        """Modules and optimisers, on the device, channels last, wrapped for many processes: as many as are given."""
        for part in parts:
            if isinstance(part, nn.Module):
                part.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        return self.accelerator.prepare(*parts)

    def batches(self, dataset: Dataset, batch: int, steps: int, collate: Callable) -> Iterator[Any]:
        """Batches from the present step to the last: numbers step·batch, step·batch + 1, …, shared among processes."""
        count = self.accelerator.num_processes
        if batch % count:
            raise TrainingError(f"A batch of {batch} cannot be shared by {count} processes.")
        loader = DataLoader(
            dataset,
            batch,
            sampler=range(self.step * batch, steps * batch),  # pyright: ignore[reportArgumentType]
            num_workers=self.config.workers,
            collate_fn=collate,
            pin_memory=self.accelerator.device.type == "cuda",
            persistent_workers=False,
            prefetch_factor=2 if self.config.workers else None,
        )
        return self._clock.waiting(iter(self.accelerator.prepare(loader)))

    def resume(self, modules: Mapping[str, nn.Module], optimisers: Mapping[str, torch.optim.Optimizer]) -> None:
        """Go on from `last.safetensors` if it is there.

        Raises:
            CheckpointError: it is not readable, or belongs to another configuration.
        """
        last = self.output / LAST
        if not last.exists():
            return
        metadata = load_checkpoint(last, self._bare(modules), optimisers)
        if metadata.get("describe") != json.loads(json.dumps(self.describe)):
            raise CheckpointError(f"{last} was trained with other settings; choose another output folder.")
        self.step = int(str(metadata["step"]))
        self._clock.total = float(str(metadata.get("seconds", 0)))

    def save(self, modules: Mapping[str, nn.Module], optimisers: Mapping[str, torch.optim.Optimizer]) -> None:
        """Write `last.safetensors`, by the main process alone."""
        if self.main:
            metadata = {"step": self.step, "describe": self.describe, "seconds": round(self.seconds)}
            try:
                save_checkpoint(self.output / LAST, self._bare(modules), optimisers, metadata)
            except OSError as error:
                raise TrainingError(f"The checkpoint of step {self.step} could not be written: {error}.") from error
        self.accelerator.wait_for_everyone()

    def _bare(self, modules: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
        return {name: self.accelerator.unwrap_model(module, keep_fp32_wrapper=True) for name, module in modules.items()}

    def agreed(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """The losses' means over all processes.

        Raises:
            TrainingError: one of them is not finite.
        """
        names = list(losses)
        values = torch.stack([losses[name].detach().float().reshape(()) for name in names])
        means = self._reduced(values, "mean").tolist()
        bad = [name for name, value in zip(names, means, strict=True) if not math.isfinite(value)]
        if bad:
            raise TrainingError(
                f"The loss '{bad[0]}' is not finite at step {self.step}. The last good state is in "
                f"{self.output / LAST}; go on from it with a lower learning rate."
            )
        return dict(zip(names, means, strict=True))

    def _reduced(self, values: Tensor, how: str) -> Tensor:
        reduced = self.accelerator.reduce(values, how)
        assert isinstance(reduced, Tensor)
        return reduced

    def log(self, values: Mapping[str, float], pictures: Mapping[str, Tensor] | None = None) -> None:
        """A line of `log.jsonl`, TensorBoard's scalars, and pictures [3, H, W] 0..1."""
        if not self.main:
            return
        line = json.dumps({"step": self.step} | {key: float(f"{value:.5g}") for key, value in values.items()})
        with (self.output / LOG).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self.accelerator.print(line, flush=True)
        self._board = self._board or SummaryWriter(str(self.output / "tensorboard"))
        for key, value in values.items():
            self._board.add_scalar(key, value, self.step)
        for key, picture in (pictures or {}).items():
            self._board.add_image(key, picture.clamp(0, 1), self.step)
        self._board.flush()

    def stoppable(self) -> AbstractContextManager[None]:
        """While this lasts, SIGTERM and Ctrl-C end the run after the present step: see `stopped`."""
        return self.stop.listening()

    def stopped(self) -> bool:
        """Whether any process was asked to end."""
        if self.accelerator.num_processes == 1:
            return self.stop.number is not None
        asked = torch.tensor(float(self.stop.number is not None), device=self.accelerator.device)
        return bool(self._reduced(asked, "sum") > 0)

    def throughput(self, samples: int) -> dict[str, float]:
        """Call once a step with the samples of all processes; the rates since the last logged step when one is due."""
        return self._clock.tick(samples, self.step % self.config.log_every == 0)

    @contextmanager
    def counted(self, samples: int, when: bool) -> Iterator[None]:
        """If `when`, count the operations of what is done inside, one step of so many samples, for `throughput`."""
        if not when:
            yield
            return
        with FlopCounterMode(display=False) as counter:
            yield
        self._clock.per_sample = counter.get_total_flops() * self.accelerator.num_processes / samples

    def measure_peak(self) -> None:
        """Time this device's convolutions, so that `throughput` can tell the share of what it could do."""
        self._clock.peak = convolution_rate(self.accelerator.device, self.config.precision == "bf16")
        self._clock.peak *= self.accelerator.num_processes


class Clock:
    """Counts samples and time. per_sample: operations; peak: operations a second of which the devices are capable."""

    def __init__(self) -> None:
        self.per_sample = self.peak = self.total = 0.0
        self._samples, self._last, self._waited = 0, time.perf_counter(), 0.0

    def waiting(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The batches; counts how long they keep the device waiting."""
        while True:
            began = time.perf_counter()
            batch = next(batches, None)
            self._waited += time.perf_counter() - began
            if batch is None:
                return
            yield batch

    def tick(self, samples: int, due: bool) -> dict[str, float]:
        self._samples += samples
        if not due:
            return {}
        seconds = time.perf_counter() - self._last
        rate = self._samples / seconds
        self.total += seconds
        values = {"samples_per_second": rate, "waited_for_data": self._waited / seconds}
        self._samples, self._last, self._waited = 0, time.perf_counter(), 0.0
        if self.per_sample:
            values["gflop_per_second"] = rate * self.per_sample / 1e9
        if self.per_sample and self.peak:
            values["share_of_peak"] = rate * self.per_sample / self.peak
        return values


def convolution_rate(device: torch.device, half: bool, runs: int = 5) -> float:
    """Operations a second of a 3 × 3 convolution of 128 channels, forward: the median of `runs`, on all threads."""
    dtype = torch.bfloat16 if half else torch.float32
    layer = nn.Conv2d(128, 128, 3, 1, 1).to(device, dtype, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    picture = torch.randn(8, 128, 64, 64, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    seconds = []
    with torch.no_grad():
        for _ in range(runs + 1):
            started = time.perf_counter()
            layer(picture)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds.append(time.perf_counter() - started)
    return 2 * 9 * 128 * 128 * 64 * 64 * 8 / sorted(seconds[1:])[runs // 2]


def sheet(columns: Sequence[Tensor]) -> Tensor:
    """Rows of pictures as one: columns [B, 3, n, n] each → [3, B·n, columns·n]."""
    return torch.cat([torch.cat(list(column.float().cpu()), 1) for column in columns], 2)
