"""Whether the camera stood still. A photo cannot tell how the background behind a person will move, so clips whose
camera moves punish every method that keeps the background where it is, and are reported apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import maximum_filter

from ..runtime.session import Bundle

STILL_CAMERA = 1.0  # pixels at 256: clips whose background moves by less count as still
SIZE = 128  # pixels, the size at which shifts are looked for
REACH = 12  # pixels at SIZE, the longest shift looked for along x and y
BLOCKS = 3  # columns of background that are looked at one by one, so that a zoom shows too
LEAST_GRADIENT = 0.02  # luma (0..1) per pixel: weaker texture tells nothing about motion
LEAST_PIXELS = 60  # textured pixels without which a block tells nothing
LEAST_OVERLAP = 0.6  # share of a block's pixels that a shift must leave on background
NOISE = 0.01  # mean luma difference that codecs make of a background at rest
GAIN = 0.7  # a shift counts when it leaves less than this share of the difference that standing still leaves
PERSON = 0.1  # share of person from which on a pixel is no background

Mask = NDArray[np.bool_]


def camera_displacement(
    frames: NDArray[np.uint8], targets: Sequence[int], inside: tuple[int, int, int, int], bundle: Bundle
) -> float:
    """How far the background moved from where it was in frame 0: the median over the targets of the mean over blocks.

    Args:
        frames: [T, S, S, 3] uint8.
        targets: frames to compare with frame 0.
        inside: top, bottom, left and right of the pixels that the film's frame covers.
        bundle: its `matte` graph tells people from background.

    Returns:
        Pixels at a frame size of 256; NaN where no background with texture can be seen.
    """
    top, bottom, left, right = (round(edge * SIZE / frames.shape[1]) for edge in inside)
    covered = np.zeros((SIZE, SIZE), bool)
    covered[top + 1 : bottom - 1, left + 1 : right - 1] = True
    first = luma(frames[0])
    down, across = np.gradient(first)
    textured = covered & background(frames[0], bundle) & (np.hypot(down, across) > LEAST_GRADIENT)
    lengths = []
    for target in targets:
        second, visible = luma(frames[target]), covered & background(frames[target], bundle)
        shifts = []
        for columns in np.array_split(np.arange(SIZE), BLOCKS):
            block = np.zeros_like(textured)
            block[:, columns] = textured[:, columns]
            shifts.append(background_shift(first, block, second, visible))
        if not np.isnan(shifts).all():
            lengths.append(float(np.nanmean(shifts)))
    return float(np.median(lengths)) * 256 / SIZE if lengths else float("nan")


def background_shift(first: NDArray[np.float32], block: Mask, second: NDArray[np.float32], visible: Mask) -> float:
    """Length of the whole-pixel shift that carries the first picture's pixels of a block onto the second picture.

    Every shift within `REACH` is tried. Zero where none explains the second picture clearly better than standing still
    (so that straight edges, flicker and bits of hair do not count); NaN where the block tells nothing.

    Args:
        first, second: luma [H, W], 0..1.
        block: [H, W], the first picture's pixels to find again.
        visible: [H, W], where in the second picture they may be found.
    """
    rows, columns = np.nonzero(block)
    if len(rows) < LEAST_PIXELS:
        return float("nan")
    values = first[rows, columns]
    padded, allowed = np.pad(second, REACH, mode="edge"), np.pad(visible, REACH)
    differences: dict[tuple[int, int], float] = {}
    for y in range(2 * REACH + 1):
        for x in range(2 * REACH + 1):
            valid = allowed[rows + y, columns + x]
            if valid.sum() >= LEAST_OVERLAP * len(rows):
                difference = np.abs(values - padded[rows + y, columns + x])[valid].mean()
                differences[y - REACH, x - REACH] = float(difference)
    if (0, 0) not in differences:
        return float("nan")
    best = min(differences, key=lambda shift: differences[shift])
    moved = differences[0, 0] > NOISE and differences[best] < GAIN * differences[0, 0]
    return float(np.hypot(*best)) if moved else 0.0


def camera_is_still(displacement: float) -> bool:
    """Whether a clip's `camera_displacement` counts as a still camera; a plain background, where no motion can be seen
    (NaN), does."""
    return not displacement >= STILL_CAMERA


def luma(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[SIZE, SIZE] float32, 0..1."""
    small = Image.fromarray(frame).convert("L").resize((SIZE, SIZE), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / 255.0


def background(frame: NDArray[np.uint8], bundle: Bundle) -> Mask:
    """[SIZE, SIZE], True where no person is, a few pixels away from them."""
    size = frame.shape[0]
    region = np.array([size / 2, size / 2, size, 0], np.float32)
    matte = bundle.graph("matte")({"image": frame, "region": region})["matte"][0, 0]
    small = Image.fromarray(np.asarray(matte, np.float32)).resize((SIZE, SIZE), Image.Resampling.BOX)
    return maximum_filter(np.asarray(small), size=5) < PERSON
