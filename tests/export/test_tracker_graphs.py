"""Properties of the tracker graphs that hold without any reference."""

import math

import numpy as np
import pytest
from PIL import Image
from vivant.export.mediapipe_reference import sample_variants
from vivant.export.tracker_parity import Tracker

_SMALL = np.full((5, 7, 3), 200, np.uint8)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return sample_variants()["astronaut"]


@pytest.mark.parametrize("graph", ["detect", "detect_far"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 7, 3), (300, 20, 3), (64, 900, 3)])
def test_detect_without_faces(tracker: Tracker, graph: str, shape: tuple[int, ...]) -> None:
    outputs = tracker.run(graph, image=np.full(shape, 127, np.uint8))
    assert [output.shape for output in outputs] == [(0, 4), (0, 6, 2), (0,), (0, 4)]


@pytest.mark.parametrize("graph", ["detect", "detect_far"])
def test_detect_many(tracker: Tracker, graph: str) -> None:
    boxes, keypoints, scores, regions = tracker.run(graph, image=sample_variants()["group"])
    assert len(boxes) >= 2
    assert (np.diff(scores) <= 0).all()
    assert (scores >= 0.5).all() and (scores <= 1).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    eyes = keypoints[:, 1] - keypoints[:, 0]
    sides = 1.5 * (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    angles = np.arctan2(eyes[:, 1:], eyes[:, :1])
    _check_regions(regions, np.concatenate([(boxes[:, 2:] + boxes[:, :2]) / 2, sides, angles], axis=1))


def _check_regions(regions: np.ndarray, exact: np.ndarray) -> None:
    """Regions [N, 4] lie on a grid of 1/64 pixel and 1/8192 radian, next to where they would lie without it."""
    steps = np.array([1 / 64, 1 / 64, 1 / 64, 1 / 8192])
    np.testing.assert_array_equal(regions / steps, np.round(regions / steps))
    assert (np.abs(regions - exact) <= 0.5 * steps + [1e-3, 1e-3, 1e-3, 1e-5]).all()


def test_next_region_encloses_the_landmarks(tracker: Tracker, astronaut: np.ndarray) -> None:
    region = tracker.run("detect", image=astronaut)[3][0]
    landmarks, presence, following = tracker.run("track", image=astronaut, region=region)
    assert presence > 0.9
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    corners = landmarks[263] - landmarks[33]
    exact = [*(low + high) / 2, 1.5 * (high - low).max(), math.atan2(corners[1], corners[0])]
    _check_regions(following[None], np.array([exact]))


def test_track_turns_with_the_picture(tracker: Tracker, astronaut: np.ndarray) -> None:
    """A picture turned by a right angle, with the region turned along, gives the same landmarks, turned."""
    region = tracker.run("detect", image=astronaut)[3][0]
    upright = tracker.run("track", image=astronaut, region=region)[0]
    height = astronaut.shape[0]
    turned = np.ascontiguousarray(np.asarray(Image.fromarray(astronaut).transpose(Image.Transpose.ROTATE_270)))
    centre_x, centre_y, side, angle = region
    along = np.array([height - centre_y, centre_x, side, angle + math.pi / 2], np.float32)
    landmarks = tracker.run("track", image=turned, region=along)[0]
    expected = np.stack([height - upright[:, 1], upright[:, 0], upright[:, 2]], axis=1)
    # Sampling counts from pixel centres, so turning shifts it by a pixel: far below the size of an eye (about 12).
    assert np.abs(landmarks - expected).max() < 2


def test_track_without_a_face(tracker: Tracker) -> None:
    landmarks, presence, following = tracker.run("track", image=_SMALL, region=np.array([3, 2, 6, 0.3], np.float32))
    assert landmarks.shape == (478, 3)
    assert presence < 0.5
    assert np.isfinite(landmarks).all() and np.isfinite(following).all()


@pytest.mark.parametrize("region", [[256, 256, 512, 0], [100, 500, 700, 0.4], [-2000, 0, 50, 0]])
def test_matte_is_a_share(tracker: Tracker, astronaut: np.ndarray, region: list[float]) -> None:
    (matte,) = tracker.run("matte", image=astronaut, region=np.array(region, np.float32))
    assert matte.shape == (1, 1, 256, 256)
    assert matte.min() >= 0 and matte.max() <= 1


def test_matte_finds_the_person(tracker: Tracker, astronaut: np.ndarray) -> None:
    (matte,) = tracker.run("matte", image=astronaut, region=np.array([256, 256, 512, 0], np.float32))
    face, corner = matte[0, 0, 50:75, 100:120], matte[0, 0, 100:140, 0:20]
    assert face.mean() > 0.95
    assert corner.mean() < 0.3
