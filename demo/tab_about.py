"""The tab "About": how it works in pictures, what it cannot do, licence, privacy, responsible use."""

import base64
import io
from collections.abc import Callable
from typing import Final

import gradio as gr
import numpy as np
from PIL import Image

from ..runtime.drawing import draw_landmarks
from ..runtime.faces import choose_faces, find_faces
from ..runtime.images import load_photo
from ..runtime.portrait import Portrait
from ..runtime.session import Bundle
from ..runtime.stopwatch import Stopwatch
from ..runtime.tracks import MotionTrack
from .examples import SAMPLES
from .studio import Studio

SIDE: Final = 360  # of each picture, pixels
TINT: Final = np.array([155, 58, 42], np.float32)
DARK: Final = (32, 29, 25)
TEXT: Final = """
### What it cannot do

- One photo only knows one view: turned by more than about 20° from the photo, the head's edge smears; beyond 60° to a
  side a photo is refused. More photos of the person lend mouth and eyes, nothing else.
- Without a photo that shows them, teeth and the inside of the mouth are invented, softly. Behind glasses a blink may
  not close the eye.
- Hands, hair and hats in front of the face move with it. Head and shoulders only; no voice.

### Privacy: what this server keeps

Nothing. Uploads and clips lie in temporary files until you close the page, or for half an hour without a request; then
they are deleted. Camera frames are never written to disk. No analytics, no cookies, no request to anybody else. The web
server in front of this page (Hugging Face's, say) may keep logs of its own: addresses and times, not pictures.

### Responsible use

Animate people who agreed, or pictures whose subjects cannot be harmed by it. Say that the result is AI-made: in the
European Union, showing a deepfake without saying so is against the law (AI Act, Article 50). Every clip from here is
labelled in every frame and signed (Content Credentials, C2PA) by the same code as the command line's; `vivant inspect`
reads the signature back. Marks can be removed, and a clip without one proves nothing.

### Licences

Code Apache-2.0. Tracker graphs Apache-2.0 (converted from MediaPipe, © Google). Our weights and presets: CC BY-NC 4.0,
research and non-commercial use. Sample photos: public domain (NASA; US Navy).
"""


def about_tab(studio: Studio, selected: Callable[..., object]) -> None:
    """Puts the tab's content where it is called; the pictures are made when the tab is first opened.

    Args:
        selected: the tab's event listener for being opened.
    """
    gr.Markdown("### How it works")
    pictures = gr.HTML('<p class="hint">Making the pictures…</p>', elem_id="how")
    gr.Markdown(TEXT)
    made: list[str] = []

    def draw() -> str:
        if not made:
            made.append(steps_html(studio.bundle))
        return made[0]

    selected(draw, None, pictures, api_visibility="private", concurrency_limit=1, show_progress="hidden")


def steps_html(bundle: Bundle) -> str:
    """The way from a photo to a frame as a row of pictures, each made by the graphs that it explains."""
    photo = load_photo(SAMPLES / "astronaut.jpg").pixels
    (face,), _ = choose_faces(find_faces(bundle, photo), None, bundle.manifest.thresholds, "astronaut.jpg")
    region = bundle.graph("head")({"landmarks": face.landmarks})["region"]
    matte = bundle.graph("matte")({"image": photo, "region": region})["matte"][0, 0]
    portrait = Portrait(bundle, photo, face, None, Stopwatch())
    name = "smile" if "smile" in bundle.manifest.presets else next(iter(bundle.manifest.presets))
    track = MotionTrack.load(bundle.preset(name))
    target = portrait.target(track.frame(round(0.4 * (len(track) - 1))), np.ones(5, np.float32))
    drawn = photo.copy()
    portrait.draw(drawn, target)
    box = _box(photo, *(float(value) for value in region[:3]))
    seen, moved = _crop(photo, box), np.full((SIDE, SIDE, 3), DARK, np.uint8)
    draw_landmarks(seen, _in_box(face.landmarks, box))
    draw_landmarks(moved, _in_box(target, box))
    steps = (
        ("1. A photo, any size", _crop(photo, box)),
        ("2. A tracker finds 478 landmarks", seen),
        ("3. A segmenter tells person from background", _tinted(_crop(photo, box), matte)),
        ("4. A motion moves the landmarks", moved),
        ("5. Geometry and small networks warp the photo's own pixels and paint mouth and eyes", _crop(drawn, box)),
    )
    items = "".join(f'<li><img src="{_data_url(image)}" alt="" /><span>{text}</span></li>' for text, image in steps)
    return f'<ol class="steps">{items}</ol>'


def _box(pixels: np.ndarray, x: float, y: float, side: float) -> tuple[int, int, int, int]:
    """The square around (x, y) as far as the picture reaches: left, top, right, bottom."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = (round(v) for v in (x - side / 2, y - side / 2, x + side / 2, y + side / 2))
    return max(0, left), max(0, top), min(width, right), min(height, bottom)


def _crop(pixels: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    return np.array(Image.fromarray(pixels).crop(box).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def _in_box(landmarks: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Landmarks in pixels of what `_crop` returns."""
    left, top, right, bottom = box
    scale = np.array([SIDE / (right - left), SIDE / (bottom - top), 1.0])
    return (landmarks - (left, top, 0.0)) * scale


def _tinted(picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """The picture with its background (where the matte [256, 256], 0..1, is low) tinted."""
    mask = np.asarray(Image.fromarray(matte).resize((SIDE, SIDE), Image.Resampling.BILINEAR))[..., None]
    mixed = picture * mask + (0.25 * picture + 0.75 * TINT) * (1 - mask)
    return mixed.clip(0, 255).astype(np.uint8)


def _data_url(picture: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
