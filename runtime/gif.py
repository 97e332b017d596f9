"""Animated GIFs with one palette chosen from all frames: frames are kept in a lossless file until all have come."""

import itertools
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.filter
import numpy as np
from av.error import BlockingIOError, EOFError
from av.filter.context import FilterContext
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

MAX_RATE: Final = 50  # GIF counts in 1/100 s, and viewers slow down what is shorter than 2/100 s


class GifWriter:
    """Writes an endlessly looping GIF; memory does not grow with the number of frames."""

    def __init__(self, path: Path, width: int, height: int, rate: Fraction, tags: dict[str, str]) -> None:
        self._path = path
        self._rate = min(rate, Fraction(MAX_RATE))
        self._tags = tags
        self._folder = tempfile.TemporaryDirectory(prefix="vivant-gif-")
        self._spool_path = Path(self._folder.name) / "frames.mkv"
        self._spool = av.open(str(self._spool_path), "w")
        stream = self._spool.add_stream("libx264rgb", rate=self._rate, options={"preset": "ultrafast", "qp": "0"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "rgb24"
        stream.codec_context.time_base = 1 / self._rate
        stream.codec_context.thread_count = 1  # each thread holds frames of its own
        self._stream = stream
        self._count = 0

    def write(self, frame: np.ndarray) -> None:
        picture = VideoFrame.from_ndarray(frame, format="rgb24")
        picture.pts, picture.time_base = self._count, 1 / self._rate
        self._count += 1
        self._spool.mux(self._stream.encode(picture))

    def finish(self) -> None:
        self._spool.mux(self._stream.encode(None))
        self._spool.close()
        self._encode(self._palette())
        _add_comment(self._path, self._tags["comment"])

    def close(self) -> None:
        self._spool.close()
        self._folder.cleanup()

    def _palette(self) -> VideoFrame:
        """256 colours chosen from all frames, as a picture of 16×16 pixels."""
        graph, source = self._graph_with_source()
        sink = graph.add("buffersink")
        graph.link_nodes(source, graph.add("palettegen", "stats_mode=full"), sink).configure()
        return next(_through(source, sink, self._frames()))

    def _encode(self, palette: VideoFrame) -> None:
        graph, source = self._graph_with_source()
        colours = graph.add_buffer(
            width=palette.width, height=palette.height, format=palette.format, time_base=1 / self._rate, name="colours"
        )
        # Only the rectangle that changes is dithered anew, so that the still part of the picture stays still.
        mapping = graph.add("paletteuse", "dither=sierra2_4a:diff_mode=rectangle")
        sink = graph.add("buffersink")
        source.link_to(mapping, 0, 0)
        colours.link_to(mapping, 0, 1)
        mapping.link_to(sink)
        graph.configure()
        colours.push(palette)
        colours.push(None)
        with av.open(str(self._path), "w", format="gif") as container:
            stream = container.add_stream("gif", rate=self._rate)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = self._stream.width, self._stream.height, "pal8"
            stream.codec_context.time_base = 1 / self._rate
            for frame in _through(source, sink, self._frames()):
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    def _frames(self) -> Iterator[VideoFrame]:
        with av.open(str(self._spool_path)) as container:
            container.streams.video[0].codec_context.thread_count = 1
            for index, frame in enumerate(container.decode(video=0)):
                frame = frame.reformat(format="rgb24")
                frame.pts, frame.time_base = index, 1 / self._rate
                yield frame

    def _graph_with_source(self) -> tuple[av.filter.Graph, FilterContext]:
        graph = av.filter.Graph()
        source = graph.add_buffer(
            width=self._stream.width, height=self._stream.height, format=VideoFormat("rgb24"), time_base=1 / self._rate
        )
        return graph, source


def _through(source: FilterContext, sink: FilterContext, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Pushes frames into a filter graph and yields what comes out of it."""
    for frame in itertools.chain(frames, [None]):
        source.push(frame)
        while True:
            try:
                result = sink.pull()
            except (BlockingIOError, EOFError):
                break
            assert isinstance(result, VideoFrame)
            yield result


def _add_comment(path: Path, comment: str) -> None:
    """Puts a comment extension in front of the GIF's last byte, its trailer."""
    text = comment.encode("ascii")
    with path.open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x21\xfe" + bytes([len(text)]) + text + b"\x00;")
