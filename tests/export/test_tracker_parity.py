"""The tracker graphs against the numbers that MediaPipe itself gave for the same pictures and clips."""

from pathlib import Path

import numpy as np
import pytest
from vivant.export.mediapipe_reference import sample_variants
from vivant.export.tracker_parity import (
    Differences,
    Tracker,
    compare_clips,
    compare_mattes,
    compare_pictures,
)

_FIXTURE = Path(__file__).parent.parent / "fixtures" / "tracker_reference.npz"
# Pixels of a picture whose longer side is 512; the goal is a median of 0.5.
_MEDIAN, _P95 = 0.02, 0.25
_TRACKING_MEDIAN, _TRACKING_P95 = 0.1, 0.5


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
    for result in results.values():
        _check(result, _MEDIAN, _P95)


@pytest.mark.slow
def test_pictures(tracker: Tracker, numbers: dict[str, np.ndarray], data_folder: Path) -> None:
    results = compare_pictures(tracker, numbers, data_folder)
    assert len(results["landmarks"].distances) >= 200
    for result in results.values():
        _check(result, _MEDIAN, _P95)


@pytest.mark.slow
def test_clips(tracker: Tracker, numbers: dict[str, np.ndarray], data_folder: Path) -> None:
    result = compare_clips(tracker, numbers, data_folder)
    assert len(result.distances) == numbers["clip_lengths"].sum()
    _check(result, _TRACKING_MEDIAN, _TRACKING_P95)


def test_mattes(tracker: Tracker, numbers: dict[str, np.ndarray]) -> None:
    # Half a step of the fixture's float16 near 1.
    assert all(difference < 2.5e-4 for difference in compare_mattes(tracker, numbers).values())


def test_disagreement_is_noticed() -> None:
    result = Differences()
    result.add("lost", np.full((3, 2), np.nan), np.zeros((3, 2)), (512, 512))
    assert result.disagreements == ["lost"]
