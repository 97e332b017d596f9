"""The tracker graphs against the numbers that MediaPipe itself gave for the same pictures and clips."""

from pathlib import Path

import numpy as np
import pytest
from vivant.export.mediapipe_reference import sample_variants
from vivant.export.tracker_parity import (
    Differences,
    Tracker,
    compare_clips,
    compare_faces,
    compare_mattes,
    compare_pictures,
)

_FIXTURE = Path(__file__).parent.parent / "fixtures" / "tracker_reference.npz"
# Median and 95th percentile, pixels of a picture whose longer side is 512; the goal is a median of 0.5. All but
# `detect` have weights of 8 bits.
_LIMITS = {"landmarks": (0.1, 0.3), "depth": (0.1, 0.3), "detect": (0.02, 0.25), "detect_far": (0.3, 1.0)}
_TRACKING = (0.2, 0.5)
_MATTE = 1e-3  # mean difference of shares of person


@pytest.fixture(scope="module")
def numbers() -> dict[str, np.ndarray]:
    with np.load(_FIXTURE) as file:
        return dict(file)


def _check(result: Differences, median: float, p95: float) -> None:
    assert result.disagreements == []
    figures = result.figures()
    assert figures["median"] < median, figures
    assert figures["p95"] < p95, figures


def test_samples(tracker: Tracker, numbers: dict[str, np.ndarray]) -> None:
    results = compare_pictures(tracker, numbers, None)
    compared = len(sample_variants()) - 1  # one shows nobody
    assert len(results["landmarks"].distances) == compared
    for name, result in results.items():
        _check(result, *_LIMITS[name])


@pytest.mark.slow
def test_pictures(tracker: Tracker, numbers: dict[str, np.ndarray], data_folder: Path) -> None:
    results = compare_pictures(tracker, numbers, data_folder)
    assert len(results["landmarks"].distances) >= 200
    for name, result in results.items():
        _check(result, *_LIMITS[name])


@pytest.mark.slow
def test_clips(tracker: Tracker, numbers: dict[str, np.ndarray], data_folder: Path) -> None:
    result = compare_clips(tracker, numbers, data_folder)
    assert len(result.distances) == numbers["clip_lengths"].sum()
    _check(result, *_TRACKING)


def test_mattes(tracker: Tracker, numbers: dict[str, np.ndarray]) -> None:
    assert all(difference < _MATTE for difference in compare_mattes(tracker, numbers).values())


def test_the_order_of_faces_is_no_difference() -> None:
    faces = np.array([[0, 0, 10, 10, *range(12), 0.9], [50, 50, 90, 90, *range(12), 0.8]], np.float32)
    for theirs, disagreements in ((faces[::-1], []), (faces + 20, ["two"]), (faces[:1], ["two"])):
        result = Differences()
        compare_faces(result, "two", faces, theirs, (512, 512))
        assert result.disagreements == disagreements


def test_disagreement_is_noticed() -> None:
    result = Differences()
    result.add("lost", np.full((3, 2), np.nan), np.zeros((3, 2)), (512, 512))
    assert result.disagreements == ["lost"]
