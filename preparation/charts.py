"""Pictures of a report: histograms and a contact sheet, as PNG."""

from __future__ import annotations

import io
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from .index import Sample
from .shards import read_scene

COLOUR: Final = "#2a9d6f"
COLUMNS, ROWS, TILE = 10, 5, 128  # of the contact sheet; a tile's side in pixels


def bar_chart(bins: Mapping[int, int], width: float, label: str) -> bytes:
    """Frames by bin: bin number n reaches from n · width to (n + 1) · width."""
    figure = Figure(figsize=(6, 2.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    starts = sorted(bins)
    axes.bar([n * width for n in starts], [bins[n] for n in starts], width * 0.94, align="edge", color=COLOUR)
    axes.set_xlabel(label)
    axes.set_ylabel("frames")
    return _png(figure)


def people_chart(frames: Sequence[int], seconds: Sequence[float]) -> bytes:
    """How many people have how many frames, and how many seconds."""
    figure = Figure(figsize=(8, 2.6), dpi=110, layout="constrained")
    for axes, values, label in zip(figure.subplots(1, 2), (frames, seconds), ("frames", "seconds"), strict=True):
        axes.hist(values, bins=min(30, max(5, len(set(values)))), color=COLOUR, rwidth=0.94)
        axes.set_xlabel(f"{label} of a person")
        axes.set_ylabel("people")
    return _png(figure)


def contact_sheet(folder: Path, samples: Sequence[Sample], seed: int = 0) -> bytes:
    """Random heads of random people, everybody once before anybody twice: frame, with the matte as a faint veil."""
    rng = random.Random(seed)
    turns: list[tuple[int, float, Sample]] = []
    seen: dict[str, int] = {}
    for sample in rng.sample(samples, len(samples)):
        seen[sample.person] = seen.get(sample.person, 0) + 1
        turns.append((seen[sample.person], rng.random(), sample))
    chosen = [sample for _, _, sample in sorted(turns, key=lambda turn: turn[:2])][: COLUMNS * ROWS]
    rows = -(-len(chosen) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE, rows * TILE), "#888")
    for number, sample in enumerate(chosen):
        crops = rng.choice(read_scene(folder / sample.shard, sample.offset).crops)
        size = crops.frame.shape[:2]
        veil = np.asarray(Image.fromarray(crops.matte).resize(size))[..., None] / 255 * 0.7 + 0.3
        tile = Image.fromarray((crops.frame * veil).astype(np.uint8)).resize((TILE, TILE), Image.Resampling.BOX)
        sheet.paste(tile, (number % COLUMNS * TILE, number // COLUMNS * TILE))
    stream = io.BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
