"""What visitors may upload: kinds, sizes and lengths, each refused with one sentence that says what would be accepted.

Only a file's first bytes and its header are looked at here. That keeps playlists (which FFmpeg would follow to other
files) and pictures that unpack to gigabytes away from the decoders.
"""

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
from av.error import FFmpegError
from PIL import Image

from ..runtime.driver import Progress
from ..runtime.errors import MotionError, PictureError, VideoError
from ..runtime.images import FORMATS, MAX_MEGAPIXELS

MB: Final = 1_000_000
VIDEO_STARTS: Final = (b"\x1aE\xdf\xa3", b"RIFF", b"GIF8")  # WebM and Matroska, AVI, GIF
ISO_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")  # MP4 and QuickTime, after four bytes of size
TRACK_HEADER: Final = 8  # bytes in front of a safetensors file that count those of its JSON header


@dataclass(frozen=True)
class Limits:
    """Bounds of one job.

    Attributes:
        photos: how many may be given at once.
        photo_bytes, video_bytes, track_bytes: of one file.
        photo_megapixels: of a picture that must be decoded at its full size (JPEGs are reduced while they are decoded).
        photo_side: longest side that is animated, pixels.
        video_seconds, video_frames, video_side: of a driving video.
        clip_seconds: of the clip that is made, loops included; clip_frames: the same, counted.
        compare_seconds: of a comparison.
    """

    photos: int = 32
    photo_bytes: int = 20 * MB
    photo_megapixels: int = 24
    photo_side: int = 1280
    video_bytes: int = 64 * MB
    video_seconds: int = 20
    video_frames: int = 1200
    video_side: int = 4096
    track_bytes: int = 8 * MB
    clip_seconds: int = 30
    clip_frames: int = 1800
    compare_seconds: int = 4

    @property
    def upload_bytes(self) -> int:
        """Largest file of any kind, which the web server enforces."""
        return max(self.photo_bytes, self.video_bytes, self.track_bytes)


def check_count(photos: int, limits: Limits) -> None:
    """Raises PictureError when there are more photos of a person than may be given."""
    if photos > limits.photos:
        raise PictureError(f"{photos} photos are too many; up to {limits.photos} can be given.")


def check_photo(path: Path, name: str, limits: Limits) -> None:
    """Raises PictureError when a file (called `name` by its owner) is too large to be decoded here."""
    size = path.stat().st_size
    if size > limits.photo_bytes:
        raise PictureError(f"{name} has {size / MB:.0f} MB; a photo may have {limits.photo_bytes // MB} MB.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is refused below
            with Image.open(path, formats=FORMATS) as image:
                width, height = image.size
                reducible = image.format in ("JPEG", "MPO") and not image.info.get("progressive")
    except Image.DecompressionBombError:
        raise PictureError(
            f"{name} unpacks to far too many pixels; {limits.photo_megapixels} megapixels are enough."
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error):
        raise PictureError(f"{name} is not a photo that can be read; send a JPEG, PNG, WebP or AVIF.") from None
    most = MAX_MEGAPIXELS * 4 if reducible else limits.photo_megapixels
    if width * height > most * MB:
        raise PictureError(
            f"{name} has {width}×{height} pixels, {width * height / MB:.0f} megapixels; up to {most} can be taken."
        )


def check_video(path: Path, name: str, limits: Limits) -> None:
    """Raises VideoError when a driving video is of another kind, too large, or says that it is too long."""
    size = path.stat().st_size
    if size > limits.video_bytes:
        raise VideoError(f"{name} has {size / MB:.0f} MB; a driving video may have {limits.video_bytes // MB} MB.")
    with path.open("rb") as stream:
        start = stream.read(12)
    if start[4:8] not in ISO_BOXES and not start.startswith(VIDEO_STARTS):
        raise VideoError(f"{name} is not a video of a known kind; send an MP4, MOV, WebM, MKV, AVI or GIF.")
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            if not container.streams.video:
                raise VideoError(f"{name} holds no pictures, only sound or text.")
            seconds = (container.duration or 0) / av.time_base
            context = container.streams.video[0].codec_context
            width, height = context.width, context.height
    except (FFmpegError, OSError, ValueError):
        raise VideoError(f"{name} is damaged or no video.") from None
    if seconds > limits.video_seconds + 0.5:
        raise VideoError(
            f"{name} lasts {_duration(seconds)}; a driving video may last {limits.video_seconds} s. Cut it, please."
        )
    if max(width, height) > limits.video_side:
        raise VideoError(f"{name} has {width}×{height} pixels; up to {limits.video_side} on a side can be followed.")


def check_track(path: Path, name: str, limits: Limits) -> None:
    """Raises MotionError when an uploaded motion track is too large or certainly none."""
    size = path.stat().st_size
    if size > limits.track_bytes:
        raise MotionError(f"{name} has {size / MB:.0f} MB; a motion track may have {limits.track_bytes // MB} MB.")
    with path.open("rb") as stream:
        start = stream.read(TRACK_HEADER + 1)
    if len(start) <= TRACK_HEADER or start[TRACK_HEADER:] != b"{":
        raise MotionError(f"{name} is no motion track; `vivant motion extract` makes one from a video.")


def check_length(frames: int, fps: float, loop: int, limits: Limits) -> None:
    """Raises MotionError when a motion of so many frames, played `loop` times, would make too long a clip."""
    seconds = frames * loop / fps
    if seconds > limits.clip_seconds + 0.5 or frames * loop > limits.clip_frames:
        most = max(0, int(min(limits.clip_seconds * fps, limits.clip_frames) // frames))
        advice = f"play it {most} times at most" if most else f"a motion may last {limits.clip_seconds} s"
        raise MotionError(f"The clip would last {_duration(seconds)}; {advice}.")


def bounded(progress: Progress, name: str, limits: Limits) -> Progress:
    """A Progress that ends the tracking of a video that turns out to be longer than its header said."""

    def count(stage: str, done: int, total: int) -> None:
        if stage == "tracking" and done > limits.video_frames:
            raise VideoError(f"{name} has more than {limits.video_frames} frames; cut it, please.")
        progress(stage, done, total)

    return count


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
