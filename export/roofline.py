"""How near a graph comes to what this machine can do: measured peak of convolutions, measured time of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
import onnxruntime as ort

from ..runtime.bench import OperatorTime, profile_operators
from .cost import Cost, measure_cost
from .references import PEAKS, Reference, all_unets, make_convolutions

# ONNX Runtime's names for convolutions, with what it fuses into them.
CONVOLUTIONS: Final = frozenset({"Conv", "FusedConv", "NhwcFusedConv", "ConvTranspose", "QLinearConv"})
RUNS: Final = 15
_SEED: Final = 0


@dataclass(frozen=True)
class Roofline:
    """A graph's convolutions against this machine's peak, at a number of threads.

    Attributes:
        peak: the best of several large convolutions, GFLOP/s (two operations for each multiply-accumulate).
        reached: of the graph's convolutions. share: reached / peak.
        convolution_share: the share of the graph's time that convolutions take.
    """

    threads: int
    peak: float
    reached: float
    convolution_share: float
    operators: tuple[OperatorTime, ...]

    @property
    def share(self) -> float:
        return self.reached / self.peak


@dataclass(frozen=True)
class ReferenceTime:
    """A graph of known cost, timed in the same run."""

    name: str
    cost: Cost
    threads: int
    milliseconds: float

    @property
    def gflops(self) -> float:
        return 2e-6 * self.cost.macs / self.milliseconds


def measure_peak(threads: int) -> float:
    """GFLOP/s of the fastest of several chains of 3×3 convolutions, float32."""
    return max(time_reference(make_convolutions(*peak), threads).gflops for peak in PEAKS)


def time_reference(reference: Reference, threads: int) -> ReferenceTime:
    """Median time of a reference graph."""
    x = np.random.default_rng(_SEED).normal(size=reference.shape).astype(np.float32)
    milliseconds = time_session(reference.model.SerializeToString(), {"x": x}, threads)
    return ReferenceTime(reference.name, measure_cost(reference.model, {}), threads, milliseconds)


def time_references(threads: int) -> list[ReferenceTime]:
    """The reference rows at a number of threads."""
    return [time_reference(reference, threads) for reference in all_unets()]


def time_session(content: bytes, feeds: Mapping[str, np.ndarray], threads: int, runs: int = RUNS) -> float:
    """Median milliseconds of a graph on ONNX Runtime's CPU provider, after two runs that do not count."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    seconds = []
    for _ in range(runs + 2):
        begun = time.perf_counter()
        session.run(None, dict(feeds))
        seconds.append(time.perf_counter() - begun)
    return 1e3 * median(seconds[2:])


def measure_roofline(
    content: bytes, feeds: Mapping[str, np.ndarray], cost: Cost, threads: int, peak: float | None = None
) -> Roofline:
    """Profiles a graph, and relates its convolutions to the peak."""
    operators = profile_operators(content, feeds, threads, RUNS)
    convolving = sum(o.milliseconds for o in operators if o.operator in CONVOLUTIONS)
    total = sum(o.milliseconds for o in operators)
    reached = 2e-6 * cost.convolutions / max(convolving, 1e-9)
    return Roofline(threads, peak or measure_peak(threads), reached, convolving / total, tuple(operators))
