"""Videos for tests, made on the fly."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    fps: int = 25,
    rotation: int = 0,
    aspect: Fraction | None = None,
) -> Path:
    """Writes frames (uint8 [H, W, 3], even sides) without loss.

    Args:
        rotation: degrees, counter-clockwise, by which a player must turn the picture.
        aspect: width of a pixel over its height.
    """
    with av.open(str(path), "w") as container:
        stream: VideoStream | None = None
        for i, frame in enumerate(frames):
            if stream is None:
                made = container.add_stream("libx264rgb", rate=fps, options={"qp": "0", "preset": "ultrafast"})
                assert isinstance(made, VideoStream)
                stream = made
                stream.width, stream.height, stream.pix_fmt = frame.shape[1], frame.shape[0], "rgb24"
                if aspect is not None:
                    stream.codec_context.sample_aspect_ratio = aspect
                if rotation:
                    stream.set_display_rotation(rotation)
            picture = VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            picture.pts, picture.time_base = i, Fraction(1, fps)
            container.mux(stream.encode(picture))
        assert stream is not None
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """Writes a file with one second of silence and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100)
        assert isinstance(stream, AudioStream)
        frame = AudioFrame.from_ndarray(np.zeros((1, 44_100), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_video_without_frames(path: Path) -> Path:
    """Writes a video whose header promises pictures that never come."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    return path
