import numpy as np
import pytest
from vivant.runtime.smoothing import OneEuroConfig, OneEuroFilter

FPS = 25.0


def run(points: np.ndarray, config: OneEuroConfig | None = None, unit: float = 1.0) -> np.ndarray:
    smooth = OneEuroFilter(config)
    return np.stack([smooth(frame, i / FPS, unit) for i, frame in enumerate(points)])


def test_still_points_are_calmed() -> None:
    noise = np.random.default_rng(0).normal(0, 0.004, (200, 478, 3)).astype(np.float32)
    smooth = run(noise)
    assert np.diff(smooth[20:], axis=0).std() < 0.6 * np.diff(noise[20:], axis=0).std()
    assert abs(smooth[20:].mean()) < 1e-3


def test_fast_points_keep_up() -> None:
    t = np.arange(50) / FPS
    moving = np.stack([1.5 * np.sin(2 * np.pi * 1.0 * t), np.zeros(50), np.zeros(50)], 1)[:, None].astype(np.float32)
    slow = run(moving, OneEuroConfig(beta=0.0))
    assert np.abs(run(moving) - moving).max() < 0.15
    assert np.abs(slow - moving).max() > 0.5, "without beta the same filter lags: the test can tell"


def test_constant_points_stay_where_they_are() -> None:
    still = np.full((30, 5, 2), 7.25, np.float32)
    np.testing.assert_array_equal(run(still), still)


def test_a_larger_picture_is_smoothed_alike() -> None:
    walk = np.cumsum(np.random.default_rng(1).normal(0, 0.02, (60, 4, 3)), 0).astype(np.float32)
    np.testing.assert_allclose(run(walk * 300.0, unit=300.0), run(walk) * 300.0, rtol=1e-4, atol=1e-3)


def test_reset_forgets() -> None:
    smooth = OneEuroFilter()
    smooth(np.zeros((3, 2)), 0.0)
    smooth.reset()
    np.testing.assert_array_equal(smooth(np.ones((3, 2)), 0.04), np.ones((3, 2), np.float32))


def test_a_frame_from_the_past_changes_nothing() -> None:
    smooth = OneEuroFilter()
    smooth(np.zeros((3, 2)), 1.0)
    np.testing.assert_array_equal(smooth(np.ones((3, 2)), 1.0), np.zeros((3, 2)))
    np.testing.assert_array_equal(smooth(np.ones((3, 2)), 0.5), np.zeros((3, 2)))


def test_long_gaps_trust_the_new_frame() -> None:
    smooth = OneEuroFilter()
    smooth(np.zeros((3, 2)), 0.0)
    assert smooth(np.ones((3, 2)), 60.0).min() > 0.99


def test_wrong_use_is_refused() -> None:
    smooth = OneEuroFilter()
    smooth(np.zeros((3, 2)), 0.0)
    with pytest.raises(ValueError, match="shape"):
        smooth(np.zeros((4, 2)), 0.1)
    with pytest.raises(ValueError, match="unit"):
        smooth(np.zeros((3, 2)), 0.1, unit=0.0)
    with pytest.raises(ValueError, match="cutoffs"):
        OneEuroConfig(min_cutoff=0.0)
