"""Driving videos: any file that FFmpeg reads becomes a stream of upright RGB frames with square pixels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import av
import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame

from .errors import VideoError

DEFAULT_FPS: Final = 25.0  # for files that state no rate
MAX_FPS: Final = 120.0  # a stated rate above this is a time base, not a rate


class VideoReader:
    """Decodes a video frame by frame; use it in a `with` statement.

    Args:
        path: the video's file.
        max_side: frames with a longer side are reduced to this many pixels while decoding.

    Raises:
        VideoError: the file is missing, empty, not a video, or (on reading) has no frame that can be decoded.
    """

    def __init__(self, path: Path, max_side: int | None = None) -> None:
        if path.is_dir():
            raise VideoError(f"{path} is a folder, not a video.")
        if not path.exists():
            raise VideoError(f"{path} does not exist.")
        if path.stat().st_size == 0:
            raise VideoError(f"{path} is empty.")
        try:
            self._container = av.open(str(path), metadata_errors="ignore")
        except (FFmpegError, OSError, ValueError):
            raise VideoError(f"{path} is not a video that can be read.") from None
        if not self._container.streams.video:
            self._container.close()
            raise VideoError(f"{path} holds no pictures, only sound or text.")
        self._path = path
        self._max_side = max_side
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self._full_size: tuple[int, int] | None = None
        self.skipped = 0  # damaged packets that were left out while reading

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def fps(self) -> float:
        """Average frames per second."""
        for rate in (self._stream.average_rate, self._stream.guessed_rate):
            if rate and 0 < float(rate) <= MAX_FPS:
                return float(rate)
        return DEFAULT_FPS

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of the upright frame with square pixels, before any reduction."""
        if self._full_size is None:
            raise ValueError("the size is known once a frame was read")
        return self._full_size

    @property
    def expected_frames(self) -> int:
        """How many frames the header promises; 0 if it does not tell."""
        if self._stream.frames:
            return int(self._stream.frames)
        if self._container.duration:
            return int(self._container.duration / av.time_base * self.fps)
        return 0

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yields uint8 RGB [H, W, 3]; raises VideoError when the video ends without a single frame."""
        count = 0
        for frame in self._frames():
            yield self._picture(frame)
            count += 1
        if count == 0:
            raise VideoError(f"{self._path} has no frames that can be decoded.")

    def _frames(self) -> Iterator[VideoFrame]:
        try:
            for packet in self._container.demux(self._stream):
                try:
                    yield from packet.decode()  # type: ignore[misc]
                except FFmpegError:
                    self.skipped += 1
        except FFmpegError:  # the container itself is cut off: what came before still counts
            self.skipped += 1

    def _picture(self, frame: VideoFrame) -> np.ndarray:
        full = self._square(frame)
        scale = min(1.0, self._max_side / max(full)) if self._max_side else 1.0
        width, height = (max(1, round(side * scale)) for side in full)
        if (width, height) != (frame.width, frame.height):
            frame = frame.reformat(width=width, height=height)
        picture = frame.to_ndarray(format="rgb24")
        turns = round(frame.rotation / 90) % 4  # of the display matrix, counter-clockwise
        self._full_size = (full[1], full[0]) if turns % 2 else full
        return np.ascontiguousarray(np.rot90(picture, turns))

    def _square(self, frame: VideoFrame) -> tuple[int, int]:
        """Width and height with square pixels."""
        aspect = self._stream.sample_aspect_ratio
        stretch = float(aspect) if aspect and 0.1 < aspect < 10 else 1.0
        if abs(stretch - 1) < 0.03:  # rounding of the encoder's size, not worth resampling every frame
            stretch = 1.0
        return max(1, round(frame.width * stretch)), frame.height
