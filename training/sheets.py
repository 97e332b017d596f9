"""Contact sheets: rows of pictures to look at, because metrics lie about faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor


def save_sheet(path: Path, columns: Sequence[Tensor], scale: int = 2) -> None:
    """One row per sample, one column per tensor [B, 3, n, n] (0..1), enlarged `scale` times."""
    rows = [np.concatenate([_picture(column[i]) for column in columns], 1) for i in range(len(columns[0]))]
    sheet = Image.fromarray(np.concatenate(rows, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.resize((sheet.width * scale, sheet.height * scale), Image.Resampling.NEAREST).save(path)


def _picture(tensor: Tensor) -> np.ndarray:
    if tensor.shape[0] == 1:
        tensor = tensor.expand(3, -1, -1)
    return (tensor.float().clamp(0, 1).permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8)
