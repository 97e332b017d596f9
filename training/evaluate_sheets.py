"""Contact sheets: what the numbers of an evaluation look like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..models.landmarks import LIPS_OUTER
from ..runtime.outputs import replacing
from .evaluate_cross import CrossResult
from .evaluate_self import SelfResult

CELL = 192  # pixels
LABEL = 18
MOUTH_SIDE = 1.0  # of the mouth's zoom, in face units
WHITE, BLACK = (255, 255, 255), (0, 0, 0)

Picture = NDArray[np.uint8]


def write_self_sheet(clips: Sequence[SelfResult], methods: Sequence[str], path: Path) -> None:
    """A row a clip, at the target farthest from the source: source, target, every method but standing still, and the
    mouths of target and methods enlarged."""
    shown = [method for method in methods if method != "still"]
    header = ["source", "target", *shown, *(f"mouth: {name}" for name in ("target", *shown))]
    rows = []
    for clip in clips:
        pictures = [clip.row.target, *(clip.row.generated[method] for method in shown)]
        rows.append((clip.name, [clip.row.source, *pictures, *(mouth(p, clip.row.landmarks) for p in pictures)]))
    write_sheet(header, rows, path)


def write_cross_sheet(pairs: Sequence[CrossResult], path: Path) -> None:
    """A row a pair: the photo, then some frames of the driver and of every method."""
    if not pairs:
        return
    width = max(len(pair.drivers) for pair in pairs)
    header = ["photo", *["driver"] * width, *(name for name in pairs[0].generated for _ in range(width))]
    rows = []
    for pair in pairs:
        groups = [pair.drivers, *pair.generated.values()]
        blank = np.full_like(pair.photo, 255)
        cells = [cell for group in groups for cell in [*group, *[blank] * (width - len(group))]]
        rows.append((f"{pair.source} < {pair.driver}", [pair.photo, *cells]))
    write_sheet(header, rows, path)


def mouth(picture: Picture, landmarks: NDArray[np.float32]) -> Picture:
    """A square around the lips."""
    centre = landmarks[LIPS_OUTER, :2].mean(0)
    half = 0.5 * MOUTH_SIDE * float(np.linalg.norm(landmarks[33] - landmarks[263]))
    box = tuple(round(float(edge)) for edge in (*(centre - half), *(centre + half)))
    return np.asarray(Image.fromarray(picture).crop((box[0], box[1], box[2], box[3])))


def write_sheet(header: Sequence[str], rows: Sequence[tuple[str, list[Picture]]], path: Path) -> None:
    """A grid of pictures, each column with a title and each row with a caption above it, as a PNG."""
    step = CELL + LABEL
    sheet = Image.new("RGB", (CELL * len(header), LABEL + step * len(rows)), WHITE)
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(header):
        draw.text((column * CELL + 4, 3), title, fill=BLACK)
    for line, (caption, pictures) in enumerate(rows):
        top = LABEL + line * step
        draw.text((4, top + 3), caption, fill=BLACK)
        for column, picture in enumerate(pictures):
            cell = Image.fromarray(picture).resize((CELL, CELL), Image.Resampling.BICUBIC)
            sheet.paste(cell, (column * CELL, top + LABEL))
    with replacing(path) as temporary:
        sheet.save(temporary)
