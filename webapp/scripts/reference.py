"""What native ONNX Runtime makes of a photo and a preset: frames to compare with the browser's, and times.

    python scripts/reference.py OUT [--frames 0,10,20] [--sizes 256,512] [--threads 2]

Writes OUT/photo.png (decoded once, so that both hosts start from the same pixels), OUT/frame-NNN.png (as `vivant animate`
renders them) and OUT/reference.json.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from PIL import Image
from vivant.runtime.animate import Gains
from vivant.runtime.faces import find_faces, track_face
from vivant.runtime.images import load_photo
from vivant.runtime.portrait import Portrait
from vivant.runtime.session import BUNDLED, Bundle
from vivant.runtime.stopwatch import Stopwatch
from vivant.runtime.tracks import MotionTrack

PHOTO = BUNDLED.parent / "samples" / "astronaut.jpg"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--photo", type=Path, default=PHOTO)
    parser.add_argument("--preset", default="talk")
    parser.add_argument("--frames", type=_numbers, default=[])
    parser.add_argument("--sizes", type=_numbers, default=[])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    bundle = Bundle(BUNDLED, options.threads)
    pixels = load_photo(options.photo).pixels
    Image.fromarray(pixels).save(options.output / "photo.png")
    track = MotionTrack.load(bundle.preset(options.preset))
    face = max(find_faces(bundle, pixels), key=lambda face: face.size)
    gains = Gains().as_array()
    portrait = Portrait(bundle, pixels, face, None, Stopwatch())
    for i in options.frames:
        canvas = pixels.copy()
        portrait.draw(canvas, portrait.target(track.frame(i), gains))
        Image.fromarray(canvas).save(options.output / f"frame-{i:03}.png")
    times = {"track": _median(options.runs, lambda _: track_face(bundle, pixels, face.next_region))}
    for size in options.sizes:
        watch = Stopwatch()
        sized = Portrait(bundle, pixels, face, size, watch)
        targets = [sized.target(track.frame(i), gains) for i in range(len(track))]
        backdrop = pixels.copy()
        times[f"draw {size}"] = _median(options.runs, lambda i, p=sized, t=targets: p.draw(backdrop, t[i % len(t)]))
        stages = watch.milliseconds()
        times |= {f"{stage} {size}": stages[stage] for stage in ("encode", "render", "paste")}
    reference = {"preset": options.preset, "threads": options.threads, "frames": options.frames, "milliseconds": times}
    (options.output / "reference.json").write_text(json.dumps(reference, indent=1) + "\n")


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _median(runs: int, work) -> float:
    seconds = []
    for i in range(runs + 2):
        start = time.perf_counter()
        work(i)
        seconds.append(time.perf_counter() - start)
    return round(1e3 * float(np.median(seconds[2:])), 3)


if __name__ == "__main__":
    main()
