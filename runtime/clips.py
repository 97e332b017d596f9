"""Writing clips: H.264 in MP4, VP9 (large: VP8) in WebM, GIF with a palette of its own, or a folder of PNG pictures.

Encoding runs in a thread of its own, so that it overlaps with rendering; FFmpeg and Pillow let go of Python's lock.
"""

import io
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import av
import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .errors import OutputError
from .gif import GifWriter
from .outputs import replacing
from .signing import ClipSigner, sidecar_of

QUEUED_FRAMES: Final = 2
BT709: Final = 1  # FFmpeg's number for primaries, transfer and matrix alike
LIMITED_RANGE: Final = 1
# Little look-ahead: every frame that an encoder holds back costs memory, 30 MB each at 2048×2048.
ENCODERS: Final = {
    ".mp4": (
        "libx264",
        {"preset": "veryfast", "crf": "18", "rc-lookahead": "4", "bf": "1"},
        {"movflags": "+faststart"},
    ),
    ".webm": (
        "libvpx-vp9",
        {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "crf": "24", "b": "0", "lag-in-frames": "0"},
        {},
    ),
}

LARGE: Final = 1 << 20  # pixels
# VP9 takes 350 MB at 2048×2048, VP8 less than half of that.
LARGE_WEBM: Final = ("libvpx", {"deadline": "realtime", "cpu-used": "8", "crf": "10", "b": "12M", "lag-in-frames": "0"})


class ClipWriter(Protocol):
    """Takes frames uint8 RGB [H, W, 3] of one size; `finish` completes the file, `close` frees what is open.

    After `finish` the file is as it will stay; `close` may be called more than once.
    """

    def write(self, frame: np.ndarray) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


def as_rate(fps: float) -> Fraction:
    """A frame rate as the fraction that containers store: 29.97 → 30000/1001."""
    for base in (1, 1001):
        rate = Fraction(round(fps * base / (1000 if base == 1001 else 1)) * (1000 if base == 1001 else 1), base)
        if abs(float(rate) - fps) < 0.005:
            return rate
    return Fraction(fps).limit_denominator(1000)


class VideoWriter:
    """An MP4 or WebM file that plays everywhere: 8-bit 4:2:0, limited range BT.709, even size, tags in front.

    A picture of odd size is extended by repeating its last column or row.
    """

    def __init__(self, path: Path, width: int, height: int, fps: float, tags: dict[str, str]) -> None:
        codec, options, container_options = ENCODERS[path.suffix.lower()]
        if codec == "libvpx-vp9" and width * height > LARGE:
            codec, options = LARGE_WEBM
        self._padding = ((0, height % 2), (0, width % 2), (0, 0))
        self._container = av.open(str(path), "w", options=container_options)
        self._container.metadata.update(tags)
        stream = self._container.add_stream(codec, rate=as_rate(fps), options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.thread_count = 1 if width * height <= LARGE else 2  # each thread holds frames of its own
        context.color_range = LIMITED_RANGE
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.time_base = 1 / as_rate(fps)
        self._stream = stream
        self._count = 0

    def write(self, frame: np.ndarray) -> None:
        if any(after for _, after in self._padding):
            frame = np.pad(frame, self._padding, mode="edge")
        picture = VideoFrame.from_numpy_buffer(np.ascontiguousarray(frame), format="rgb24")
        picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        picture.pts = self._count
        picture.time_base = self._stream.codec_context.time_base
        self._count += 1
        self._container.mux(self._stream.encode(picture))

    def finish(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def close(self) -> None:
        self._container.close()


class PictureWriter:
    """A folder of lossless pictures 00000.png, 00001.png, …, each signed by itself if there is a signer."""

    def __init__(self, folder: Path, tags: dict[str, str], signer: ClipSigner | None = None) -> None:
        self._folder = folder
        self._signer = signer
        self._text = PngInfo()
        for key, value in tags.items():
            self._text.add_text(key.capitalize(), value)
        self._count = 0

    def write(self, frame: np.ndarray) -> None:
        png = io.BytesIO()
        Image.fromarray(frame).save(png, "PNG", compress_level=4, pnginfo=self._text)
        path = self._folder / f"{self._count:05d}.png"
        if self._signer is None:
            path.write_bytes(png.getbuffer())
        else:
            self._signer.sign_picture(png.getvalue(), path)
        self._count += 1

    def finish(self) -> None: ...

    def close(self) -> None: ...


class _Watermarked:
    """Marks every frame on its way to another writer."""

    def __init__(self, writer: ClipWriter, mark: Callable[[np.ndarray], np.ndarray]) -> None:
        self._writer, self._mark = writer, mark
        self.finish, self.close = writer.finish, writer.close

    def write(self, frame: np.ndarray) -> None:
        self._writer.write(self._mark(frame))


class _Background:
    """Hands frames to a writer in another thread; an error there is raised by the next `write` or by `finish`.

    Args:
        writer: does the work.
        sign: called there once the file is complete.
    """

    def __init__(self, writer: ClipWriter, sign: Callable[[], None] | None) -> None:
        self._writer = writer
        self._sign = sign
        self._frames: queue.Queue[np.ndarray | None] = queue.Queue(QUEUED_FRAMES)
        self._error: BaseException | None = None
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._work, name="encoder", daemon=True)
        self._thread.start()

    def write(self, frame: np.ndarray) -> None:
        """Queues a frame, which the caller must not change any more; waits while the encoder is behind."""
        self._raise()
        self._frames.put(frame)

    def finish(self) -> None:
        self._frames.put(None)
        self._thread.join()
        self._raise()

    def close(self) -> None:
        self._cancelled.set()
        if self._thread.is_alive():
            self._frames.put(None)
            self._thread.join()
        self._writer.close()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (frame := self._frames.get()) is not None:
            if self._error is None and not self._cancelled.is_set():  # else only empties the queue
                try:
                    self._writer.write(frame)
                except BaseException as error:
                    self._error = error
        if self._error is None and not self._cancelled.is_set():
            try:
                self._writer.finish()
                if self._sign is not None:
                    self._sign()
            except BaseException as error:
                self._error = error


@contextmanager
def open_clip(
    target: Path,
    folder: bool,
    width: int,
    height: int,
    fps: float,
    tags: dict[str, str],
    signer: ClipSigner | None = None,
    mark: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Iterator[ClipWriter]:
    """A writer for `target`, whose kind its ending tells; the clip appears there only when the block succeeds.

    Args:
        target: `.mp4`, `.webm`, `.gif`, or with `folder` a folder of PNG pictures.
        width, height: size of the frames in pixels.
        fps: frames per second.
        tags: metadata that the clip carries.
        signer: signs the clip; for a WebM a second file, its manifest, appears with it.
        mark: lays the invisible watermark over a frame; in the encoder's thread.

    Raises:
        OutputError: the clip cannot be encoded, signed or written.
    """
    beside = None if signer is None or folder else sidecar_of(target)
    try:
        with ExitStack() as stack:
            temporary = stack.enter_context(replacing(target, folder))
            # Entered last, the manifest takes its place first: there is no moment at which a clip lacks its mark.
            manifest = None if beside is None else stack.enter_context(replacing(beside))
            sign = None if signer is None or folder else partial(signer.sign_file, temporary, target.name, manifest)
            encoder = _writer(temporary, folder, width, height, fps, tags, signer)
            if mark is not None:
                encoder = _Watermarked(encoder, mark)
            with closing(_Background(encoder, sign)) as writer:
                yield writer
                writer.finish()
    except FFmpegError as error:
        raise OutputError(f"{target} cannot be encoded: {error.strerror or error}.") from None


def _writer(
    path: Path, folder: bool, width: int, height: int, fps: float, tags: dict[str, str], signer: ClipSigner | None
) -> ClipWriter:
    if folder:
        return PictureWriter(path, tags, signer)
    if path.suffix.lower() == ".gif":
        return GifWriter(path, width, height, as_rate(fps), tags)
    return VideoWriter(path, width, height, fps, tags)
