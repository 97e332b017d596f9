"""The visible label: where it goes, how large it is, whether it can be read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from vivant.runtime.animate import Settings, animate
from vivant.runtime.faces import find_faces
from vivant.runtime.images import load_photo
from vivant.runtime.label import make_label
from vivant.runtime.motions import Motion, load_motion
from vivant.runtime.session import Bundle
from vivant.runtime.watermark import Watermark

SIZE = 400
CENTRE = np.array([150, 100, 250, 220], np.float32)


def labelled(ground: int, faces: list[np.ndarray] | None = None, side: int = SIZE) -> np.ndarray:
    """A grey picture with a label, uint8 [side, side, 3]."""
    canvas = np.full((side, side, 3), ground, np.uint8)
    make_label(side, side, faces or []).draw(canvas)
    return canvas


def box_of(canvas: np.ndarray, ground: int) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 around everything that is not the ground."""
    rows, columns = np.nonzero((canvas != ground).any(axis=-1))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def luminance(level: float) -> float:
    """Relative luminance of a grey level 0..255 (WCAG 2)."""
    share = level / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


@pytest.mark.parametrize("ground", [0, 128, 255])
def test_the_text_stands_out_on_any_ground(ground: int) -> None:
    """Contrast of the letters against the pill: at least 4.5, what WCAG 2 asks of small text."""
    canvas = labelled(ground)
    x0, y0, x1, y1 = box_of(canvas, ground)
    pill = canvas[y0:y1, x0:x1].mean(axis=-1)
    letters, background = float(pill.max()) if ground < 255 else 250.0, float(np.median(pill))
    assert (luminance(letters) + 0.05) / (luminance(background) + 0.05) >= 4.5


def test_it_is_small_and_grows_with_the_picture() -> None:
    for side in (256, 512, 1024, 2048):
        x0, y0, x1, y1 = box_of(labelled(200, side=side), 200)
        assert 11 <= y1 - y0 <= max(16, 0.05 * side)
        assert x1 - x0 < 0.3 * side
        assert min(side - x1, side - y1) >= 5
    heights = [box[3] - box[1] for box in (box_of(labelled(200, side=side), 200) for side in (512, 2048))]
    assert heights[1] == pytest.approx(4 * heights[0], abs=4)


@pytest.mark.parametrize(
    ("faces", "right", "low"),
    [
        ([], True, True),
        ([CENTRE], True, True),
        ([np.array([300, 280, 400, 400])], False, True),
        ([np.array([300, 280, 400, 400]), np.array([0, 250, 120, 400])], True, False),
        ([np.array([0, 250, 400, 400]), np.array([300, 0, 400, 100])], False, False),
    ],
)
def test_it_goes_to_the_corner_that_is_free(faces: list[np.ndarray], right: bool, low: bool) -> None:
    x0, y0, x1, y1 = box_of(labelled(90, faces), 90)
    assert ((x0 + x1) / 2 > SIZE / 2, (y0 + y1) / 2 > SIZE / 2) == (right, low)
    assert not any(x0 < box[2] and x1 > box[0] and y0 < box[3] and y1 > box[1] for box in faces)


def test_where_every_corner_has_a_face_it_covers_the_least() -> None:
    faces = [np.array([0, 0, 400, 300]), np.array([120, 0, 400, 400])]
    x0, y0, _, _ = box_of(labelled(90, faces), 90)
    assert (x0 < 20, y0 > 300) == (True, True)


@pytest.mark.parametrize("size", [(1, 1), (40, 3), (3, 40), (48, 48), (2048, 41)])
def test_any_picture_takes_a_label(size: tuple[int, int]) -> None:
    canvas = np.full((size[1], size[0], 3), 90, np.uint8)
    make_label(*size, []).draw(canvas)
    assert canvas.shape == (size[1], size[0], 3)
    assert (canvas != 90).any()


def test_a_clip_shows_it_unless_it_is_left_out(
    bundle: Bundle, astronaut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watermark, "mark", lambda _, frame: frame)  # it changes every pixel a little
    nod = load_motion(bundle, "nod")
    short = Motion("nod", nod.fps, 2, nod.at)
    for name, label in (("with", True), ("without", False)):
        summary = animate(bundle, astronaut, short, tmp_path / name, True, Settings(label=label, size=256))
        assert summary.label == ("AI-animated" if label else None)
    for name in ("00000.png", "00001.png"):
        plain = np.asarray(Image.open(tmp_path / "without" / name))
        changed = (np.asarray(Image.open(tmp_path / "with" / name)) != plain).any(axis=-1)
        rows, columns = np.nonzero(changed)
        (face,) = find_faces(bundle, load_photo(astronaut).pixels)
        assert 300 < changed.sum() < 0.01 * changed.size
        assert rows.min() > face.box[3] or columns.min() > face.box[2] or columns.max() < face.box[0]
