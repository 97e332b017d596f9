"""A bundle of graphs: files checked against the manifest, then ONNX Runtime sessions, made when first needed."""

import ctypes
import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort

from .errors import BundleError
from .manifest import File, Manifest, read_manifest

BUNDLED: Final = Path(__file__).resolve().parents[1] / "models" / "bundle"
PRECISIONS: Final = ("fp32", "int8", "auto")
# Hundreds of tiny nodes: handing each to a second thread costs more than it saves (`track` takes twice as long on two).
SINGLE_THREADED: Final = frozenset({"detect", "detect_far", "track", "head", "motion", "retarget"})
Tensors = dict[str, np.ndarray]
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
KEPT_BYTES: Final = 128 << 20
MALLOC_VARIABLES: Final = frozenset({"GLIBC_TUNABLES", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"})


def available_threads() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def return_freed_memory() -> None:
    """Gives memory that large graphs have freed back to the system: glibc would keep hundreds of megabytes of it."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl has not
        if trim is not None:
            trim(0)


def reuse_freed_memory(most: int = KEPT_BYTES) -> None:
    """Lets malloc use large blocks again that were freed, instead of giving each back to the system at once.

    Every frame needs tens of megabytes for a moment, and a step of training hundreds. To be given them anew, page by
    page, takes as long as the arithmetic. Does nothing where the user set malloc's variables, or without glibc.

    Args:
        most: bytes of free memory that are kept.
    """
    if sys.platform != "linux" or MALLOC_VARIABLES & os.environ.keys():
        return
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is None:
        return
    tune(M_TRIM_THRESHOLD, most)
    # Older releases of glibc allow no more than 32 MB.
    _ = tune(M_MMAP_THRESHOLD, most) or tune(M_MMAP_THRESHOLD, 32 << 20)


class Graph:
    """One graph of a bundle: named arrays in, named arrays out."""

    def __init__(self, name: str, session: ort.InferenceSession) -> None:
        self.name = name
        self.inputs = [value.name for value in session.get_inputs()]
        self.outputs = [value.name for value in session.get_outputs()]
        self._session = session

    def __call__(self, feeds: Mapping[str, Any]) -> Tensors:
        """Runs the graph on `feeds` (arrays by input name) and returns its outputs by name."""
        try:
            values = self._session.run(None, {name: np.asarray(value) for name, value in feeds.items()})
        except Exception as error:  # ONNX Runtime's own classes share no base but Exception
            raise BundleError(f"The bundle's graph {self.name!r} failed: {str(error).splitlines()[0]}") from error
        return dict(zip(self.outputs, (np.asarray(value) for value in values), strict=True))


class Bundle:
    """The graphs, presets and thresholds of a bundle's folder.

    Args:
        folder: holds `manifest.json` and the files it names.
        threads: threads that one graph may use; by default all processors this process may use.
        precision: "fp32"; "int8" for the graphs that have such a variant: faster, and what the web app runs on CPUs;
            "auto" for int8 where the bundle has it.

    Raises:
        BundleError: the folder is no bundle, a file is missing or differs from what the manifest says, or no graph has
            a variant in that precision.
        ValueError: there is no such precision.
    """

    def __init__(self, folder: Path = BUNDLED, threads: int | None = None, precision: str = "fp32") -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"A precision is one of {', '.join(PRECISIONS)}, not {precision!r}.")
        reuse_freed_memory()
        self.folder = folder
        self.threads = threads or available_threads()
        self.manifest: Manifest = read_manifest(folder)
        self._graphs: dict[tuple[str, int], Graph] = {}
        self._files = dict(self.manifest.graphs)
        if precision != "fp32":
            made = {v.graph: v.file for v in self.manifest.variants if (v.target, v.precision) == ("wasm", "int8")}
            if precision == "int8" and not made:
                raise BundleError(f"The bundle {folder} has no graphs in int8.")
            self._files |= made
        for entry in (*self._files.values(), *self.manifest.presets.values()):
            self._check_size(entry)

    def graph(self, name: str, threads: int | None = None) -> Graph:
        """The graph of that name; its file's SHA-256 is checked before ONNX Runtime sees it.

        Args:
            threads: it may use, if not as many as the bundle's. A graph may be run by several callers at once.
        """
        count = 1 if name in SINGLE_THREADED else threads or self.threads
        if (name, count) not in self._graphs:
            if name not in self._files:
                raise BundleError(f"The bundle {self.folder} has no graph {name!r}.")
            self._graphs[name, count] = Graph(name, _session(self.content(name), count, f"{self.folder} ({name})"))
        return self._graphs[name, count]

    def content(self, name: str) -> bytes:
        """The checked file of a graph."""
        return self._read(self._files[name])

    def preset(self, name: str) -> Path:
        """The checked file of the preset motion `name`; raises KeyError if there is none of that name."""
        entry = self.manifest.presets[name]
        self._read(entry)
        return self._path(entry)

    def _path(self, entry: File) -> Path:
        path = (self.folder / entry.file).resolve()
        if not path.is_relative_to(self.folder.resolve().parent):
            raise BundleError(f"The bundle's manifest names {entry.file!r}, which lies outside of the bundle.")
        return path

    def _check_size(self, entry: File) -> None:
        path = self._path(entry)
        try:
            size = path.stat().st_size
        except OSError:
            raise BundleError(f"The bundle {self.folder} is incomplete: {entry.file} is missing.") from None
        if size != entry.bytes:
            raise BundleError(
                f"The bundle's file {entry.file} has {size} bytes instead of {entry.bytes}: it is damaged or replaced."
            )

    def _read(self, entry: File) -> bytes:
        try:
            content = self._path(entry).read_bytes()
        except OSError as error:
            raise BundleError(f"The bundle's file {entry.file} cannot be read: {error.strerror}.") from None
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise BundleError(
                f"The bundle's file {entry.file} is not the one that the manifest names (its SHA-256 differs)."
            )
        return content


def _session(content: bytes, threads: int, label: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False  # every session's own arena keeps its peak for ever: `reuse_freed_memory`
    # Threads that spin while they wait would take the processor from the encoder's thread and from the other graphs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own classes share no base but Exception
        raise BundleError(f"ONNX Runtime cannot load {label}: {str(error).splitlines()[0]}") from None
