"""How fast the graphs of a bundle run on this machine."""

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import onnxruntime as ort

from .errors import FaceError
from .faces import find_faces
from .images import load_photo
from .session import Bundle, Graph, Tensors

SLOW_SECONDS: Final = 0.1  # graphs slower than this are run fewer times
_CONTROL: Final = ("If", "Loop")


@dataclass(frozen=True)
class Timing:
    """Median milliseconds of one run of a graph; `size` is the rendered square's side, None where none matters."""

    graph: str
    threads: int
    size: int | None
    milliseconds: float


@dataclass(frozen=True)
class OperatorTime:
    """What all nodes of one operator take in a run: milliseconds, share of all nodes' time, how many there are."""

    operator: str
    milliseconds: float
    share: float
    nodes: int


def profile_operators(
    content: bytes, feeds: Mapping[str, np.ndarray], threads: int = 1, runs: int = 10
) -> list[OperatorTime]:
    """Times the nodes of a graph by ONNX Runtime's own profiler, longest first.

    Args:
        content: the ONNX file's. feeds: its inputs.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        for _ in range(runs + 2):
            session.run(None, dict(feeds))
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    times: dict[str, dict[str, list[float]]] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            if event["args"]["op_name"] in _CONTROL:
                continue  # the nodes that it ran are told one by one
            nodes = times.setdefault(event["args"]["op_name"], {})
            nodes.setdefault(event["name"], []).append(event["dur"] / 1e3)
    sums = {operator: sum(median(runs[2:]) for runs in nodes.values()) for operator, nodes in times.items()}
    total = sum(sums.values())
    found = [OperatorTime(name, round(ms, 3), ms / total, len(times[name])) for name, ms in sums.items()]
    return sorted(found, key=lambda operator: -operator.milliseconds)


def bench(
    folder: Path,
    photo: Path,
    threads: Sequence[int] = (1, 2),
    sizes: Sequence[int] = (256, 512, 1024),
    runs: int = 20,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Timing]:
    """Times every graph on a photo's largest face.

    Raises:
        FaceError, PictureError, BundleError: the photo or the bundle cannot serve.
    """
    image = load_photo(photo).pixels
    timings: list[Timing] = []
    for done, count in enumerate(threads):
        bundle = Bundle(folder, count)
        timings.extend(_bench_threads(bundle, image, photo.name, sizes, runs))
        if progress:
            progress("timing", done + 1, len(threads))
    return timings


def _bench_threads(bundle: Bundle, image: np.ndarray, name: str, sizes: Sequence[int], runs: int) -> list[Timing]:
    faces = find_faces(bundle, image)
    if not faces:
        raise FaceError(f"No face was found in {name}.")
    face = max(faces, key=lambda face: face.size)
    landmarks = face.landmarks
    region = bundle.graph("head")({"landmarks": landmarks})["region"]
    matte = bundle.graph("matte")({"image": image, "region": region})["matte"]
    motion = bundle.graph("motion")({"neutral": landmarks, "driver": landmarks})
    feeds: dict[str, Tensors] = {
        "detect": {"image": image},
        "detect_far": {"image": image},
        "track": {"image": image, "region": face.next_region},
        "head": {"landmarks": landmarks},
        "matte": {"image": image, "region": region},
        "motion": {"neutral": landmarks, "driver": landmarks},
        "retarget": {"source": landmarks, **motion, "gains": np.ones(5, np.float32)},
    }
    timings = [Timing(n, bundle.threads, None, _time(bundle.graph(n), values, runs)) for n, values in feeds.items()]
    for size in sizes:
        inputs = {"image": image, "landmarks": landmarks, "region": region, "matte": matte}
        encode, render, paste = (bundle.graph(graph) for graph in ("encode", "render", "paste"))
        request = {**inputs, "size": np.array(size, np.int64)}
        encoded = {**encode(request), "target": landmarks}
        to_render = {name: encoded[name] for name in render.inputs}
        to_paste = {"frame": render(to_render)["frame"], "backdrop": np.zeros((size, size, 3), np.uint8)}
        embed = bundle.graph("watermark_embed")
        to_mark = {"image": to_paste["backdrop"], "message": np.zeros(4, np.uint8)}
        runnable = ((encode, request), (render, to_render), (paste, to_paste), (embed, to_mark))
        for graph, values in runnable:
            timings.append(Timing(graph.name, bundle.threads, size, _time(graph, values, runs)))
    return timings


def _time(graph: Graph, feeds: Tensors, runs: int) -> float:
    """Median milliseconds after two runs that do not count."""
    seconds: list[float] = []
    for i in range(runs + 2):
        start = time.perf_counter()
        graph(feeds)
        seconds.append(time.perf_counter() - start)
        if i >= 6 and seconds[-1] > SLOW_SECONDS:
            break
    return round(1e3 * median(seconds[2:]), 3)
