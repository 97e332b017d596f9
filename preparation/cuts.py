"""Where a film is cut: PySceneDetect's content detector, told of every decoded frame."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scenedetect.common import FrameTimecode
from scenedetect.detectors.content_detector import ContentDetector

COMPARED_SIDE: Final = 192  # pixels; larger frames are compared by every n-th pixel
ANY_RATE: Final = 25.0  # frames are numbered, not timed


class CutDetector:
    """Call it with each frame in turn, uint8 RGB [H, W, 3]; it tells whether a new shot begins with it.

    Colours count, not only brightness: two people who are filmed alike differ in hue and saturation. A frame of
    another size is a cut, too.
    """

    def __init__(self) -> None:
        self._number, self._shape = 0, (0, 0)
        self._detector = ContentDetector(min_scene_len=0)

    def __call__(self, image: NDArray[np.uint8]) -> bool:
        resized = image.shape[:2] != self._shape
        if resized:
            self._shape, self._detector = image.shape[:2], ContentDetector(min_scene_len=0)
        step = max(1, min(self._shape) // COMPARED_SIDE)
        small = np.ascontiguousarray(image[::step, ::step, ::-1])  # OpenCV's order of colours
        cut = bool(self._detector.process_frame(FrameTimecode(self._number, ANY_RATE), small))
        self._number += 1
        return self._number > 1 and (resized or cut)
