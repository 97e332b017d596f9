"""Records what MediaPipe finds in pictures and clips: the numbers that the tracker graphs are tested against.

MediaPipe's wheel pins an old numpy and protobuf, so this file runs in an environment of its own and imports
MediaPipe only inside the functions that need it (vivant's tests import the list of pictures from here):

    python3.11 -m venv reference-venv
    reference-venv/bin/pip install mediapipe==0.10.21 av pillow
    reference-venv/bin/python export/mediapipe_reference.py record --out tests/fixtures/tracker_reference.npz
    reference-venv/bin/python export/mediapipe_reference.py time models/samples/astronaut.jpg

Pictures: variants of the two samples and, where the training data is at hand (``--data``), photos and clips of it,
picked at even steps through the sorted names. Only numbers are recorded.
"""

import argparse
import importlib
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SAMPLES = Path(__file__).parent.parent / "models" / "samples"
PHOTOS = {"officials_*.jpg": 100, "historical_*.jpg": 70}
"""How many photos of each kind are compared."""
STILLS = 45
"""How many clips give their middle frame as a picture."""
CLIPS, CLIP_FRAMES = 12, 30
"""How many clips are tracked, and for how many frames from their start."""
POINTS = np.unique(np.r_[np.arange(0, 468, 13), 33, 133, 159, 145, 362, 263, 386, 374, 61, 291, 13, 14, 17, 468:478])
"""The landmarks that the fixture keeps: a regular choice, the eyes' and lips' extremes, all iris points."""
_SAVED_STEP = 1 / 256  # px: keeps the fixture small, two orders below the differences that matter


def sample_variants() -> dict[str, np.ndarray]:
    """Hard cases made of the two samples, uint8 [H,W,3]: turned, cut at the border, small, many faces, none."""
    astronaut = Image.open(SAMPLES / "astronaut.jpg").convert("RGB")
    hopper = Image.open(SAMPLES / "grace_hopper.jpg").convert("RGB")
    heads = (astronaut.crop((120, 10, 340, 230)), hopper.crop((140, 10, 440, 310)))
    group = Image.new("RGB", (900, 560), (90, 110, 130))
    for index, head in enumerate((*heads, heads[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT))):
        group.paste(head.resize((280, 280), Image.Resampling.BICUBIC), (10 + 300 * index, 20 + 120 * index))
    pictures = {
        "astronaut": astronaut,
        "hopper": hopper,
        "astronaut turned left": astronaut.rotate(25, Image.Resampling.BICUBIC),
        "hopper turned right": hopper.rotate(-35, Image.Resampling.BICUBIC, expand=True),
        "astronaut cut": astronaut.crop((190, 40, 400, 300)),
        "hopper small": hopper.resize((101, 119), Image.Resampling.LANCZOS),
        "astronaut large": astronaut.resize((1300, 1300), Image.Resampling.BICUBIC),
        "group": group,
        "nobody": Image.new("RGB", (320, 200), (128, 128, 128)),
    }
    return {name: np.asarray(picture) for name, picture in pictures.items()}


def pictures(data: Path | None) -> Iterator[tuple[str, np.ndarray]]:
    """All pictures that are compared, by name: the samples' variants, photos, stills of clips."""
    yield from sample_variants().items()
    if data is None:
        return
    for pattern, count in PHOTOS.items():
        for path in _evenly(sorted((data / "photos").glob(pattern)), count):
            yield path.name, np.asarray(Image.open(path).convert("RGB"))
    for path in _evenly(sorted((data / "videos").iterdir()), STILLS):
        frames = list(clip_frames(path, CLIP_FRAMES))
        yield f"still of {path.name}", frames[len(frames) // 2]


def clips(data: Path | None) -> list[Path]:
    """The clips that are tracked."""
    return [] if data is None else _evenly(sorted((data / "videos").iterdir()), CLIPS)


def clip_frames(path: Path, count: int) -> Iterator[np.ndarray]:
    """The first frames of a clip, uint8 [H,W,3]."""
    import av

    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index == count:
                return
            yield frame.to_ndarray(format="rgb24")


def _evenly(paths: list[Path], count: int) -> list[Path]:
    return [paths[index * len(paths) // count] for index in range(min(count, len(paths)))]


def _solutions() -> Any:
    """MediaPipe's Python solutions; only in the environment made for it."""
    return importlib.import_module("mediapipe").solutions


def _face_mesh(still: bool) -> Any:
    return _solutions().face_mesh.FaceMesh(static_image_mode=still, max_num_faces=1, refine_landmarks=True)


def _landmarks(mesh: Any, image: np.ndarray) -> np.ndarray:
    """Float32 [478,3] in image pixels; NaN where MediaPipe finds no face."""
    faces = mesh.process(image).multi_face_landmarks
    if not faces:
        return np.full((478, 3), np.nan, np.float32)
    height, width = image.shape[:2]
    return np.array([(p.x * width, p.y * height, p.z * width) for p in faces[0].landmark], np.float32)


def _detections(detector: Any, image: np.ndarray) -> np.ndarray:
    """Float32 [N,17]: box (x0, y0, x1, y1) and six key points in image pixels, score; best first."""
    height, width = image.shape[:2]
    rows = []
    for detection in detector.process(image).detections or []:
        location = detection.location_data
        box = location.relative_bounding_box
        corners = (box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height)
        points = [value for point in location.relative_keypoints for value in (point.x, point.y)]
        scale = np.tile([width, height], 8)
        rows.append(np.r_[np.array([*corners, *points]) * scale, detection.score[0]])
    return np.array(rows, np.float32).reshape(-1, 17)


def _matte(image: np.ndarray) -> np.ndarray:
    """Selfie segmentation of a 256 x 256 picture (so that MediaPipe resizes nothing), every fourth pixel."""
    with _solutions().selfie_segmentation.SelfieSegmentation(model_selection=0) as segmentation:
        return segmentation.process(image).segmentation_mask[::4, ::4].astype(np.float16)


def matte_pictures() -> dict[str, np.ndarray]:
    """The samples at 256 x 256, uint8."""
    names = ("astronaut", "hopper")
    variants = sample_variants()
    return {name: np.asarray(Image.fromarray(variants[name]).resize((256, 256))) for name in names}


def record(out: Path, data: Path | None, points: np.ndarray) -> None:
    """Run MediaPipe over all pictures and clips and write its numbers to an ``.npz`` file."""
    detectors = [
        # The confidence reaches the near graph alone: the far one keeps its own 0.6 in this release.
        _solutions().face_detection.FaceDetection(model_selection=index, min_detection_confidence=0.5)
        for index in (0, 1)
    ]
    mesh = _face_mesh(still=True)
    names, landmarks = [], []
    faces: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for name, image in pictures(data):
        names.append(name)
        landmarks.append(_landmarks(mesh, image)[points])
        for found, detector in zip(faces, detectors, strict=True):
            found.append(_detections(detector, image))
    tracked = []
    for path in clips(data):
        tracker = _face_mesh(still=False)
        tracked.append(np.stack([_landmarks(tracker, frame)[points] for frame in clip_frames(path, CLIP_FRAMES)]))
        tracker.close()
    numbers: dict[str, Any] = {
        "points": points.astype(np.int16),
        "names": np.array(names),
        "landmarks": _rounded(np.stack(landmarks)),
        "near_counts": np.array([len(found) for found in faces[0]], np.int8),
        "near_faces": _rounded(np.concatenate(faces[0]), keep=16),
        "far_counts": np.array([len(found) for found in faces[1]], np.int8),
        "far_faces": _rounded(np.concatenate(faces[1]), keep=16),
        "clip_names": np.array([path.name for path in clips(data)]),
        "clip_lengths": np.array([len(frames) for frames in tracked], np.int16),
        "clip_landmarks": _rounded(np.concatenate([*tracked, np.zeros((0, len(points), 3), np.float32)])),
    } | {f"matte_{name}": _matte(image) for name, image in matte_pictures().items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_suffix(".tmp.npz")
    np.savez_compressed(temporary, **numbers)
    temporary.replace(out)
    print(f"{len(names)} pictures, {len(tracked)} clips: {out.stat().st_size / 1024:.0f} KiB")


def _rounded(values: np.ndarray, keep: int | None = None) -> np.ndarray:
    """Pixel values on a fine grid, float32; columns from ``keep`` on stay as they are."""
    values = values.astype(np.float32)
    values[..., :keep] = np.round(values[..., :keep] / _SAVED_STEP) * _SAVED_STEP
    return values


def time_tracking(picture: Path, runs: int) -> float:
    """Median milliseconds of one frame in tracking mode."""
    image = np.asarray(Image.open(picture).convert("RGB"))
    mesh = _face_mesh(still=False)
    durations = []
    for _ in range(runs):
        start = time.perf_counter()
        mesh.process(image)
        durations.append(time.perf_counter() - start)
    return 1e3 * statistics.median(durations[len(durations) // 5 :])


def main() -> int:
    parser = argparse.ArgumentParser(description="Record MediaPipe's numbers, or time it.")
    commands = parser.add_subparsers(dest="command", required=True)
    recorder = commands.add_parser("record")
    recorder.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    recorder.add_argument("--data", type=Path, help="folder with photos/ and videos/; without it only the samples")
    recorder.add_argument("--all-points", action="store_true", help="keep all 478 landmarks")
    timer = commands.add_parser("time")
    timer.add_argument("picture", type=Path)
    timer.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    if options.command == "record":
        record(options.out, options.data, np.arange(478) if options.all_points else POINTS)
    else:
        print(f"{time_tracking(options.picture, options.runs):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
