"""The visible label: a small pill with "AI-animated" in a corner of every frame, away from the faces."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .marks import MARKS

LABEL_TEXT: Final[str] = MARKS["label"]
TEXT_SHARE: Final = 0.028  # size of the type in shares of the picture's shorter side
SMALLEST: Final = 11  # pixels; below this, letters are no longer legible
WIDEST: Final = 0.9  # most of the picture's width that the pill may take
MARGIN: Final = 0.7  # distance from the border, in sizes of the type
PADDING: Final = (0.62, 0.30)  # around the text, across and down, in sizes of the type
MOVEMENT: Final = 0.15  # how far a face may move, in sides of its box
FINER: Final = 4  # the pill is drawn this much larger and then reduced, for smooth edges
GROUND: Final = (18, 18, 22, 168)  # RGBA: a dark glass, so that the label shows on light and dark pictures alike
INK: Final = (255, 255, 255, 240)


@dataclass(frozen=True)
class Label:
    """A label made for one picture.

    Attributes:
        left, top: where it goes, pixels.
        colour: uint16 [h, w, 3], already multiplied by the alpha (0..255·255).
        rest: uint16 [h, w, 1], what remains of the picture below (0..255).
    """

    left: int
    top: int
    colour: np.ndarray
    rest: np.ndarray

    def draw(self, canvas: np.ndarray) -> None:
        """Draws the label into a frame, uint8 RGB [H, W, 3]."""
        height, width = self.colour.shape[:2]
        window = canvas[self.top : self.top + height, self.left : self.left + width]
        window[:] = (window * self.rest + self.colour + 127) // 255


def make_label(width: int, height: int, faces: Sequence[np.ndarray]) -> Label:
    """The label for a picture, in the corner (the lower right one if it can be) that covers least of the faces.

    Args:
        width, height: the picture's size in pixels.
        faces: boxes x0, y0, x1, y1 of all faces, pixels.
    """
    size = max(SMALLEST, round(TEXT_SHARE * min(width, height)))
    pill = np.asarray(_pill(size, width), np.uint16)[:height, :width]
    left, top = _place(width, height, pill.shape[1], pill.shape[0], round(MARGIN * size), faces)
    alpha = pill[..., 3:]
    return Label(left, top, pill[..., :3] * alpha, 255 - alpha)


def _pill(size: int, width: int) -> Image.Image:
    """The label as an RGBA picture, with type of `size` pixels or whatever smaller one fits a picture's width."""
    font = ImageFont.load_default(float(size * FINER))
    x0, y0, x1, y1 = font.getbbox(LABEL_TEXT)
    across, down = (round(share * size * FINER) for share in PADDING)
    # Below the baseline hangs nothing, so the pill is centred on the letters themselves.
    full = (round(x1 - x0) + 2 * across, round(y1 - y0) + 2 * down)
    picture = Image.new("RGBA", full, (*GROUND[:3], 0))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((0, 0, full[0] - 1, full[1] - 1), radius=full[1] / 2, fill=GROUND)
    ink = Image.new("RGBA", full, (*INK[:3], 0))
    ImageDraw.Draw(ink).text((across - x0, down - y0), LABEL_TEXT, font=font, fill=INK)
    picture.alpha_composite(ink)
    scale = min(1 / FINER, WIDEST * width / full[0])
    reduced = (max(1, round(full[0] * scale)), max(1, round(full[1] * scale)))
    return picture.resize(reduced, Image.Resampling.BOX if scale == 1 / FINER else Image.Resampling.LANCZOS)


def _place(
    width: int, height: int, label_width: int, label_height: int, margin: int, faces: Sequence[np.ndarray]
) -> tuple[int, int]:
    right, bottom = max(0, width - label_width - margin), max(0, height - label_height - margin)
    left, top = min(margin, width - label_width), min(margin, height - label_height)
    corners = [(right, bottom), (left, bottom), (right, top), (left, top)]
    return min(corners, key=lambda corner: _covered(corner, label_width, label_height, faces))


def _covered(corner: tuple[int, int], label_width: int, label_height: int, faces: Sequence[np.ndarray]) -> float:
    """How many square pixels of the faces, wherever they move, a label at `corner` covers."""
    total = 0.0
    for x0, y0, x1, y1 in faces:
        reach = MOVEMENT * max(x1 - x0, y1 - y0)
        across = min(x1 + reach, corner[0] + label_width) - max(x0 - reach, corner[0])
        down = min(y1 + reach, corner[1] + label_height) - max(y0 - reach, corner[1])
        total += max(0.0, float(across)) * max(0.0, float(down))
    return total
