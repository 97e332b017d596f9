"""Makes the README's picture: the sample photos under several presets.

python docs/pictures.py docs/presets.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from vivant.runtime.faces import find_faces
from vivant.runtime.images import load_photo
from vivant.runtime.portrait import Portrait
from vivant.runtime.session import BUNDLED, Bundle
from vivant.runtime.stopwatch import Stopwatch
from vivant.runtime.tracks import MotionTrack

MOMENTS = {"smile": 0.4, "surprise": 0.4, "wink": 0.35, "look-around": 0.25, "nod": 0.35, "laugh": 0.45}
TILE = 240


def row(bundle: Bundle, path: Path) -> Image.Image:
    """One photo: as it is, then one moment of each preset."""
    photo = load_photo(path).pixels
    face = find_faces(bundle, photo)[0]
    portrait = Portrait(bundle, photo, face, None, Stopwatch())
    pictures = [photo]
    for name, moment in MOMENTS.items():
        track = MotionTrack.load(bundle.preset(name))
        canvas = photo.copy()
        target = portrait.target(track.frame(round(moment * (len(track) - 1))), np.ones(5, np.float32))
        portrait.draw(canvas, target)
        pictures.append(canvas)
    x, y, side, _ = bundle.graph("head")({"landmarks": face.landmarks})["region"]
    half = 0.36 * side
    box = (round(x - half), round(y - half), round(x + half), round(y + half))
    strip = Image.new("RGB", (TILE * len(pictures), TILE))
    for index, picture in enumerate(pictures):
        cut = Image.fromarray(picture).crop(box).resize((TILE, TILE), Image.Resampling.LANCZOS)
        strip.paste(cut, (index * TILE, 0))
    return strip


def main() -> None:
    """Write the picture named on the command line."""
    bundle = Bundle(BUNDLED)
    rows = [row(bundle, path) for path in sorted((BUNDLED.parent / "samples").glob("*.jpg"))]
    sheet = Image.new("RGB", (rows[0].width, TILE * len(rows)))
    for index, strip in enumerate(rows):
        sheet.paste(strip, (0, index * TILE))
    sheet.save(sys.argv[1], quality=88)


if __name__ == "__main__":
    main()
