"""Every measure against a value known in advance or against another implementation."""

import math

import numpy as np
import pytest
import skimage.data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from vivant.models.landmarks import LEFT_EYE, LEFT_IRIS, LIPS_OUTER, RIGHT_EYE, RIGHT_IRIS
from vivant.training import metrics


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.astronaut()[:256, 96:352])


@pytest.fixture(scope="module")
def noisy(picture: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 12, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def drawn_landmarks(iris: float = 0.0, lid: float = 6.0) -> np.ndarray:
    """Landmarks of a drawing: eyes 40 px wide centred at (60, 100) and (196, 100), lips centred at (128, 200)."""
    points = np.zeros((478, 3))
    for ring, rim, centre, towards_inner in ((RIGHT_EYE, RIGHT_IRIS, 60, 1), (LEFT_EYE, LEFT_IRIS, 196, -1)):
        place = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        points[ring, 0] = centre - towards_inner * 20 * np.cos(place)
        points[ring, 1] = 100 - lid * np.sin(place)
        points[rim, 0] = centre + iris
        points[rim, 1] = 100
    place = np.linspace(0, 2 * np.pi, len(LIPS_OUTER), endpoint=False)
    points[LIPS_OUTER, 0] = 128 - 40 * np.cos(place)
    points[LIPS_OUTER, 1] = 200 - 15 * np.sin(place)
    return points


def test_equal_pictures_are_perfect(picture: np.ndarray) -> None:
    assert metrics.l1(picture, picture) == 0
    assert metrics.psnr(picture, picture) == metrics.MAX_PSNR
    assert metrics.ssim(picture, picture) == pytest.approx(1, abs=1e-6)
    assert metrics.ms_ssim(picture, picture) == pytest.approx(1, abs=1e-6)
    assert metrics.flip(picture, picture) == pytest.approx(0, abs=1e-6)


def test_a_constant_difference_has_known_l1_and_psnr() -> None:
    dark, light = np.full((32, 32, 3), 100, np.uint8), np.full((32, 32, 3), 151, np.uint8)
    assert metrics.l1(light, dark) == pytest.approx(0.2)
    assert metrics.psnr(light, dark) == pytest.approx(-20 * math.log10(0.2), abs=1e-4)


def test_l1_counts_only_the_mask() -> None:
    first, second = np.zeros((8, 8, 3)), np.zeros((8, 8, 3))
    second[:, :4] = 0.5
    left = np.zeros((8, 8), bool)
    left[:, :4] = True
    assert metrics.l1(first, second, left) == pytest.approx(0.5)
    assert metrics.l1(first, second, ~left) == 0
    assert math.isnan(metrics.l1(first, second, np.zeros((8, 8), bool)))


def test_psnr_and_ssim_agree_with_scikit_image(picture: np.ndarray, noisy: np.ndarray) -> None:
    assert metrics.psnr(noisy, picture) == pytest.approx(peak_signal_noise_ratio(picture, noisy), abs=1e-3)
    reference = structural_similarity(
        picture, noisy, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert metrics.ssim(noisy, picture) == pytest.approx(np.asarray(reference).item(), abs=1e-3)


def test_uint8_and_float_pictures_give_the_same(picture: np.ndarray, noisy: np.ndarray) -> None:
    for measure in (metrics.l1, metrics.psnr, metrics.ssim, metrics.ms_ssim, metrics.flip):
        assert measure(noisy / 255.0, picture) == pytest.approx(measure(noisy, picture), rel=1e-5)


def test_more_noise_is_worse_in_every_measure(picture: np.ndarray, noisy: np.ndarray) -> None:
    slight = ((picture.astype(int) * 2 + noisy) // 3).astype(np.uint8)
    for higher_is_better in (metrics.psnr, metrics.ssim, metrics.ms_ssim):
        assert higher_is_better(slight, picture) > higher_is_better(noisy, picture)
    for lower_is_better in (metrics.l1, metrics.flip):
        assert lower_is_better(slight, picture) < lower_is_better(noisy, picture)


def test_ms_ssim_of_a_small_picture_is_nan(picture: np.ndarray) -> None:
    assert math.isnan(metrics.ms_ssim(picture[:160], picture[:160]))


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.zeros((4, 4, 4)), np.zeros((4, 4, 3), np.int32)])
def test_not_a_picture_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="picture"):
        metrics.l1(bad, bad)


def test_pictures_of_two_sizes_are_refused(picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match="differ in size"):
        metrics.l1(picture, picture[:-1])


def test_polygon_mask_covers_the_pixels_inside() -> None:
    square = np.array([[2, 3], [8, 3], [8, 6], [2, 6]])
    expected = np.zeros((10, 10), bool)
    expected[3:6, 2:8] = True
    np.testing.assert_array_equal(metrics.polygon_mask(square, (10, 10)), expected)
    grown = expected.copy()  # by one pixel in four directions
    grown[2:7, 2:8] = grown[3:6, 1:9] = True
    np.testing.assert_array_equal(metrics.polygon_mask(square, (10, 10), 1), grown)


def test_a_polygon_outside_the_picture_covers_nothing() -> None:
    assert not metrics.polygon_mask(np.array([[-9, -9], [-5, -9], [-5, -5]]), (10, 10), 2).any()


def test_mouth_and_eye_masks_cover_their_parts_alone() -> None:
    points = drawn_landmarks()
    mouth, eyes = metrics.mouth_mask(points, (256, 256)), metrics.eye_mask(points, (256, 256))
    assert mouth[200, 128] and not mouth[100, 60] and not mouth[150].any()
    assert eyes[100, 60] and eyes[100, 196] and not eyes[100, 128] and not eyes[200].any()
    margin = metrics.MOUTH_MARGIN * metrics.face_unit(points)  # 176 px between the outer corners
    assert mouth[:, 128].sum() == pytest.approx(2 * (15 + margin), abs=2)


def test_laplacian_energy_of_a_checkerboard_and_of_a_ramp() -> None:
    y, x = np.mgrid[:16, :16]
    board = np.repeat(((x + y) % 2).astype(np.float64)[..., None], 3, 2)
    ramp = np.repeat((x / 16.0)[..., None], 3, 2)
    everywhere = np.ones((16, 16), bool)
    assert metrics.laplacian_energy(board, everywhere) == pytest.approx(16)  # |4·0 − 4·1|² at every pixel
    assert metrics.laplacian_energy(ramp, everywhere) == pytest.approx(0, abs=1e-8)


def test_half_the_contrast_is_a_quarter_of_the_sharpness(picture: np.ndarray) -> None:
    points = np.zeros((478, 3))
    place = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    points[metrics.FACE_OVAL, 0], points[metrics.FACE_OVAL, 1] = 128 + 60 * np.sin(place), 128 - 80 * np.cos(place)
    assert metrics.sharpness_ratio(picture, picture, points) == pytest.approx(1)
    assert metrics.sharpness_ratio(picture / 510.0, picture, points) == pytest.approx(0.25, rel=1e-4)


def test_landmark_distance_of_a_shift_is_its_length() -> None:
    points = drawn_landmarks()
    assert metrics.landmark_distance(points + np.array([3, 4, 100]), points) == pytest.approx(5)


def test_jitter_is_blind_to_steady_motion_and_sees_shaking() -> None:
    steady = np.arange(10)[:, None, None] * np.ones((1, 478, 3))
    assert metrics.second_difference_energy(steady) == pytest.approx(0)
    shaking = np.where(np.arange(10) % 2, 1.0, -1.0)[:, None, None] * np.array([1.0, 0.0, 0.0]) * np.ones((1, 478, 3))
    assert metrics.second_difference_energy(shaking) == pytest.approx(16)  # (1 + 2 + 1)²
    assert metrics.jitter_ratio(0.5 * shaking, shaking) == pytest.approx(0.25)
    assert math.isnan(metrics.jitter_ratio(steady[:2], steady[:2]))


def test_gaze_offset_is_in_eye_widths_towards_the_right() -> None:
    assert metrics.gaze_offset(drawn_landmarks(0.0)) == pytest.approx(0)
    assert metrics.gaze_offset(drawn_landmarks(4.0)) == pytest.approx(0.1)
    assert metrics.gaze_offset(drawn_landmarks(-4.0)) == pytest.approx(-0.1)
    series = np.stack([drawn_landmarks(shift) for shift in (-2.0, 0.0, 6.0)])
    assert metrics.gaze_offset(series) == pytest.approx([-0.05, 0, 0.15])


def test_gaze_offset_trusts_the_wider_eye() -> None:
    points = drawn_landmarks(4.0)
    far = [*LEFT_EYE, *LEFT_IRIS]
    points[far, 0] = 196 + 0.25 * (points[far, 0] - 196)  # a quarter as wide, and looking the other way
    points[LEFT_IRIS, 0] = 195
    assert metrics.gaze_offset(points) == pytest.approx((4 * 40 - 1 * 10) / (40**2 + 10**2))


def test_gaze_offset_does_not_change_with_the_picture_turned() -> None:
    points = drawn_landmarks(4.0)[:, :2]
    cos, sin = math.cos(0.4), math.sin(0.4)
    turned = points @ np.array([[cos, sin], [-sin, cos]])
    assert metrics.gaze_offset(turned) == pytest.approx(0.1)


def test_eye_openness_is_height_over_width() -> None:
    assert metrics.eye_openness(drawn_landmarks(lid=6.0)) == pytest.approx(0.3)
    assert metrics.eye_openness(drawn_landmarks(lid=0.0)) == pytest.approx(0)


def test_correlation_of_known_series() -> None:
    series = np.array([0.0, 1.0, 3.0, 2.0])
    assert metrics.correlation(series, 5 - 2 * series) == pytest.approx(-1)
    other = np.array([1.0, -1.0, 0.5, 4.0])
    assert metrics.correlation(series, other) == pytest.approx(float(np.corrcoef(series, other)[0, 1]))
    assert math.isnan(metrics.correlation(series, np.ones(4)))
    assert math.isnan(metrics.correlation(series[:2], series[:2]))
