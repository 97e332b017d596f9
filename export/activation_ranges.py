"""Which range of numbers the 8 bits of a tensor represent: the one of least squared error on real frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import onnx
import onnxruntime as ort

from .frames import Frame

LEVELS: Final = 255  # steps between the least and the largest of 8 bits
_SAMPLES: Final = 100_000  # numbers by which a tensor's range is chosen
_SHARES: Final = [share / 40 for share in range(40, 15, -1)]  # of the whole range; of equal ones the largest
Range = tuple[np.ndarray, np.ndarray]  # the least and the largest number, float32 []


def measure_ranges(model: onnx.ModelProto, frames: Sequence[Frame]) -> dict[str, Range]:
    """The range of every tensor that a convolution or a ReLU reads or writes, over all frames. model: fp32."""
    return {name: best_range(values) for name, values in _sample(model, frames).items()}


def best_range(values: np.ndarray) -> Range:
    """The range, 0 in it, whose 256 levels represent numbers with the least mean squared error.

    That is less than all of them where few lie far out: the levels there are worth more to the others.

    Args:
        values: float32, of any shape, one at least.
    """
    low, high = np.minimum(values.min(), np.float32(0)), np.maximum(values.max(), np.float32(0))
    if low == high:
        return np.asarray(low), np.asarray(high)

    def error(share: float) -> float:
        step = share * (high - low) / LEVELS
        zero = np.rint(-share * low / step)
        rounded = (np.clip(np.rint(values / step) + zero, 0, LEVELS) - zero) * step
        return float(np.square(values - rounded).mean())

    share = np.float32(min(_SHARES, key=error))
    return np.asarray(share * low), np.asarray(share * high)


def _sample(model: onnx.ModelProto, frames: Sequence[Frame]) -> dict[str, np.ndarray]:
    """Numbers of every tensor around a convolution or a ReLU, as many of each frame."""
    made = {name for node in model.graph.node for name in node.output}
    near = {name for n in model.graph.node if n.op_type in ("Conv", "Relu") for name in (n.input[0], n.output[0])}
    computed, fed = sorted(near & made), sorted(near & {value.name for value in model.graph.input})
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.output[:]
    probe.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in computed)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # the same bytes every time
    options.log_severity_level = 3
    session = ort.InferenceSession(probe.SerializeToString(), options, ["CPUExecutionProvider"])
    samples: dict[str, list[np.ndarray]] = {name: [] for name in (*computed, *fed)}
    for frame in frames:
        values = [*session.run(None, dict(frame.feeds)), *(frame.feeds[name] for name in fed)]
        for some, tensor in zip(samples.values(), values, strict=True):
            numbers = np.asarray(tensor, np.float32).ravel()
            some.append(numbers[:: -(-numbers.size * len(frames) // _SAMPLES)])
    return {name: np.concatenate(some) for name, some in samples.items()}
