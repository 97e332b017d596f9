"""Everything that can be wrong with what a user gives: one clear sentence, a telling exit code, nothing half-written.

Pictures and videos are made on the fly. What needs a face of a certain presence, size or pose uses the stand-in graphs,
where a rectangle is a face (see standin.py); the rest uses the shipped bundle.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from clipmaking import write_sound, write_video, write_video_without_frames
from conftest import Command
from PIL import Image
from standin import picture_with_faces
from vivant.runtime.images import load_photo
from vivant.runtime.media import VideoReader


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in a folder of its own, which must not fill up with anything."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def still(standin_folder: Path, tmp_path: Path) -> list[object]:
    """Options: the stand-in graphs and a driving video for them."""
    video = write_video(tmp_path / "driver.mkv", [picture_with_faces((60, 60, 80))] * 4)
    return ["--bundle", standin_folder, "--motion", video]


def refusal(vivant: Command, *args: object) -> str:
    """The sentence that a command refuses with; it must leave no file behind and show no traceback."""
    before = sorted(Path().rglob("*"))
    ran = vivant(*args)
    assert ran.code == 1
    assert ran.out == ""
    lines = [line for line in ran.err.splitlines() if not line.startswith("note: ")]
    assert len(lines) == 1, ran.err
    assert lines[0].startswith("error: ") and lines[0].endswith(".")
    assert sorted(Path().rglob("*")) == before
    return lines[0].removeprefix("error: ")


# Photos


def damaged_jpeg(path: Path, astronaut: Path) -> None:
    path.write_bytes(astronaut.read_bytes()[:20_000])


PHOTOS: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "missing.jpg": (lambda path, _: None, "does not exist"),
    "folder.jpg": (lambda path, _: path.mkdir(), "is a folder"),
    "empty.jpg": (lambda path, _: path.touch(), "is empty"),
    "text.jpg": (lambda path, _: path.write_text("hello"), "not a picture"),
    "corrupt.jpg": (damaged_jpeg, "is damaged"),
    "huge.png": (lambda path, _: Image.new("1", (10_000, 10_000)).save(path), "10000×10000 pixels"),
    "bomb.png": (lambda path, _: Image.new("1", (40_000, 10_000)).save(path), "too large"),
    "tiny.png": (lambda path, _: Image.new("RGB", (1, 1)).save(path), "only 1×1 pixels"),
    "grey.png": (lambda path, _: Image.new("RGB", (400, 300), "grey").save(path), "No face was found in grey.png"),
    "thin.png": (lambda path, _: Image.new("RGB", (2000, 3)).save(path), "No face was found"),
}


@pytest.mark.parametrize("name", PHOTOS)
def test_photos_that_cannot_be_animated(vivant: Command, still: list[object], astronaut: Path, name: str) -> None:
    make, message = PHOTOS[name]
    make(Path(name), astronaut)
    # The real graphs look at the photo; the motion comes from a track, so that no real face is needed for it.
    bundle, motion = still[:2], still[2:]
    track = Path("../motion.safetensors").resolve()
    assert vivant("motion", "extract", motion[1], "-o", track, *bundle).code == 0
    assert message in refusal(vivant, "animate", name, "--motion", track)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (picture_with_faces(), "No face was found"),
        (picture_with_faces((80, 60, 100), presence=0.3), "scores 0.30, at least 0.50 is needed"),
        (picture_with_faces((80, 60, 39)), "only 39 pixels large; at least 40 are needed"),
        (picture_with_faces((80, 60, 100), yaw=72), "turned 72° to a side; up to 60° can be animated"),
    ],
    ids=["no face", "faint face", "small face", "profile"],
)
def test_faces_that_must_not_be_animated(
    vivant: Command, still: list[object], picture: np.ndarray, message: str
) -> None:
    Image.fromarray(picture).save("photo.png")
    assert message in refusal(vivant, "animate", "photo.png", *still)


def as_sixteen_bit(photo: Image.Image, path: Path) -> None:
    Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257).save(path)


def with_alpha(photo: Image.Image, path: Path) -> None:
    photo = photo.copy()
    photo.putalpha(Image.new("L", photo.size, 230))
    photo.save(path)


def turned_by_exif(photo: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    photo.transpose(Image.Transpose.ROTATE_270).save(path, exif=exif, quality=95)


UNUSUAL: dict[str, Callable[[Image.Image, Path], object]] = {
    "cmyk.jpg": lambda photo, path: photo.convert("CMYK").save(path, quality=95),
    "sixteen.png": as_sixteen_bit,
    "palette.png": lambda photo, path: photo.convert("P", palette=Image.Palette.ADAPTIVE).save(path),
    "grey.png": lambda photo, path: photo.convert("L").save(path),
    "alpha.png": with_alpha,
    "turned.jpg": turned_by_exif,
    "animated.gif": lambda photo, path: photo.save(path, save_all=True, append_images=[Image.new("RGB", photo.size)]),
    "large.jpg": lambda photo, path: photo.resize((10_000, 10_000)).save(path),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_pictures_are_animated_upright(
    vivant: Command, bundle: object, astronaut: Path, still: list[object], name: str
) -> None:
    """The real graphs find the face of the sample, however it is stored: 100 megapixels, CMYK, 16-bit, turned …"""
    with Image.open(astronaut) as photo:
        UNUSUAL[name](photo, Path(name))
    track = Path("../motion.safetensors").resolve()
    assert vivant("motion", "extract", still[3], "-o", track, *still[:2]).code == 0
    ran = vivant("animate", name, "--motion", track, "-o", "frames/", "--size", 256)
    assert ran.code == 0, ran.err
    assert ("holds 2 pictures; the first is used" in ran.err) == (name == "animated.gif")
    assert ("reduced to 2048×2048" in ran.err) == (name == "large.jpg")
    frame = load_photo(Path("frames/00000.png")).pixels
    expected = np.asarray(Image.open(astronaut).convert("L").resize(frame.shape[1::-1]), int)
    grey = np.asarray(Image.fromarray(frame).convert("L"), int)
    half = len(grey) // 2
    limit = 12 if name != "alpha.png" else 40  # white shines through
    assert np.abs(grey - expected)[half:].mean() < limit


# Driving videos


def test_videos_that_cannot_drive(vivant: Command, standin_folder: Path) -> None:
    Image.fromarray(picture_with_faces((60, 60, 80))).save("photo.png")
    Path("empty.mp4").touch()
    Path("text.mp4").write_text("hello")
    write_sound(Path("sound.m4a"))
    write_video_without_frames(Path("frameless.avi"))
    write_video(Path("faceless.mkv"), [picture_with_faces()] * 5)
    expected = {
        "empty.mp4": "is empty",
        "text.mp4": "not a video",
        "sound.m4a": "holds no pictures",
        "frameless.avi": "frames that can be decoded",
        "faceless.mkv": "no face in any of its 5 frames",
        "missing.mp4": "neither a file nor one of the presets",
        "missing.safetensors": "no motion track",
        ".": "is a folder",
    }
    for name, message in expected.items():
        assert message in refusal(vivant, "animate", "photo.png", "--bundle", standin_folder, "--motion", name)


def test_a_video_without_a_face_at_the_start_and_with_a_cut_still_drives(vivant: Command, standin_folder: Path) -> None:
    Image.fromarray(picture_with_faces((60, 60, 80))).save("photo.png")
    other = np.full((240, 320, 3), 230, np.uint8)
    other[150:230, 20:100] = picture_with_faces((60, 60, 80))[60:140, 60:140]
    empty, face = picture_with_faces(), picture_with_faces((180, 20, 80))
    write_video(Path("driver.mkv"), [empty] * 2 + [face] * 3 + [other] * 3)
    ran = vivant("animate", "photo.png", "--bundle", standin_folder, "--motion", "driver.mkv", "-o", "out.mp4")
    assert ran.code == 0
    assert "no face in its first 2 frames; they are skipped" in ran.err
    assert "1 cut (at 0.2 s)" in ran.err
    with VideoReader(Path("out.mp4")) as reader:
        assert len(list(reader)) == 6


# Bundles and places


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "render.onnx").unlink(), "render.onnx is missing"),
        (lambda folder: (folder / "manifest.json").unlink(), "no manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "format"),
        (lambda folder: (folder / "render.onnx").write_bytes(b""), "damaged or replaced"),
        (lambda folder: shutil.rmtree(folder), "no manifest.json"),
    ],
)
def test_incomplete_bundles(
    vivant: Command, standin_folder: Path, own_folder: Path, damage: Callable[[Path], object], message: str
) -> None:
    folder = Path(shutil.copytree(standin_folder, own_folder.parent / "bundle"))
    damage(folder)
    Image.fromarray(picture_with_faces((60, 60, 80))).save("photo.png")
    assert message in refusal(vivant, "animate", "photo.png", "--motion", "x.mp4", "--bundle", folder)


@pytest.mark.parametrize("graph", ["detect", "track", "encode", "render", "paste"])
def test_tampered_bundles(vivant: Command, standin_folder: Path, still: list[object], graph: str) -> None:
    """A changed byte is found before the graph runs, whenever that is."""
    folder = Path(shutil.copytree(standin_folder, Path("../bundle")))
    content = bytearray((folder / f"{graph}.onnx").read_bytes())
    content[-3] ^= 255
    (folder / f"{graph}.onnx").write_bytes(content)
    Image.fromarray(picture_with_faces((60, 60, 80))).save("photo.png")
    message = refusal(vivant, "animate", "photo.png", "--bundle", folder, "--motion", still[3], "-o", "out.mp4")
    assert f"{graph}.onnx is not the one that the manifest names" in message


def test_places_that_cannot_be_written(vivant: Command, still: list[object]) -> None:
    Image.fromarray(picture_with_faces((60, 60, 80))).save("photo.png")
    Path("file").touch()
    Path("full").mkdir()
    Path("full/letter.txt").touch()
    expected = {
        "nowhere/out.mp4": "does not exist",
        "file/out.mp4": "is a file",
        "file/": "pictures need a folder",
        "full": "holds other files",
        "out.avi": "unknown ending",
        "/proc/out.mp4": "cannot be written",
    }
    for output, message in expected.items():
        assert message in refusal(vivant, "animate", "photo.png", *still, "-o", output)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(vivant: Command, still: list[object]) -> None:
    Image.fromarray(picture_with_faces((60, 60, 80))).save("photo.png")
    Path("closed").mkdir(mode=0o500)
    assert "no permission" in refusal(vivant, "animate", "photo.png", *still, "-o", "closed/out.mp4")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("output", ["out.mp4", "out.gif", "frames/"])
def test_an_interrupted_job_leaves_nothing(
    standin_folder: Path, still: list[object], own_folder: Path, number: signal.Signals, output: str
) -> None:
    Image.fromarray(picture_with_faces((60, 60, 80))).save("photo.png")
    options = ["animate", "photo.png", *map(str, still), "--loop", "1000", "-o", output]
    process = subprocess.Popen([sys.executable, "-m", "vivant", *options], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(own_folder.glob(".*partial*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    assert list(own_folder.glob(".*partial*"))  # it is at work
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert err == "error: Interrupted; the unfinished file was not kept.\n"
    assert os.listdir() == ["photo.png"]
