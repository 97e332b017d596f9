"""What an export makes: for which hosts, in which precision, for which size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from ..runtime.errors import VivantError

Precision = Literal["fp32", "fp16", "int8"]
Target = Literal["webgpu", "wasm", "all"]
PRECISIONS: Final[tuple[Precision, ...]] = get_args(Precision)
TARGETS: Final[tuple[Target, ...]] = get_args(Target)
SIZES: Final = (256, 1024)
MAX_PHOTOS: Final = 32  # of one person
WHY_NOT: Final = {
    ("webgpu", "int8"): "quantised operators leave the GPU; int8 is for wasm",
    ("wasm", "fp16"): "WebAssembly computes half precision in single: no gain; fp16 is for webgpu",
}


class ExportError(VivantError):
    """What was asked for cannot be exported."""


@dataclass(frozen=True)
class Variant:
    """A `render` for one kind of host."""

    target: Literal["webgpu", "wasm"]
    precision: Precision

    @property
    def name(self) -> str:
        return f"{self.target}-{self.precision}"


@dataclass(frozen=True)
class ExportOptions:
    """What to export.

    Attributes:
        precisions: for `render`. fp16 is for WebGPU, int8 for WebAssembly (and native CPUs); fp32 serves both.
        target: `webgpu` or `wasm` makes a bundle for that one kind of host, whose `render` is the one that was asked
            for. `all` makes a bundle whose own `render` is portable fp32, and lists others as `variants`.
        size: pixels on a side of the rendered square, fixed in the graphs; None leaves it to the host.
        photos: how many photos of one person hosts may take: the one that is animated, and others for `refer`.
        calibration: pictures of faces for int8 and fp16; the shipped samples by default.
        max_loss: what int8 may cost, mean grey levels against fp32: mouth and eyes each so much, the frame a third.

    Raises:
        ExportError: the combination is impossible.
    """

    precisions: tuple[Precision, ...] = ("fp32",)
    target: Target = "all"
    size: int | None = None
    photos: int = MAX_PHOTOS
    calibration: Sequence[Path] = ()
    max_loss: float = 0.25

    def __post_init__(self) -> None:
        if not self.precisions or set(self.precisions) - set(PRECISIONS):
            raise ExportError(f"A precision is one of {', '.join(PRECISIONS)}.")
        if self.target not in TARGETS:
            raise ExportError(f"A target is one of {', '.join(TARGETS)}, not {self.target!r}.")
        if self.target != "all" and len(self.precisions) > 1:
            raise ExportError("Several precisions make a bundle for several hosts: use the target 'all'.")
        for precision in self.precisions:
            if (why := WHY_NOT.get((self.target, precision))) is not None:
                raise ExportError(f"{precision} for {self.target} is not exported: {why}.")
        if self.size is not None and not SIZES[0] <= self.size <= SIZES[1]:
            raise ExportError(f"A size is {SIZES[0]} to {SIZES[1]} pixels, not {self.size}.")
        if not 1 <= self.photos <= MAX_PHOTOS:
            raise ExportError(f"A student takes 1 to {MAX_PHOTOS} photos of a person, not {self.photos}.")

    @property
    def own(self) -> Variant:
        """What the bundle's own `render` is."""
        if self.target == "all":
            return Variant("wasm", "fp32")
        return Variant(self.target, self.precisions[0])

    @property
    def variants(self) -> list[Variant]:
        """The other `render`s of a bundle for all hosts."""
        if self.target != "all":
            return []
        extra = [Variant("webgpu", "fp32")]
        extra += [Variant("webgpu", "fp16")] * ("fp16" in self.precisions)
        return extra + [Variant("wasm", "int8")] * ("int8" in self.precisions)
