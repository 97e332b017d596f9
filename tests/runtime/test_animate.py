"""The main job from photo to clip, with stand-in graphs and with the real ones; clips are decoded again."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from standin import picture_with_faces
from vivant.models.landmarks import LIPS_OUTER
from vivant.runtime.animate import Gains, Settings, animate
from vivant.runtime.driver import follow_face
from vivant.runtime.errors import BundleError, FaceError, OutputError
from vivant.runtime.faces import find_faces
from vivant.runtime.images import load_photo
from vivant.runtime.media import VideoReader
from vivant.runtime.motions import Motion, load_motion
from vivant.runtime.outputs import sha256_of
from vivant.runtime.session import Bundle
from vivant.runtime.tracks import MotionFrame
from vivant.runtime.watermark import Watermark


def shifting(frames: int, step: float, fps: float = 25) -> Motion:
    """A motion that moves the head to the right by `step` outer-eye-corner distances a frame."""

    def at(i: int) -> MotionFrame:
        shift = np.array([i * step, 0, 0], np.float32)
        still = np.zeros((478, 3), np.float32)
        return MotionFrame(np.eye(3, dtype=np.float32), shift, np.zeros((), np.float32), still)

    return Motion("shift", fps, frames, at)


@pytest.fixture
def rectangle(tmp_path: Path) -> Path:
    """A picture for the stand-in bundle: two faces, the left one smaller."""
    path = tmp_path / "group.png"
    Image.fromarray(picture_with_faces((180, 60, 80), (30, 80, 50))).save(path)
    return path


def pictures(folder: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in sorted(folder.iterdir())])


def test_one_frame_for_each_motion_frame_and_the_rest_of_the_photo_untouched(
    standin: Bundle, rectangle: Path, tmp_path: Path
) -> None:
    unlabelled = Settings(label=False)
    summary = animate(standin, rectangle, shifting(5, 0.3), tmp_path / "out", folder=True, settings=unlabelled)
    frames = pictures(tmp_path / "out")
    photo = load_photo(rectangle).pixels
    assert (summary.frames, summary.width, summary.height, summary.faces) == (5, 320, 240, 1)
    square = np.zeros((240, 320), bool)
    square[20:180, 140:300] = True  # twice the height of the face at (180, 60), around its centre
    assert (frames[:, ~square] == photo[~square]).all()
    # The stand-in paints the square grey by how far the landmarks moved: 30 pixels a frame, averaged over x, y and z.
    assert [int(frame[100, 200, 0]) for frame in frames] == [0, 10, 20, 30, 40]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_frames_that_are_drawn_at_once_keep_their_order(
    standin_folder: Path, rectangle: Path, tmp_path: Path, threads: int
) -> None:
    bundle = Bundle(standin_folder, threads)
    summary = animate(bundle, rectangle, shifting(23, 0.05), tmp_path / "out", folder=True)
    grey = [int(frame[100, 200, 0]) for frame in pictures(tmp_path / "out")]
    assert summary.frames == 23 and grey == sorted(grey) and grey[-1] - grey[0] > 30
    assert all(summary.milliseconds[stage] > 0 for stage in ("retarget", "render", "paste"))


def test_a_frame_that_cannot_be_drawn_ends_the_job(standin: Bundle, rectangle: Path, tmp_path: Path) -> None:
    """Whichever thread draws it: the error comes out, and no clip."""
    still = shifting(40, 0.0)
    broken = replace(still, at=lambda i: np.zeros((3, 3), np.float32) if i == 7 else still.at(i))
    with pytest.raises(BundleError, match="'render' failed"):
        animate(standin, rectangle, broken, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
    assert not any(thread.name.startswith("frames") for thread in threading.enumerate())


def test_a_progress_that_fails_leaves_no_thread_behind(standin: Bundle, rectangle: Path, tmp_path: Path) -> None:
    """As Ctrl-C does, between two frames."""

    def interrupted(stage: str, done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        animate(standin, rectangle, shifting(40, 0.0), tmp_path / "out.mp4", progress=interrupted)
    assert raised.tb is not None  # the traceback, which holds the frames' generator, is still there
    assert not any(thread.name.startswith("frames") for thread in threading.enumerate())
    assert not (tmp_path / "out.mp4").exists()


def test_threads_change_no_frame(bundle: Bundle, astronaut: Path, tmp_path: Path) -> None:
    """One after the other on one thread, and several at once."""
    motion = load_motion(bundle, "laugh")
    few = replace(motion, frames=6)
    unmarked = []
    for threads in (1, 4):
        folder = tmp_path / str(threads)
        animate(Bundle(bundle.folder, threads), astronaut, few, folder, folder=True, settings=Settings(size=256))
        unmarked.append(pictures(folder)[:, :, :, 0].astype(int))  # the watermark leaves red as it is
    assert np.abs(unmarked[0] - unmarked[1]).max() <= 1


def test_the_summary_tells_the_truth(standin: Bundle, rectangle: Path, tmp_path: Path) -> None:
    summary = animate(standin, rectangle, shifting(4, 0.1, fps=12.5), tmp_path / "clip.mp4", settings=Settings(loop=3))
    with VideoReader(tmp_path / "clip.mp4") as reader:
        assert len(list(reader)) == summary.frames == 12
        assert reader.fps == summary.fps == 12.5
    assert summary.sha256 == sha256_of(tmp_path / "clip.mp4")
    assert summary.notes == ["group.png shows 2 faces; number 2 from the left is animated."]
    assert summary.size == [160]
    assert {"load", "find", "encode", "render", "paste"} <= summary.milliseconds.keys()


def test_all_faces_are_animated_in_one_clip(standin: Bundle, rectangle: Path, tmp_path: Path) -> None:
    summary = animate(standin, rectangle, shifting(2, 0.6), tmp_path / "out", True, Settings(which="all"))
    last = pictures(tmp_path / "out")[-1]
    assert summary.faces == 2
    assert last[100, 200].tolist() == last[105, 55].tolist() == [20, 20, 20]


def test_gains_scale_the_motion(standin: Bundle, rectangle: Path, tmp_path: Path) -> None:
    animate(standin, rectangle, shifting(2, 0.6), tmp_path / "out", True, Settings(gains=Gains(pose=0.5)))
    assert pictures(tmp_path / "out")[-1][100, 200, 0] == 10


def test_a_square_that_reaches_beyond_the_photo(standin: Bundle, tmp_path: Path) -> None:
    Image.fromarray(picture_with_faces((5, 3, 100))).save(tmp_path / "corner.png")
    animate(standin, tmp_path / "corner.png", shifting(2, 0.6), tmp_path / "out", folder=True)
    frames = pictures(tmp_path / "out")
    assert frames.shape == (2, 240, 320, 3)
    assert (frames[1, :150, :150] == 20).all()
    assert (frames[1, 160:200, 160:] == (90, 120, 100)).all()


def test_size_is_the_detail_of_the_photo_unless_told(standin: Bundle, tmp_path: Path) -> None:
    Image.fromarray(picture_with_faces((100, 100, 700), size=(1000, 1000))).save(tmp_path / "large.png")
    Image.fromarray(picture_with_faces((100, 100, 90))).save(tmp_path / "small.png")

    def size(name: str, settings: Settings) -> list[int]:
        return animate(standin, tmp_path / name, shifting(1, 0), tmp_path / "out", True, settings).size

    assert size("large.png", Settings()) == [1024]
    assert size("small.png", Settings()) == [180]  # twice the height of the face
    assert size("small.png", Settings(size=512)) == [512]


def test_the_photo_is_never_overwritten(standin: Bundle, rectangle: Path) -> None:
    gif = rectangle.with_suffix(".gif")
    Image.open(rectangle).save(gif)
    with pytest.raises(OutputError, match="the photo itself"):
        animate(standin, gif, shifting(1, 0), gif)


def test_the_identity_motion_leaves_the_face_as_it_is(
    bundle: Bundle, astronaut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watermark, "mark", lambda _, frame: frame)  # it changes every pixel a little
    animate(bundle, astronaut, shifting(1, 0), tmp_path / "out", folder=True)
    photo = load_photo(astronaut).pixels.astype(int)
    error = np.abs(pictures(tmp_path / "out")[0] - photo)
    assert error.mean() < 2
    assert error[300:470].mean() == 0  # below the animated square nothing changes at all, down to the label


@pytest.mark.parametrize("name", ["talk"])
def test_a_real_photo_becomes_a_living_clip(bundle: Bundle, astronaut: Path, tmp_path: Path, name: str) -> None:
    """Decoded again: every frame of the preset, a face in each, and the landmarks move as they should."""
    motion = load_motion(bundle, name)
    summary = animate(bundle, astronaut, motion, tmp_path / "clip.mp4")
    performance = follow_face(bundle, tmp_path / "clip.mp4")
    assert len(performance.landmarks) == summary.frames == motion.frames
    assert performance.found.all()
    assert performance.shots == (0,)
    eyes = float(np.linalg.norm(performance.landmarks[0, 33] - performance.landmarks[0, 263]))
    moved = np.linalg.norm(np.ptp(performance.landmarks[..., :2], axis=0), axis=-1) / eyes
    assert moved[[13, 14, 17]].max() > 0.05  # the lips
    assert moved.max() < 2


def test_another_photo_lends_the_inside_of_the_mouth(
    bundle: Bundle, astronaut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed mouth opens: with a smiling photo there are other, brighter pixels between the lips, and hardly any
    elsewhere, since that photo looks unlike this one."""
    monkeypatch.setattr(Watermark, "mark", lambda _, frame: frame)  # it would differ everywhere
    hopper, laugh = astronaut.with_name("grace_hopper.jpg"), load_motion(bundle, "laugh")
    widest = Motion("laugh", laugh.fps, 1, lambda _: laugh.at(45))
    alone = animate(bundle, hopper, widest, tmp_path / "alone", folder=True)
    helped = animate(bundle, hopper, widest, tmp_path / "helped", folder=True, also=[astronaut])
    assert "refer" in helped.milliseconds and "refer" not in alone.milliseconds
    without, having = (pictures(tmp_path / name)[0].astype(int) for name in ("alone", "helped"))
    face = find_faces(bundle, without.astype(np.uint8))[0]
    outline = Image.new("L", without.shape[1::-1])
    ImageDraw.Draw(outline).polygon([tuple(point) for point in face.landmarks[LIPS_OUTER, :2].tolist()], fill=255)
    lips = np.asarray(outline) > 0
    change = np.abs(having - without).max(-1)
    assert change[lips].mean() > 5
    assert having[lips].max(-1).mean() > without[lips].max(-1).mean()
    assert change[~lips].mean() < 0.1 * change[lips].mean()
    # A photo that shows no more than the animated one, such as itself, changes next to nothing.
    animate(bundle, hopper, widest, tmp_path / "itself", folder=True, also=[hopper])
    assert np.abs(pictures(tmp_path / "itself")[0].astype(int) - without).mean() < 0.2


def test_other_photos_need_one_face_to_go_with(
    standin: Bundle, rectangle: Path, astronaut: Path, tmp_path: Path
) -> None:
    with pytest.raises(FaceError, match="go with one face"):
        animate(standin, rectangle, shifting(1, 0), tmp_path / "out", True, Settings(which="all"), also=[astronaut])
    Image.new("RGB", (200, 200), "white").save(tmp_path / "empty.png")
    with pytest.raises(FaceError, match=r"empty\.png"):
        animate(standin, rectangle, shifting(1, 0), tmp_path / "out", True, also=[tmp_path / "empty.png"])
    assert not (tmp_path / "out").exists()


def test_a_clip_driven_by_itself_reproduces_itself(bundle: Bundle, astronaut: Path, tmp_path: Path) -> None:
    """Absolute transfer onto the clip's own first frame."""
    talk = load_motion(bundle, "talk")
    animate(bundle, astronaut, Motion("talk", talk.fps, 25, talk.at), tmp_path / "driver.mp4")
    with VideoReader(tmp_path / "driver.mp4") as reader:
        frames = list(reader)
    Image.fromarray(frames[0]).save(tmp_path / "first.png")
    motion = load_motion(bundle, str(tmp_path / "driver.mp4"), "absolute")
    animate(bundle, tmp_path / "first.png", motion, tmp_path / "again.mp4")
    wanted = follow_face(bundle, tmp_path / "driver.mp4").landmarks[..., :2]
    got = follow_face(bundle, tmp_path / "again.mp4").landmarks[..., :2]
    eyes = float(np.linalg.norm(wanted[0, 33] - wanted[0, 263]))
    assert np.linalg.norm(got - wanted, axis=-1).mean() < 0.04 * eyes
