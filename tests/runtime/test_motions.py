"""Motions from presets, tracks and videos: neutrals, cuts, gaps, transfer."""

from pathlib import Path

import numpy as np
import pytest
from clipmaking import write_video
from standin import picture_with_faces
from vivant.runtime.driver import FaceFollower, follow_face, smoothed
from vivant.runtime.errors import MotionError, VideoError
from vivant.runtime.motions import extract_track, load_motion, neutral_of_frames
from vivant.runtime.session import Bundle
from vivant.runtime.tracks import MotionFrame, MotionTrack, TrackInfo

SIDE = 80
EMPTY = picture_with_faces()


def at(x: int) -> np.ndarray:
    return picture_with_faces((x, 60, SIDE))


def track_file(path: Path) -> Path:
    """A track of ten frames that shifts the head to the right."""
    shift = np.zeros((10, 3), np.float32)
    shift[:, 0] = np.arange(10) / 10
    MotionTrack(
        rotation=np.tile(np.eye(3, dtype=np.float32), (10, 1, 1)),
        translation=shift,
        scale=np.zeros(10, np.float32),
        expression=np.zeros((10, 1), np.float32),
        basis=np.zeros((1, 478, 3), np.float32),
        fps=20.0,
        loop=False,
        info=TrackInfo("shift", "Shift", "To the right.", "Apache-2.0", "a test"),
    ).save(path)
    return path


def centres(landmarks: np.ndarray) -> list[float]:
    return [float(round((points[:, 0].min() + points[:, 0].max()) / 2, 3)) for points in landmarks]


def shifts(bundle: Bundle, video: Path) -> list[float]:
    motion = load_motion(bundle, str(video), smooth=False)
    frames = [motion.at(i) for i in range(motion.frames)]
    return [round(float(frame.translation[0]) * 100) for frame in frames if isinstance(frame, MotionFrame)]


def test_a_face_is_followed_through_a_video(standin: Bundle, tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.mkv", [at(100)] * 8, fps=30)
    performance = follow_face(standin, video)
    assert performance.found.tolist() == [True] * 8
    assert (performance.fps, performance.width, performance.height, performance.shots) == (30, 320, 240, (0,))
    assert centres(performance.landmarks)[0] == 140


def test_large_frames_are_tracked_small_but_measured_in_their_own_pixels(standin: Bundle, tmp_path: Path) -> None:
    large = picture_with_faces((600, 400, 400), size=(2560, 1440))
    performance = follow_face(standin, write_video(tmp_path / "clip.mkv", [large]))
    assert (performance.width, performance.height) == (2560, 1440)
    box = [*performance.landmarks[0, :, :2].min(axis=0), *performance.landmarks[0, :, :2].max(axis=0)]
    assert box == pytest.approx([600, 400, 1000, 800], abs=4)


def test_a_lost_face_is_found_again_where_it_is(standin: Bundle) -> None:
    follower = FaceFollower(standin)
    found = [follower(picture)[0] for picture in (at(100), EMPTY, at(120))]
    assert found[1] is None
    assert found[0] is not None and found[2] is not None
    assert centres(np.stack([found[0].landmarks, found[2].landmarks])) == [140, 160]


def test_the_start_without_a_face_is_skipped_and_said(standin: Bundle, tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.mkv", [EMPTY] * 3 + [at(100)] * 4)
    motion = load_motion(standin, str(video))
    assert motion.frames == 4
    assert motion.notes == ["clip.mkv shows no face in its first 3 frames; they are skipped."]


def test_a_gap_holds_the_last_motion_and_is_said(standin: Bundle, tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.mkv", [at(100)] * 2 + [EMPTY] * 3 + [at(130)] * 2)
    assert shifts(standin, video) == [0, 0, 0, 0, 0, 30, 30]
    assert load_motion(standin, str(video)).notes == [
        "clip.mkv shows no face in 3 frames on the way; the last motion is held there."
    ]


def test_after_a_cut_the_motion_starts_from_rest(standin: Bundle, tmp_path: Path) -> None:
    other = np.full_like(EMPTY, 220)  # another place: everything changes at once
    other[100:180, 20:100] = at(100)[60:140, 100:180]
    video = write_video(tmp_path / "clip.mkv", [at(200)] * 5 + [other] * 5, fps=10)
    performance = follow_face(standin, video)
    assert performance.shots == (0, 5)
    assert shifts(standin, video) == [0] * 10
    assert load_motion(standin, str(video)).notes == ["clip.mkv has 1 cut (at 0.5 s); every shot starts from rest."]


def test_a_flash_is_no_cut(standin: Bundle, tmp_path: Path) -> None:
    bright = np.full_like(EMPTY, 255)
    bright[60:140, 100:180] = at(100)[60:140, 100:180]
    video = write_video(tmp_path / "clip.mkv", [at(100)] * 3 + [bright] + [at(100)] * 3)
    assert follow_face(standin, video).shots == (0,)


def test_a_video_without_any_face_is_refused(standin: Bundle, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no face in any of its 3 frames"):
        load_motion(standin, str(write_video(tmp_path / "clip.mkv", [EMPTY] * 3)))


def test_absolute_transfer_gives_places_in_the_frame(standin: Bundle, tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.mkv", [at(100)] * 2)
    motion = load_motion(standin, str(video), "absolute")
    shares = motion.at(1)
    assert isinstance(shares, np.ndarray)
    assert [*shares[:, :2].min(axis=0), *shares[:, :2].max(axis=0)] == pytest.approx(
        [100 / 320, 60 / 240, 180 / 320, 140 / 240]
    )


def test_a_track_plays_as_it_is(standin: Bundle, tmp_path: Path) -> None:
    motion = load_motion(standin, str(track_file(tmp_path / "shift.safetensors")))
    assert (motion.name, motion.fps, motion.frames) == ("shift", 20, 10)
    frame = motion.at(5)
    assert isinstance(frame, MotionFrame)
    assert frame.translation.tolist() == [0.5, 0, 0]


def test_refusals(standin: Bundle, tmp_path: Path) -> None:
    track = track_file(tmp_path / "shift.safetensors")
    with pytest.raises(MotionError, match="needs a video"):
        load_motion(standin, str(track), "absolute")
    with pytest.raises(MotionError, match="neither a file nor one of the presets"):
        load_motion(standin, "dance")
    with pytest.raises(MotionError, match="no motion track"):
        load_motion(standin, str(tmp_path / "missing.safetensors"))
    (tmp_path / "text.safetensors").write_text("nothing")
    with pytest.raises(MotionError, match="damaged"):
        load_motion(standin, str(tmp_path / "text.safetensors"))


def test_the_calmest_frame_of_each_shot_is_its_neutral(standin: Bundle, tmp_path: Path) -> None:
    performance = follow_face(standin, write_video(tmp_path / "clip.mkv", [at(100)] * 6))
    landmarks = performance.landmarks.copy()
    landmarks[:, 14, 1] = landmarks[:, 13, 1] + [30, 20, 1, 10, 20, 30]
    landmarks[:, [13, 14], 0] = landmarks[:, [13], 0]
    assert neutral_of_frames(performance, landmarks, "auto") == [2] * 6
    assert neutral_of_frames(performance, landmarks, "first") == [0] * 6


def test_smoothing_calms_jitter(standin: Bundle, tmp_path: Path) -> None:
    performance = follow_face(standin, write_video(tmp_path / "clip.mkv", [at(100)] * 30))
    noise = np.random.default_rng(0).normal(0, 0.3, performance.landmarks.shape).astype(np.float32)
    performance.landmarks[:] += noise
    before = np.abs(np.diff(performance.landmarks, axis=0)).mean()
    assert np.abs(np.diff(smoothed(performance), axis=0)).mean() < 0.8 * before


def test_an_extracted_track_is_the_videos_motion(bundle: Bundle, tmp_path: Path, astronaut: Path) -> None:
    """The sample, shifted from frame to frame: the track says by how much, and survives being saved."""
    from vivant.runtime.images import load_photo

    photo = load_photo(astronaut).pixels
    video = write_video(tmp_path / "clip.mkv", [np.roll(photo, 2 * i, axis=1) for i in range(10)])
    track, notes = extract_track(bundle, video, smooth=False)
    track.save(tmp_path / "clip.safetensors")
    track = MotionTrack.load(tmp_path / "clip.safetensors")
    assert notes == []
    assert (len(track), track.fps) == (10, 25)
    eyes = 61  # pixels between the outer eye corners
    assert track.translation[:, 0] * eyes == pytest.approx(2 * np.arange(10), abs=1)
    assert np.abs(track.expression @ track.basis.reshape(len(track.basis), -1)).max() < 0.06
