"""Proof that a bundle's graphs compute what torch computes: on real photos, graph by graph and end to end.

A `render` in half or eight bits cannot equal torch: of those, what a viewer loses is measured instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from ..models.encoded import Encoded, Referred
from ..models.head import Head
from ..models.motion import Motion, Retarget
from ..models.released import STUDENT, WATERMARK
from ..models.student import Student, load_student
from ..models.watermark import load_watermark
from ..runtime.driver import Progress, no_progress
from ..runtime.errors import VivantError
from ..runtime.faces import find_faces
from ..runtime.images import load_photo
from ..runtime.portrait import ALL
from ..runtime.session import Bundle, Tensors
from ..runtime.tracks import MotionTrack
from .frames import Frame, make_frames
from .graphs import ENCODED_NAMES, EncodeGraph, PasteGraph, ReferGraph, RenderGraph
from .half import emulate_half
from .integrity import check_bundle, read_entry, render_entries
from .quality import Loss, measure_loss, render_all
from .signatures import ACCEPTED_LOSS, TOLERANCES
from .watermark_graphs import DecodeGraph, EmbedGraph, ReadGraph

SAMPLES = Path(__file__).resolve().parents[1] / "models" / "samples"
FRAMES = 2  # frames of each preset that are compared
COMPARED = ((256, 1), (512, 2))  # sizes, and how many photos of the person
RANDOM_SEEDS = (0, 1)
LOSS_FRAMES = 6  # of each photo on which precisions are compared


class VerificationError(VivantError):
    """A graph differs from torch by more than its tolerance, or the weights are not the bundle's."""


@dataclass(frozen=True)
class Difference:
    """The largest |ONNX Runtime − torch| of a graph over `runs` runs, in the unit of its outputs."""

    graph: str
    runs: int
    largest: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.largest <= self.tolerance


@dataclass(frozen=True)
class PrecisionLoss:
    """What a `render` of the bundle loses against torch in float32, and what it may lose.

    name: `render`, or the variant's. accepted: for fp32 the largest difference of any pixel, for the others
    `Loss.worst_part`; grey levels.
    """

    name: str
    precision: str
    bytes: int
    loss: Loss
    accepted: float

    @property
    def passed(self) -> bool:
        return (self.loss.largest if self.precision == "fp32" else self.loss.worst_part) <= self.accepted


class _Comparison:
    """Runs a graph in both hosts on the same inputs and remembers the largest difference."""

    def __init__(self, bundle: Bundle, modules: Mapping[str, nn.Module], on_frame: Callable[[int], None]) -> None:
        self.bundle, self.modules, self.on_frame = bundle, modules, on_frame
        self.largest = dict.fromkeys([*modules, "end to end"], 0.0)
        self.runs = dict.fromkeys(self.largest, 0)

    @torch.no_grad()
    def __call__(self, name: str, feeds: Tensors) -> Tensors:
        graph = self.bundle.graph(name)
        got = graph(feeds)
        expected = self.modules[name](*(torch.tensor(feeds[key]) for key in graph.inputs))
        values = [expected] if isinstance(expected, Tensor) else list(expected)
        for output, value in zip(graph.outputs, values, strict=True):
            self.record(name, got[output], value.numpy())
        self.runs[name] += 1
        return got

    def end_to_end(self, frame: np.ndarray, expected: np.ndarray) -> None:
        self.record("end to end", frame, expected)
        self.runs["end to end"] += 1
        self.on_frame(self.runs["end to end"])

    def record(self, name: str, got: np.ndarray, expected: np.ndarray) -> None:
        difference = np.abs(got.astype(np.float64) - expected.astype(np.float64))
        self.largest[name] = max(self.largest[name], float(difference.max()))


def verify_bundle(
    folder: Path,
    checkpoint: Path = STUDENT,
    photos: Sequence[Path] = (),
    progress: Progress = no_progress,
    seeds: Sequence[int] = RANDOM_SEEDS,
) -> list[Difference]:
    """Compare every graph that has a torch original.

    Args:
        folder: the bundle. checkpoint: the student it was exported from.
        photos: pictures with a face; the shipped samples by default. seeds: of random movements of the landmarks.
        progress: told of every frame.

    Returns:
        one `Difference` per graph, and one for whole frames in grey levels ("end to end": torch alone against ONNX
        Runtime alone, from landmarks to frame, where small differences may add up). Both are missing for a `render`
        that is not fp32: see `verify_precisions`.

    Raises:
        VerificationError: the checkpoint is not the one that the bundle was exported from.
        BundleError: a file is damaged, or no graph that this version runs.
    """
    check_bundle(folder)
    bundle = Bundle(folder)
    student, watermark = _student_of(bundle, checkpoint), load_watermark(WATERMARK)[0]
    modules = {
        "head": Head(),
        "motion": Motion(),
        "retarget": Retarget(),
        "encode": EncodeGraph(student),
        "refer": ReferGraph(student),
        "render": RenderGraph(student),
        "paste": PasteGraph(),
        "watermark_embed": EmbedGraph(watermark),
        "watermark_read": ReadGraph(watermark),
        "watermark_decode": DecodeGraph(watermark),
    }
    paths = photos or sorted(SAMPLES.glob("*.jpg"))
    frames = len(paths) * len(COMPARED) * (FRAMES * len(bundle.manifest.presets) + len(seeds))
    compare = _Comparison(bundle, modules, lambda done: progress("comparing with torch", done, frames))
    for path in paths:
        photo = load_photo(path).pixels
        _compare_photo(bundle, compare, photo, seeds)
        for seed in seeds:
            _compare_watermark(compare, photo, seed)
    tolerances = TOLERANCES | {"end to end": 1.0}
    exact = render_entries(folder)["render"]["precision"] == "fp32"
    names = [name for name in compare.largest if exact or name not in ("render", "end to end")]
    return [Difference(name, compare.runs[name], compare.largest[name], tolerances[name]) for name in names]


def verify_precisions(
    folder: Path,
    checkpoint: Path = STUDENT,
    photos: Sequence[Path] = (),
    size: int = 256,
    progress: Progress = no_progress,
) -> list[PrecisionLoss]:
    """Frames of the bundle's own `render` and of every variant, against torch in float32; `progress` is told of each.

    All run on ONNX Runtime's CPU provider, half precision by `emulate_half`; what a GPU's own arithmetic adds is not in
    the figures.

    Raises:
        as `verify_bundle`.
    """
    bundle = Bundle(folder, threads=1)
    frames = make_frames(bundle, photos, size, LOSS_FRAMES)
    reference = _render_in_torch(_student_of(bundle, checkpoint), frames)
    losses = []
    entries = render_entries(folder)
    for name, entry in entries.items():
        progress("comparing pictures", len(losses), len(entries))
        precision, content = entry["precision"], read_entry(bundle, entry)
        if precision == "fp16":
            content = emulate_half(onnx.load_model_from_string(content)).SerializeToString()
        loss = measure_loss(render_all(content, frames), reference, frames)
        losses.append(PrecisionLoss(name, precision, entry["bytes"], loss, ACCEPTED_LOSS[precision]))
    progress("comparing pictures", len(losses), len(entries))
    return losses


def _student_of(bundle: Bundle, checkpoint: Path) -> Student:
    known = bundle.manifest.training.get("weights_sha256")
    if hashlib.sha256(checkpoint.read_bytes()).hexdigest() != known:
        raise VerificationError(f"The bundle {bundle.folder} was not exported from {checkpoint}.")
    return load_student(checkpoint)[0]


@torch.no_grad()
def _render_in_torch(student: Student, frames: Sequence[Frame]) -> list[np.ndarray]:
    module, order = RenderGraph(student), [*ENCODED_NAMES, "target"]
    return [module(*(torch.from_numpy(frame.feeds[name]) for name in order)).numpy() for frame in frames]


def _compare_photo(bundle: Bundle, compare: _Comparison, photo: np.ndarray, seeds: Sequence[int]) -> None:
    face = find_faces(bundle, photo)[0]
    # Another photo for `refer`: the same, mirrored.
    mirror = np.array([-1.0, 1.0, 1.0], np.float32), np.array([photo.shape[1], 0.0, 0.0], np.float32)
    other = {"image": np.ascontiguousarray(photo[:, ::-1]), "landmarks": face.landmarks * mirror[0] + mirror[1]}
    region = compare("head", {"landmarks": face.landmarks})["region"]
    matte = bundle.graph("matte")({"image": photo, "region": region})["matte"]
    for size, photos in COMPARED:
        feeds = {"image": photo, "landmarks": face.landmarks, "region": region, "matte": matte}
        feeds["size"] = np.array(size, np.int64)
        encoded = compare("encode", feeds)
        with torch.no_grad():
            reference = Encoded(*compare.modules["encode"](*(torch.tensor(value) for value in feeds.values())))
        if photos > 1:
            more = compare("refer", other | {name: encoded[name] for name in Referred._fields})
            encoded |= {name.removeprefix(ALL): value for name, value in more.items()}
            with torch.no_grad():
                known = (getattr(reference, name) for name in Referred._fields)
                referred = compare.modules["refer"](*(torch.tensor(value) for value in other.values()), *known)
            reference = reference._replace(**referred._asdict())
        for target in _targets(bundle, compare, face.landmarks, seeds):
            inputs = {name: encoded[name] for name in ENCODED_NAMES}
            frame = compare("render", {**inputs, "target": target})["frame"]
            with torch.no_grad():
                alone = compare.modules["render"](*reference, torch.from_numpy(target)).numpy()
            compare.end_to_end(frame, alone)
        side = round(float(region[2]))
        backdrop = np.random.default_rng(size).integers(0, 256, (side, side, 3), np.uint8)
        compare("paste", {"frame": frame, "backdrop": backdrop})


def _compare_watermark(compare: _Comparison, photo: np.ndarray, seed: int) -> None:
    message = np.random.default_rng(seed).integers(0, 256, 4, np.uint8)
    marked = compare("watermark_embed", {"image": photo, "message": message})["marked"]
    for scale in (1.0, 0.9):
        feeds = {"image": marked, "scale": np.array(scale, np.float32)}
        compare("watermark_decode", {"estimate": compare("watermark_read", feeds)["estimate"]})


def _targets(bundle: Bundle, compare: _Comparison, source: np.ndarray, seeds: Sequence[int]) -> Iterator[np.ndarray]:
    """Target landmarks: frames of every preset through `retarget`, and random movements through `motion` too."""
    gains = np.ones(5, np.float32)
    for name in bundle.manifest.presets:
        track = MotionTrack.load(bundle.preset(name))
        for index in np.linspace(0, len(track) - 1, FRAMES).astype(int):
            frame = track.frame(int(index))
            yield compare("retarget", {"source": source, **vars(frame), "gains": gains})["target"]
    for seed in seeds:
        random = np.random.default_rng(seed)
        shaken = source + random.normal(0, 1.5, source.shape).astype(np.float32)
        moved = compare("motion", {"neutral": source, "driver": shaken})
        yield compare("retarget", {"source": source, **moved, "gains": gains})["target"]
