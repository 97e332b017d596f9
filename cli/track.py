"""`vivant track`: the landmarks of a picture's or a video's faces, as numbers or drawn."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image

from ..runtime.drawing import draw_landmarks, write_drawn_video
from ..runtime.driver import Performance, follow_face
from ..runtime.errors import OutputError, PictureError
from ..runtime.faces import Face, find_faces
from ..runtime.images import load_photo
from ..runtime.outputs import check_target, check_writable, replacing
from ..runtime.session import Bundle
from .console import DEFAULT_BUNDLE, BundleOption, ThreadsOption, note, progress_bar, say


def track_command(
    source: Annotated[Path, typer.Argument(metavar="IMAGE|VIDEO", help="A picture or a video.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A .json or .npz file.", show_default="JSON on standard output"),
    ] = None,
    draw: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Also draw the landmarks: a .png/.jpg or .mp4/.webm/.gif file.")
    ] = None,
    threads: ThreadsOption = None,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Find the 478 landmarks of every face of a picture, or follow one face through a video.

    [bold]Examples[/bold]

    vivant track anna.jpg --draw anna-landmarks.png

    vivant track me.mp4 -o me.npz
    """
    if output is not None:
        if output.suffix not in (".json", ".npz"):
            raise OutputError(f"{output} must end in .json or .npz.")
        check_writable(output)
    bundle = Bundle(bundle_folder, threads)
    try:
        photo = load_photo(source, max_side=None)
    except PictureError:
        if not source.is_file() or source.stat().st_size == 0:
            raise
        photo = None
    if photo is not None and not any("holds" in line for line in photo.notes):
        values = _track_picture(bundle, source, photo.pixels, draw)
    else:
        values = _track_video(bundle, source, draw)
    _write(values, output)


def _track_picture(bundle: Bundle, source: Path, pixels: np.ndarray, draw: Path | None) -> dict[str, Any]:
    least = bundle.manifest.thresholds.presence
    faces = [face for face in find_faces(bundle, pixels) if face.presence >= least]
    if draw is not None:
        if draw.suffix.lower() not in (".png", ".jpg", ".jpeg"):
            raise OutputError(f"{draw} must end in .png or .jpg.")
        check_writable(draw)
        canvas = pixels.copy()
        for face in faces:
            draw_landmarks(canvas, face.landmarks)
        with replacing(draw) as temporary:
            Image.fromarray(canvas).save(temporary)
    if not faces:
        note(f"No face was found in {source.name}.")
    return {
        "source": str(source),
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "landmarks": np.array([face.landmarks for face in faces], np.float32).reshape(-1, 478, 3),
        "presence": np.array([face.presence for face in faces], np.float32),
        "box": np.array([face.box for face in faces], np.float32).reshape(-1, 4),
        "yaw_degrees": np.array([face.yaw for face in faces], np.float32),
    }


def _track_video(bundle: Bundle, source: Path, draw: Path | None) -> dict[str, Any]:
    if draw is not None:
        check_target(draw, folder=False)
    with progress_bar() as progress:
        performance = follow_face(bundle, source, progress)
        if draw is not None:
            write_drawn_video(source, performance, draw, progress)
    return _values(source, performance)


def _values(source: Path, performance: Performance) -> dict[str, Any]:
    faces = [Face(points, 1.0, np.zeros(4, np.float32)) for points in performance.landmarks]
    return {
        "source": str(source),
        "width": performance.width,
        "height": performance.height,
        "fps": performance.fps,
        "shots": np.array(performance.shots),
        "landmarks": performance.landmarks,
        "found": performance.found,
        "presence": performance.presence,
        "box": np.array([face.box for face in faces], np.float32),
        "yaw_degrees": np.array([face.yaw for face in faces], np.float32),
    }


def _write(values: dict[str, Any], output: Path | None) -> None:
    if output is not None and output.suffix == ".npz":
        with replacing(output) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, **values)
    else:
        text = json.dumps({key: _plain(value) for key, value in values.items()}, ensure_ascii=False)
        if output is None:
            say(text)
            return
        with replacing(output) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    say(str(output))


def _plain(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    return np.round(value.astype(float), 3).tolist() if value.dtype == np.float32 else value.tolist()
