"""The invisible watermark: laid over every frame that leaves, and looked for in files. The arithmetic is in the graphs.

It says that vivant made a picture, and which clip it belongs to (32 bits, also stated in the clip's signed manifest),
and it survives what strips a manifest: compression, scaling, cropping. It proves nothing by itself: who has the graphs
can mark any picture, and who wants to remove a mark can.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from .session import Bundle
from .stills import spread

MESSAGE_BYTES: Final = 4


@dataclass(frozen=True)
class Reading:
    """What was found in a file's pictures.

    Attributes:
        found: whether there is a mark; message: its 32 bits in hex, None if there is none.
        confidence: 0..1, how well the pattern fits; 0.2 to 0.3 in pictures without a mark.
        scale: the share of the marked picture's longer side that is left, 1 for whole pictures.
        frames: how many pictures were looked at.
    """

    found: bool
    message: str | None
    confidence: float
    scale: float
    frames: int


class Watermark:
    """Marks the frames of one clip.

    Attributes:
        message: the clip's number, 4 bytes drawn at random.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.message = secrets.token_bytes(MESSAGE_BYTES)
        self._graph = bundle.graph("watermark_embed")
        self._feed = np.frombuffer(self.message, np.uint8)

    def mark(self, frame: np.ndarray) -> np.ndarray:
        """A frame uint8 [H, W, 3], RGB, with the mark in it; raises BundleError if the graph fails."""
        return self._graph({"image": frame, "message": self._feed})["marked"]


class WatermarkReader:
    """Looks for marks.

    Whole pictures first, at the scale they were marked at; then, with fewer of them, at those scales that cropping
    leads to.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._read = bundle.graph("watermark_read")
        self._decode = bundle.graph("watermark_decode")
        self.search = bundle.manifest.watermark

    def read(self, frames: Sequence[np.ndarray]) -> Reading:
        """Looks for one mark in pictures of one file, uint8 [H, W, C], RGB or RGBA, as `stills.stills_of` gives."""
        if not frames:
            return Reading(False, None, 0.0, 1.0, 0)
        first, *others = self.search.scales
        best = self._at(frames, first)
        if best.found or not others:
            return best
        few = [frames[i] for i in spread(len(frames), self.search.search_frames)]
        cropped = max((self._at(few, scale) for scale in others), key=lambda reading: reading.confidence)
        if len(frames) > len(few) and cropped.confidence > best.confidence:
            cropped = self._at(frames, cropped.scale)
        return max(best, cropped, key=lambda reading: (reading.found, reading.confidence))

    def _at(self, frames: Sequence[np.ndarray], scale: float) -> Reading:
        feed = np.array(scale, np.float32)
        estimate = np.mean([self._read({"image": frame, "scale": feed})["estimate"] for frame in frames], axis=0)
        decoded = self._decode({"estimate": estimate})
        confidence = float(decoded["confidence"])
        found = bool(decoded["valid"]) and confidence >= self.search.threshold
        message = decoded["message"].astype(np.uint8).tobytes().hex() if found else None
        return Reading(found, message, round(confidence, 4), scale, len(frames))
