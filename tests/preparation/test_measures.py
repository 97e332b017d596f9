"""Measures of made-up faces whose pose and mouth are known."""

import numpy as np
import pytest
from made_faces import person, photograph, turn, with_mouth
from PIL import Image, ImageFilter
from vivant.models.canonical_face import canonical_face
from vivant.preparation.config import Limits
from vivant.preparation.measures import face_oval, mouth_opening, person_share, pitch, share_inside, sharpness
from vivant.preparation.scenes import objection
from vivant.runtime.faces import Face


def _face(yaw: float = 0.0, down: float = 0.0, size: float = 100.0, x: float = 250.0) -> Face:
    points = photograph(canonical_face().points, turn(yaw=yaw, pitch=down), size, x).numpy()
    return Face(points, 1.0, np.zeros(4, np.float32))


@pytest.mark.parametrize("angle", [-30.0, -10.0, 0.0, 20.0, 35.0])
def test_pitch_of_a_turned_face(angle: float) -> None:
    one, other = (pitch(_face(down=sign * angle).landmarks) for sign in (1.0, -1.0))
    assert abs(one) == pytest.approx(abs(angle), abs=1.5)
    assert one == pytest.approx(-other, abs=1.5)


def test_a_bowed_head_has_its_chin_further_away() -> None:
    """Down is positive: the chin moves away from the camera (z grows), the forehead towards it."""
    face = next(f for f in (_face(down=20.0), _face(down=-20.0)) if f.landmarks[152, 2] > f.landmarks[10, 2] + 20)
    assert pitch(face.landmarks) > 15


def test_mouth_opening_of_a_made_face() -> None:
    shut, wide = (photograph(with_mouth(person(3), gap), turn(yaw=20.0)).numpy() for gap in (0.0, 0.3))
    assert mouth_opening(shut) < 0.08
    assert mouth_opening(wide) - mouth_opening(shut) > 0.2


def test_share_of_landmarks_within_the_frame() -> None:
    assert share_inside(_face().landmarks, 500, 400) == 1.0
    assert share_inside(_face(x=0.0).landmarks, 500, 400) == pytest.approx(0.5, abs=0.1)


def test_sharpness_falls_with_blur_and_ignores_contrast() -> None:
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(60, 200, (80, 80, 3), np.uint8)).resize((160, 160), Image.Resampling.BICUBIC)
    whole = np.ones((160, 160), bool)
    values = [sharpness(np.asarray(picture.filter(ImageFilter.GaussianBlur(radius))), whole) for radius in (0, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    faint = 100 + np.asarray(picture) // 4
    assert sharpness(faint, whole) == pytest.approx(values[0], rel=0.1)
    assert sharpness(np.full((160, 160, 3), 90, np.uint8), whole) == 0.0


def test_person_share_counts_the_face_alone() -> None:
    landmarks = _face().landmarks
    region = np.array([250.0, 200.0, 520.0], np.float32)
    oval = face_oval(landmarks, region, 152)
    assert 0.03 < oval.mean() < 0.25
    matte = np.where(oval, 255, 0).astype(np.uint8)
    assert person_share(matte, oval) == 1.0
    matte[: 152 // 2] = 0
    assert 0.2 < person_share(matte, oval) < 0.8
    assert person_share(matte, np.zeros_like(oval)) == 0.0


@pytest.mark.parametrize(
    ("face", "kind", "reason"),
    [
        (_face(), "video", ""),
        (_face(size=15.0), "video", "small"),
        (_face(size=30.0), "photo", "small"),
        (_face(size=30.0), "video", ""),
        (_face(yaw=65.0), "video", "turned away"),
        (_face(yaw=-50.0), "photo", "turned away"),
        (_face(down=50.0), "video", "turned away"),
        (_face(x=20.0), "video", "cut off"),
    ],
)
def test_limits(face: Face, kind: str, reason: str) -> None:
    assert objection(face, kind, 500, 400, Limits()) == reason  # type: ignore[arg-type]
