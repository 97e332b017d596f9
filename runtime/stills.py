"""A few pictures out of any file that shows some, evenly spread over it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageSequence

from .errors import VideoError
from .images import MAX_MEGAPIXELS
from .media import VideoReader

LONGEST: Final = 1280  # pixels: videos are reduced to it while they are decoded
MOST: Final = 3000  # frames of a clip that are decoded at most


def stills_of(path: Path, media_type: str, wanted: int) -> list[np.ndarray]:
    """At most `wanted` pictures uint8 [H, W, 3]; none if the file cannot be decoded or is too large a picture."""
    kept: list[np.ndarray] = []
    stride = 1
    try:
        for number, frame in enumerate(_pictures(path, media_type)):
            if number >= MOST:
                break
            if number % stride:
                continue
            kept.append(frame)
            if len(kept) == 2 * wanted:  # nobody knows beforehand how long it is: every other one goes
                kept, stride = kept[::2], 2 * stride
    except VideoError:
        pass
    except Exception:  # damaged pictures raise whatever their decoder stumbles over
        return []
    return [kept[i] for i in spread(len(kept), wanted)]


def spread(count: int, wanted: int) -> list[int]:
    """The indices of at most `wanted` of `count` things, evenly spread from the first to the last."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, wanted))})


def _pictures(path: Path, media_type: str) -> Iterator[np.ndarray]:
    if media_type.startswith("video/"):
        with VideoReader(path, LONGEST) as reader:
            yield from reader
        return
    with Image.open(path) as image:
        if image.width * image.height > MAX_MEGAPIXELS * 1e6:
            return
        for picture in ImageSequence.Iterator(image):
            yield np.asarray(picture.convert("RGB"))
