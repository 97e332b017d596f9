"""What native ONNX Runtime makes of a photo and a preset: frames to compare with the browser's, and times.

    python scripts/reference.py OUT [--frames 0,10,20] [--sizes 256,512] [--threads 2] [--precision int8] [--scale 2.2]
        [--camera 60] [--shut] [--also PHOTO[@PRESET:FRAME]]...

Writes OUT/photo.png (decoded once, so that both hosts start from the same pixels), OUT/frame-NNN.png (as `vivant
animate` renders them; with --also, with mouth and eyes from those photos too, OUT/other-N.png), OUT/camera.mjpeg (an
animated sample, for browsers to take for a camera), OUT/reference.json (times, and where in each frame mouth and eyes
are).
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image
from vivant.models.landmarks import LEFT_EYE, LIPS_INNER, LIPS_OUTER, RIGHT_EYE
from vivant.runtime.animate import Gains
from vivant.runtime.faces import Face, find_faces, track_face
from vivant.runtime.images import load_photo
from vivant.runtime.portrait import Portrait
from vivant.runtime.session import BUNDLED, Bundle
from vivant.runtime.stopwatch import Stopwatch
from vivant.runtime.tracks import MotionTrack

PHOTO = BUNDLED.parent / "samples" / "astronaut.jpg"
CAMERA_PHOTO = BUNDLED.parent / "samples" / "grace_hopper.jpg"
CAMERA_SIZE = (640, 480)
CAMERA_FPS = 30
RINGS = {"mouth": LIPS_OUTER, "right_eye": RIGHT_EYE, "left_eye": LEFT_EYE}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--photo", type=Path, default=PHOTO)
    parser.add_argument("--shut", action="store_true", help="presses the photo's lips together first")
    parser.add_argument(
        "--also", action="append", default=[], help="another photo of the same person, perhaps with an expression"
    )
    parser.add_argument("--preset", default="talk")
    parser.add_argument("--frames", type=_numbers, default=[])
    parser.add_argument("--sizes", type=_numbers, default=[])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="fp32", help="int8 is what browsers run on processors")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--scale", type=float, default=1.0, help="enlarges the photo, so that larger squares fit")
    parser.add_argument("--camera", type=int, default=0, help="frames of the clip to take for a camera")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    bundle = Bundle(BUNDLED, options.threads, options.precision)
    pixels = _scaled(load_photo(options.photo).pixels, options.scale)
    if options.shut:
        pixels = _shut(bundle, pixels)
    Image.fromarray(pixels).save(options.output / "photo.png")
    track = MotionTrack.load(bundle.preset(options.preset))
    face = max(find_faces(bundle, pixels), key=lambda face: face.size)
    gains = Gains().as_array()
    others = [_other(bundle, also, options.output / f"other-{i}.png") for i, also in enumerate(options.also)]
    portrait = Portrait(bundle, pixels, face, None, Stopwatch(), others)
    parts: dict[int, dict[str, list[float]]] = {}
    for i in options.frames:
        canvas, target = pixels.copy(), portrait.target(track.frame(i), gains)
        portrait.draw(canvas, target)
        parts[i] = {name: _around(target[ring, :2]) for name, ring in RINGS.items()}
        Image.fromarray(canvas).save(options.output / f"frame-{i:03}.png")
    if options.camera:
        _write_camera(options.output / "camera.mjpeg", bundle, track, options.camera)
    times = {"track": _median(options.runs, lambda _: track_face(bundle, pixels, face.next_region))}
    for size in options.sizes:
        watch = Stopwatch()
        sized = Portrait(bundle, pixels, face, size, watch)
        targets = [sized.target(track.frame(i), gains) for i in range(len(track))]
        _median(options.runs, partial(_draw, sized, pixels.copy(), targets))
        stages = watch.milliseconds()
        times |= {f"{stage} {size}": stages[stage] for stage in ("encode", "render", "paste")}
    reference = {"preset": options.preset, "threads": options.threads, "frames": options.frames, "milliseconds": times}
    reference["parts"] = parts
    (options.output / "reference.json").write_text(json.dumps(reference, indent=1) + "\n")


def _other(bundle: Bundle, also: str, copy: Path) -> tuple[np.ndarray, Face]:
    """Another photo of the same person and its largest face; browsers get the pixels that were decoded here."""
    path, _, expression = also.partition("@")
    pixels = load_photo(Path(path)).pixels
    if expression:
        pixels = _as_in(bundle, pixels, *expression.split(":"))
    Image.fromarray(pixels).save(copy)
    return pixels, max(find_faces(bundle, pixels), key=lambda face: face.size)


def _as_in(bundle: Bundle, pixels: np.ndarray, preset: str, frame: str) -> np.ndarray:
    """The photo with the expression of a preset's frame: the samples have one photo of each person."""
    face, canvas = max(find_faces(bundle, pixels), key=lambda face: face.size), pixels.copy()
    portrait = Portrait(bundle, pixels, face, None, Stopwatch())
    motion = MotionTrack.load(bundle.preset(preset)).frame(int(frame))
    portrait.draw(canvas, portrait.target(motion, Gains().as_array()))
    return canvas


def _shut(bundle: Bundle, pixels: np.ndarray) -> np.ndarray:
    """The photo with upper and lower lip brought together half-way: one that shows no teeth."""
    face = max(find_faces(bundle, pixels), key=lambda face: face.size)
    target, canvas = face.landmarks.copy(), pixels.copy()
    corner = len(LIPS_INNER) // 2  # both lists run along the upper lip to this corner, then back along the lower one
    for i in range(1, corner):
        half = 0.5 * (face.landmarks[LIPS_INNER[-i]] - face.landmarks[LIPS_INNER[i]])
        for lip in (LIPS_INNER, LIPS_OUTER):
            target[lip[i]] += half
            target[lip[-i]] -= half
    Portrait(bundle, pixels, face, None, Stopwatch()).draw(canvas, target)
    return canvas


def _around(points: np.ndarray) -> list[float]:
    """The box around points [N, 2]: x0, y0, x1, y1."""
    return [*points.min(0).tolist(), *points.max(0).tolist()]


def _scaled(pixels: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1.0:
        return pixels
    size = (round(scale * pixels.shape[1]), round(scale * pixels.shape[0]))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def _write_camera(path: Path, bundle: Bundle, track: MotionTrack, frames: int) -> None:
    """A face that talks, as large as a webcam's picture."""
    image = Image.open(CAMERA_PHOTO).convert("RGB")
    scale = max(CAMERA_SIZE[0] / image.width, CAMERA_SIZE[1] / image.height)
    image = image.resize((round(scale * image.width), round(scale * image.height)), Image.Resampling.LANCZOS)
    pixels = np.asarray(image.crop((0, 0, *CAMERA_SIZE)))
    face = max(find_faces(bundle, pixels), key=lambda face: face.size)
    portrait = Portrait(bundle, pixels, face, None, Stopwatch())
    with av.open(str(path), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=CAMERA_FPS, options={"qscale": "3"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = CAMERA_SIZE
        stream.pix_fmt = "yuvj420p"
        for i in range(frames):
            canvas = pixels.copy()
            portrait.draw(canvas, portrait.target(track.frame(round(i * track.fps / CAMERA_FPS)), Gains().as_array()))
            container.mux(stream.encode(VideoFrame.from_ndarray(canvas, format="rgb24")))
        container.mux(stream.encode(None))


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _draw(portrait: Portrait, canvas: np.ndarray, targets: list[np.ndarray], i: int) -> None:
    portrait.draw(canvas, targets[i % len(targets)])


def _median(runs: int, work: Callable[[int], object]) -> float:
    seconds = []
    for i in range(runs + 2):
        start = time.perf_counter()
        work(i)
        seconds.append(time.perf_counter() - start)
    return round(1e3 * float(np.median(seconds[2:])), 3)


if __name__ == "__main__":
    main()
