"""The evaluation from clip to report, on clips made of a public-domain portrait."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
import skimage.data
from PIL import Image
from vivant.runtime.errors import OutputError, VideoError
from vivant.runtime.session import BUNDLED, Bundle
from vivant.training.camera import REACH, background_shift, camera_is_still
from vivant.training.evaluate import evaluate, heldout_videos
from vivant.training.evaluate_clips import Clip, ClipSkipped, Square, TrackedClip, find_clips, load_clip
from vivant.training.evaluate_cross import cross_pairs
from vivant.training.evaluate_measures import Observer, SourcePhoto, score_against_source
from vivant.training.evaluate_report import Aim, Measure, comparison, finite, table, verdict
from vivant.training.evaluate_self import Gaze, mean_scores

FRAMES = 9

needs_bundle = pytest.mark.skipif(
    not (BUNDLED / "manifest.json").is_file(), reason="the bundle is not there; `vivant export` makes it"
)


def write_video(path: Path, frames: Sequence[np.ndarray]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "12"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return skimage.data.astronaut()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, portrait: np.ndarray) -> dict[str, Path]:
    """Before a brick wall: a clip in which nothing moves, and one whose camera pans by 3 pixels a frame."""
    folder = tmp_path_factory.mktemp("clips")
    portrait = portrait.copy()
    wall = np.repeat(skimage.data.brick()[:120, :, None], 3, 2)
    portrait[:120, :155], portrait[:120, 310:] = wall[:, :155], wall[:, 310:]
    return {
        "rest": write_video(folder / "rest.mp4", [portrait[:384, 64:448]] * FRAMES),
        "pan": write_video(folder / "pan.mp4", [portrait[:384, 40 + 3 * i : 424 + 3 * i] for i in range(FRAMES)]),
    }


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle(BUNDLED, threads=1)


class Recorded:
    """A method that knows the answers: it returns the true frame whose landmarks are asked for."""

    name = "recorded"

    def __init__(self, clip: TrackedClip) -> None:
        self._clip = clip

    def prepare(self, picture: np.ndarray, landmarks: np.ndarray, region: np.ndarray) -> None:
        assert picture.shape == (256, 256, 3) and picture.dtype == np.uint8
        assert region.tolist() == [128, 128, 256, 0]
        np.testing.assert_array_equal(landmarks, self._clip.landmarks[0])

    def frame(self, target: np.ndarray) -> np.ndarray:
        nearest = np.abs(self._clip.landmarks - target).mean((1, 2)).argmin()
        return self._clip.frames[nearest]


@needs_bundle
def test_true_frames_are_perfect_and_standing_still_is_not(
    clips: dict[str, Path], bundle: Bundle, tmp_path: Path
) -> None:
    clip = load_clip(Clip(clips["pan"], "a"), bundle, 256)
    evaluation = evaluate(BUNDLED, [clips["pan"]], tmp_path / "out", ["still", Recorded(clip)])
    (result,) = evaluation.clips
    perfect, still = result.scores["recorded"], result.scores["still"]
    assert result.targets == FRAMES - 1 and result.true_faces == 1
    assert perfect["l1"] == 0 and perfect["mouth_l1"] == 0 and perfect["eye_l1"] == 0
    assert perfect["landmarks"] == pytest.approx(0, abs=1e-4)
    for name in ("ssim", "ms_ssim", "identity", "identity_cosine", "sharpness", "face", "jitter"):
        assert perfect[name] == pytest.approx(1, abs=1e-4), name
    assert still["l1"] > 0.03 and still["mouth_l1"] > 0.03 and still["landmarks"] > 3
    assert still["ssim"] < 0.8 and still["psnr"] < 25 and still["identity"] < 1
    assert not result.still_camera and evaluation.cross == []


@needs_bundle
def test_report_of_all_methods(clips: dict[str, Path], tmp_path: Path) -> None:
    generated = clips["rest"].with_name("v_express__x.mp4")
    generated.write_bytes(clips["rest"].read_bytes())
    evaluation = evaluate(BUNDLED, [clips["rest"], generated, clips["pan"]], tmp_path / "out", precision="int8")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "report.json", "report.md", "sheet_cross.png", "sheet_self.png",
    ]  # fmt: skip
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["methods"] == ["still", "geometry", "ours"]
    assert report["precision"] == "int8" and ", int8;" in (tmp_path / "out" / "report.md").read_text()
    assert list(report["skipped"]) == ["v_express__x.mp4"]
    assert report["still_camera"]["still"]["l1"] < 0.01  # nothing moves in that clip
    assert report["still_camera"]["geometry"]["landmarks"] < 1.5
    assert report["moving_camera"]["geometry"]["landmarks"] < report["moving_camera"]["still"]["landmarks"]
    assert [pair["source"] for pair in report["pairs"]] == ["rest.mp4", "pan.mp4"]
    assert set(report["cross"]) == {"geometry", "ours"}
    text = (tmp_path / "out" / "report.md").read_text()
    assert "## Self-reenactment, still camera (clips 1, people 1, targets 8)" in text
    assert "| ours against geometry | aim | reached |" in text
    with Image.open(tmp_path / "out" / "sheet_self.png") as sheet:
        assert sheet.size == (7 * 192, 18 + 2 * (192 + 18))
    assert evaluation.seconds > 0


@needs_bundle
def test_landmarks_of_the_square_are_those_of_the_frame(clips: dict[str, Path], bundle: Bundle) -> None:
    clip = load_clip(Clip(clips["rest"], "a"), bundle, 256)
    seen, face = Observer(bundle).look(clip.frames[0], clip.regions[0])
    assert face
    assert np.linalg.norm(seen[:, :2] - clip.landmarks[0, :, :2], axis=1).mean() < 1


@needs_bundle
def test_a_source_photo_itself_keeps_identity_and_sharpness(clips: dict[str, Path], bundle: Bundle) -> None:
    clip, observer = load_clip(Clip(clips["rest"], "a"), bundle, 256), Observer(bundle)
    photo = SourcePhoto.of_clip(clip, observer)
    scores = score_against_source(photo.picture, photo.landmarks, photo, observer)
    assert scores["face"] == 1 and scores["identity"] > 0.9 and scores["landmarks"] < 1
    assert scores["sharpness"] == pytest.approx(1)
    nothing = score_against_source(np.full_like(photo.picture, 128), photo.landmarks, photo, observer)
    assert nothing["face"] == 0 and math.isnan(nothing["landmarks"]) and nothing["sharpness"] == 0


@needs_bundle
@pytest.mark.parametrize("kind", ["generated", "no face", "too short", "damaged"])
def test_clips_that_prove_nothing_are_skipped(
    kind: str, clips: dict[str, Path], portrait: np.ndarray, bundle: Bundle, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    if kind == "generated":
        path = tmp_path / "echomimic__a.mp4"
        path.write_bytes(clips["rest"].read_bytes())
    elif kind == "no face":
        write_video(path, [np.full((128, 128, 3), 90, np.uint8)] * 5)
    elif kind == "too short":
        write_video(path, [portrait[:384, 64:448]] * 3)
    else:
        path.write_bytes(b"not a video")
    reason = {
        "generated": "generated",
        "no face": "shows no face",
        "too short": "Only 2 frames",
        "damaged": "not a video that can be read",
    }
    with pytest.raises(ClipSkipped, match=reason[kind]):
        load_clip(Clip(path, "a"), bundle, 256)


@needs_bundle
def test_nothing_to_evaluate_is_an_error_and_leaves_no_report(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"not a video")
    with pytest.raises(VideoError, match="None of the clips can be evaluated"):
        evaluate(BUNDLED, [tmp_path / "clip.mp4"], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@needs_bundle
def test_a_bad_method_or_output_is_refused_before_any_work(clips: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no method 'magic'"):
        evaluate(BUNDLED, [clips["rest"]], tmp_path / "out", ["magic"])
    with pytest.raises(ValueError, match="share a name"):
        evaluate(BUNDLED, [clips["rest"]], tmp_path / "out", ["still", "still"])
    with pytest.raises(OutputError, match="does not exist"):
        evaluate(BUNDLED, [clips["rest"]], tmp_path / "absent" / "out")


def test_heldout_videos_are_those_of_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index.csv"
    index.write_text("file,person,split\na.mp4,p1,train\nb.mp4,p2,heldout\nc.mp4,p3,heldout\n")
    expected = [tmp_path / "videos" / "b.mp4", tmp_path / "videos" / "c.mp4"]
    assert heldout_videos(tmp_path) == expected
    monkeypatch.setenv("VIVANT_DATA", str(tmp_path))
    assert heldout_videos() == expected
    assert [clip.person for clip in find_clips([*expected, tmp_path / "other.mp4"])] == ["p2", "p3", "other"]
    index.write_text("file,person,split\na.mp4,p1,train\n")
    with pytest.raises(VideoError, match="'heldout'"):
        heldout_videos(tmp_path)
    monkeypatch.delenv("VIVANT_DATA")
    with pytest.raises(VideoError, match="no clips to evaluate"):
        heldout_videos(tmp_path / "absent")


def tracked(frames: int = 30, lost: Sequence[int] = (), person: str = "a") -> TrackedClip:
    """A clip in which every landmark moves by one pixel a frame."""
    landmarks = np.zeros((frames, 478, 3), np.float32) + np.arange(frames, dtype=np.float32)[:, None, None]
    found = np.array([frame not in lost for frame in range(frames)])
    return TrackedClip(
        name=person,
        person=person,
        fps=25,
        frames=np.zeros((frames, 4, 4, 3), np.uint8),
        landmarks=landmarks,
        regions=np.zeros((frames, 4), np.float32),
        found=found,
        inside=(0, 4, 0, 4),
    )


def test_targets_are_spread_or_stepped_and_show_a_face() -> None:
    assert tracked().targets(10, 0) == [10, 20]
    assert tracked(lost=[20]).targets(10, 0) == [10]
    spread = tracked(25).targets(None, 12)
    assert spread == list(range(2, 25, 2))
    assert tracked(4).targets(None, 12) == [1, 2, 3]


def test_a_run_is_consecutive_and_stops_where_the_face_is_lost() -> None:
    assert tracked().run_around(15, 5) == [13, 14, 15, 16, 17]
    assert tracked().run_around(29, 4) == [26, 27, 28, 29]
    assert tracked().run_around(1, 4) == [1, 2, 3, 4]
    assert tracked(lost=[14, 17]).run_around(15, 9) == [15, 16]


def test_the_farthest_target_is_the_one_that_moved_most() -> None:
    assert tracked().farthest([3, 21, 10]) == 21


def test_pairs_join_different_people() -> None:
    clips = [tracked(person=person) for person in "aab"]
    assert [(source.person, driver.person) for source, driver in cross_pairs(clips)] == [
        ("a", "b"),
        ("a", "b"),
        ("b", "a"),
    ]
    assert cross_pairs(clips[:2]) == []


def test_a_square_beyond_the_frame_repeats_its_edge(portrait: np.ndarray) -> None:
    square = Square.of_region(np.array([20, 500, 100, 0], np.float32), 50)  # left, top = −30, 450
    crop = square.crop(portrait)
    expected = np.pad(portrait, ((0, 38), (30, 0), (0, 0)), mode="edge")[450:550, :100]
    np.testing.assert_array_equal(
        crop, np.asarray(Image.fromarray(expected).resize((50, 50), Image.Resampling.BICUBIC))
    )
    assert square.inside(portrait.shape) == (0, 31, 15, 50)
    np.testing.assert_allclose(
        square.points(np.array([[-30, 450, 0], [20, 500, 8]], np.float32)), [[0, 0, 0], [25, 25, 4]]
    )
    np.testing.assert_allclose(square.region(np.array([20, 500, 60, 0.5], np.float32)), [25, 25, 30, 0.5])


@pytest.mark.parametrize("shift", [(0, 0), (2, -3), (0, 7)])
def test_background_shift_is_found(shift: tuple[int, int], portrait: np.ndarray) -> None:
    texture = (portrait[:160, :160] @ np.full(3, 1 / 765)).astype(np.float32)
    first, second = texture[16:144, 16:144], texture[16 - shift[0] : 144 - shift[0], 16 - shift[1] : 144 - shift[1]]
    block = np.zeros((128, 128), bool)
    block[:, 20:60] = True
    found = background_shift(first, block, second, np.ones_like(block))
    assert found == pytest.approx(math.hypot(*shift))


def test_background_shift_tells_nothing_without_pixels_and_ignores_flicker(portrait: np.ndarray) -> None:
    texture = (portrait[:128, :128] @ np.full(3, 1 / 765)).astype(np.float32)
    everywhere, nowhere = np.ones((128, 128), bool), np.zeros((128, 128), bool)
    assert math.isnan(background_shift(texture, nowhere, texture, everywhere))
    assert math.isnan(background_shift(texture, everywhere, texture, nowhere))
    inner = nowhere.copy()
    inner[REACH:-REACH, REACH:-REACH] = True
    assert background_shift(texture, inner, texture * 1.1, everywhere) == 0


def test_a_background_without_texture_counts_as_still() -> None:
    assert camera_is_still(0.2) and camera_is_still(float("nan")) and not camera_is_still(1.5)


def test_scores_are_averaged_without_what_was_not_measured() -> None:
    nan = float("nan")
    frames = [
        {"l1": 0.1, "flip": nan, "sharpness": 1.0, "face": nan},
        {"l1": 0.3, "flip": 0.5, "sharpness": 1.2, "face": nan},
        {"l1": 0.2, "flip": nan, "sharpness": 9.0, "face": nan},
    ]
    summary = mean_scores(frames)
    assert summary["l1"] == pytest.approx(0.2) and summary["flip"] == 0.5 and summary["sharpness"] == 1.2
    assert math.isnan(summary["face"])
    assert finite(summary)["face"] is None


def test_a_gaze_that_rests_cannot_be_followed() -> None:
    moving, resting = np.linspace(-0.1, 0.1, 9), np.linspace(0, 0.01, 9)
    assert Gaze(2 * moving + 0.3, moving).correlation == pytest.approx(1)
    assert Gaze(-moving, moving).correlation == pytest.approx(-1)
    assert math.isnan(Gaze(moving, resting).correlation)


def test_tables_and_verdicts() -> None:
    assert table(["a", "b"], [["1", "x|y"]]) == "| a | b |\n| --- | --- |\n| 1 | x\\|y |"
    lower = Aim("30 % lower", lambda value, base: value <= 0.7 * base)
    assert verdict(lower, 0.6, 1.0) == "yes" and verdict(lower, 0.8, 1.0) == "no"
    assert verdict(lower, float("nan"), 1.0) == "not measured"
    error, quality = Measure("l1", "L1 ↓", 4, "", lower), Measure("psnr", "PSNR ↑", 2, "")
    assert comparison(error, 0.6, 0.8) == "-25 %" and comparison(quality, 24.5, 26.0) == "-1.50"
    assert comparison(error, float("nan"), 1.0) == "–"
