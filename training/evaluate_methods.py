"""The ways to animate a photo that are evaluated side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..models.geometry import geometry_baseline
from ..runtime.portrait import refer
from ..runtime.session import Bundle

Picture = NDArray[np.uint8]
Points = NDArray[np.float32]


class Method(Protocol):
    """Something that animates a photo: a bundle, a checkpoint in torch, a baseline.

    Attributes:
        name: its column in the report.
    """

    @property
    def name(self) -> str: ...

    def prepare(self, picture: Picture, landmarks: Points, region: Points) -> None:
        """Takes a new source photo.

        Args:
            picture: uint8 [S, S, 3], already the head's square.
            landmarks: float32 [478, 3], pixels of that picture.
            region: float32 [4], the whole picture: centre x, centre y, side, angle 0.
        """
        ...

    def frame(self, target: Points) -> Picture:
        """The photo with its landmarks (float32 [478, 3], pixels) at these places: uint8 [S, S, 3]."""
        ...


class StandingStill:
    """The photo itself, whatever the target: what doing nothing scores."""

    name = "still"

    def prepare(self, picture: Picture, landmarks: Points, region: Points) -> None:
        self._picture = picture

    def frame(self, target: Points) -> Picture:
        return self._picture


class Geometry:
    """The photo warped by its landmarks, without any network."""

    name = "geometry"

    def prepare(self, picture: Picture, landmarks: Points, region: Points) -> None:
        self._picture, self._landmarks = picture, landmarks

    def frame(self, target: Points) -> Picture:
        return geometry_baseline(self._picture, self._landmarks, target)


class BundledStudent:
    """A bundle's `matte`, `encode`, `refer`, `render` and `paste` graphs, run as a host runs them."""

    def __init__(self, bundle: Bundle, name: str = "ours") -> None:
        self._bundle, self.name = bundle, name

    def prepare(self, picture: Picture, landmarks: Points, region: Points) -> None:
        matte = self._bundle.graph("matte")({"image": picture, "region": region})["matte"]
        self._photo = picture
        self._code = self._bundle.graph("encode")(
            {
                "image": picture,
                "landmarks": landmarks,
                "region": region,
                "matte": matte,
                "size": np.array(picture.shape[0], np.int64),
            }
        )

    def refer(self, others: Sequence[tuple[Picture, Points]]) -> None:
        """Takes more photos of the person in the source photo, with their landmarks in pixels."""
        self._code = refer(self._bundle, self._code, others)

    def frame(self, target: Points) -> Picture:
        render = self._bundle.graph("render")
        feeds = {name: self._code[name] for name in render.inputs if name != "target"}
        frame = render({**feeds, "target": target})["frame"]
        return self._bundle.graph("paste")({"frame": frame, "backdrop": self._photo})["picture"]


METHODS = ("still", "geometry", "ours")


def make_method(name: str, bundle: Bundle) -> Method:
    """A method by its name, one of `METHODS`; raises ValueError for another."""
    if name == "still":
        return StandingStill()
    if name == "geometry":
        return Geometry()
    if name == "ours":
        return BundledStudent(bundle)
    raise ValueError(f"There is no method {name!r}; the methods are {', '.join(METHODS)}.")
