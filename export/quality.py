"""What a viewer loses by a precision: frames of a `render` against those of another, in grey levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnxruntime as ort

from .frames import PARTS, Frame

# A painter's error lies in mouth or eyes; one of the motion lies all over the frame, at edges, where one sees it first
# and where two processors that round differently disagree: it counts so many times as much.
WHOLE_COUNTS: Final = 3.0


@dataclass(frozen=True)
class Loss:
    """Differences to the reference over all frames, grey levels of 0..255.

    Attributes:
        whole, mouth, eyes: means of |difference| over the frame and over boxes around mouth and eyes.
        largest: the largest difference of a pixel. psnr: of the worst frame, decibels.
    """

    whole: float
    mouth: float
    eyes: float
    largest: int
    psnr: float

    @property
    def worst_part(self) -> float:
        """What is compared with what may be lost: the worst of mouth, eyes, and `WHOLE_COUNTS` times the frame."""
        return max(WHOLE_COUNTS * self.whole, self.mouth, self.eyes)


class Renderer:
    """A `render` graph on ONNX Runtime's CPU provider."""

    def __init__(self, content: bytes, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def __call__(self, frame: Frame) -> np.ndarray:
        """uint8 [S, S, 4]."""
        return np.asarray(self._session.run(["frame"], frame.feeds)[0])


def render_all(content: bytes, frames: Sequence[Frame], threads: int = 1) -> list[np.ndarray]:
    """Every frame by one graph."""
    renderer = Renderer(content, threads)
    return [renderer(frame) for frame in frames]


def measure_loss(pictures: Sequence[np.ndarray], reference: Sequence[np.ndarray], frames: Sequence[Frame]) -> Loss:
    """Compares pictures of the same frames, uint8 [S, S, 4]; alpha does not count."""
    whole, psnr, largest = [], [], 0
    parts: dict[str, list[float]] = {name: [] for name in PARTS}
    for picture, other, frame in zip(pictures, reference, frames, strict=True):
        difference = np.abs(picture[..., :3].astype(int) - other[..., :3].astype(int))
        whole.append(difference.mean())
        largest = max(largest, int(difference.max()))
        squared = max(float((difference.astype(float) ** 2).mean()), 1e-6)
        psnr.append(10.0 * np.log10(255.0**2 / squared))
        for name, mask in frame.parts.items():
            parts[name].append(difference[mask].mean())
    means = {name: float(np.mean(values)) for name, values in parts.items()}
    return Loss(float(np.mean(whole)), means["mouth"], means["eyes"], largest, float(min(psnr)))
