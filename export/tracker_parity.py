"""How far the tracker graphs are from MediaPipe, in pixels and in time.

    python -m vivant.export.tracker_parity BUNDLE REFERENCE.npz [--data DIR] [--reference-python PYTHON]

BUNDLE is a folder with ``detect.onnx``, ``detect_far.onnx``, ``track.onnx`` and ``matte.onnx``; REFERENCE.npz comes
from ``mediapipe_reference.py``, whose environment's interpreter PYTHON is needed only to time both in turn.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime as ort

from . import mediapipe_reference as reference

MIN_PRESENCE = 0.5
_PICTURE_SIDE = 512
_SAME_FACE = 0.5  # intersection over union


class Tracker:
    """The graphs in ONNX Runtime, used as MediaPipe uses its own: detect, then follow the face.

    One thread by default, like MediaPipe: the nodes are so small that handing half of each to a second thread costs
    more than it saves, above all in virtual machines, where waking a thread takes longer than most nodes.
    """

    def __init__(self, bundle: Path, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self._sessions = {
            name: ort.InferenceSession(str(bundle / f"{name}.onnx"), options, ["CPUExecutionProvider"])
            for name in ("detect", "detect_far", "track", "matte")
        }

    def run(self, graph: str, **inputs: np.ndarray) -> list[np.ndarray]:
        """All outputs of a graph, in its order."""
        return self._sessions[graph].run(None, inputs)  # type: ignore[return-value] (no sequences or maps here)

    def detections(self, graph: str, image: np.ndarray) -> np.ndarray:
        """Rows as in the reference, float32 [N,17]: box, six key points, score."""
        boxes, keypoints, scores, _ = self.run(graph, image=image)
        return np.concatenate([boxes, keypoints.reshape(-1, 12), scores[:, None]], axis=1)

    def still(self, image: np.ndarray) -> np.ndarray:
        """Landmarks [478,3] of the best face, NaN if there is none."""
        return next(iter(self.follow([image])))

    def follow(self, frames: Iterable[np.ndarray]) -> Iterable[np.ndarray]:
        """Landmarks of each frame, detecting only where the face was lost."""
        region = None
        for frame in frames:
            if region is None:
                regions = self.run("detect", image=frame)[3]
                region = regions[0] if len(regions) else None
            landmarks = np.full((478, 3), np.nan, np.float32)
            if region is not None:
                found, presence, following = self.run("track", image=frame, region=region)
                region = following if presence > MIN_PRESENCE else None
                landmarks = found if region is not None else landmarks
            yield landmarks


@dataclass
class Differences:
    """Distances to the reference over many pictures, in pixels of a picture whose longer side is 512.

    Attributes:
        distances: per compared picture, the distances of its points, float32 [P].
        disagreements: names of pictures where one found a face and the other did not.
        agreed_empty: how many pictures hold no face for both.
    """

    distances: list[np.ndarray] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)
    agreed_empty: int = 0

    def add(self, name: str, ours: np.ndarray, theirs: np.ndarray, size: tuple[int, ...]) -> None:
        """Compare points [...,D] of one picture of ``size`` (height, width); all NaN means no face."""
        lost = np.isnan(ours).all(), np.isnan(theirs).all()
        if any(lost):
            if all(lost):
                self.agreed_empty += 1
            else:
                self.disagreements.append(name)
            return
        distance = np.linalg.norm(ours - theirs, axis=-1) * _PICTURE_SIDE / max(size[:2])
        self.distances.append(distance.reshape(-1))

    def figures(self) -> dict[str, float]:
        """Median, 95th percentile and maximum over all points, and the worst picture's median."""
        joined = np.concatenate(self.distances)
        worst = max(float(np.median(distance)) for distance in self.distances)
        return {
            "median": float(np.median(joined)),
            "p95": float(np.quantile(joined, 0.95)),
            "max": float(joined.max()),
            "worst picture": worst,
        }

    def report(self, title: str) -> str:
        figures = ", ".join(f"{name} {value:.4f}" for name, value in self.figures().items())
        names = f": {', '.join(self.disagreements)}" if self.disagreements else ""
        return (
            f"{title}: {len(self.distances)} compared, {self.agreed_empty} without a face, "
            f"{len(self.disagreements)} disagree{names}; px at {_PICTURE_SIDE}: {figures}"
        )


Reference = Mapping[str, np.ndarray]


def compare_pictures(tracker: Tracker, numbers: Reference, data: Path | None) -> dict[str, Differences]:
    """Landmarks (in the plane, and depth) and both detectors over all pictures at hand.

    Raises:
        ValueError: a picture's name is not the reference's: other data, or another choice of pictures.
    """
    points = numbers["points"].astype(int)
    faces = {graph: _split(numbers, prefix) for graph, prefix in (("detect", "near"), ("detect_far", "far"))}
    results = {name: Differences() for name in ("landmarks", "depth", "detect", "detect_far")}
    for index, (name, image) in enumerate(reference.pictures(data)):
        if name != numbers["names"][index]:
            raise ValueError(f"picture {index} is {name}, the reference was made with {numbers['names'][index]}")
        ours, theirs = tracker.still(image)[points], numbers["landmarks"][index]
        results["landmarks"].add(name, ours[:, :2], theirs[:, :2], image.shape)
        results["depth"].add(name, ours[:, 2:], theirs[:, 2:], image.shape)
        for graph, counted in faces.items():
            compare_faces(results[graph], name, tracker.detections(graph, image), counted[index], image.shape)
    return results


def compare_clips(tracker: Tracker, numbers: Reference, data: Path | None) -> Differences:
    """Landmarks in tracking mode over the clips, each frame a picture."""
    points = numbers["points"].astype(int)
    result = Differences()
    ends = np.cumsum(numbers["clip_lengths"])[:-1]
    for path, theirs in zip(reference.clips(data), np.split(numbers["clip_landmarks"], ends), strict=False):
        frames = list(reference.clip_frames(path, reference.CLIP_FRAMES))
        for index, ours in enumerate(tracker.follow(frames)):
            result.add(f"{path.name} frame {index}", ours[points, :2], theirs[index, :, :2], frames[index].shape)
    return result


def compare_mattes(tracker: Tracker, numbers: Reference) -> dict[str, float]:
    """Mean absolute difference of the mattes of the two samples, 0..1."""
    region = np.array([128, 128, 256, 0], np.float32)
    return {
        name: float(
            np.abs(
                tracker.run("matte", image=image, region=region)[0][0, 0, ::4, ::4] - numbers[f"matte_{name}"]
            ).mean()
        )
        for name, image in reference.matte_pictures().items()
    }


def compare_times(tracker: Tracker, python: Path, picture: Path, rounds: int = 5) -> tuple[float, float]:
    """Median milliseconds per tracked frame, ours and MediaPipe's, measured in turn."""
    image = next(iter(reference.sample_variants().values()))
    region = tracker.run("detect", image=image)[3][0]
    script = Path(reference.__file__)
    ours, theirs = [], []
    for _ in range(rounds):
        command = [str(python), str(script), "time", str(picture)]
        theirs.append(float(subprocess.run(command, capture_output=True, check=True, text=True).stdout))
        durations = []
        for _ in range(200):
            start = time.perf_counter()
            tracker.run("track", image=image, region=region)
            durations.append(time.perf_counter() - start)
        ours.append(1e3 * statistics.median(durations[40:]))
    return statistics.median(ours), statistics.median(theirs)


def _split(numbers: Reference, prefix: str) -> list[np.ndarray]:
    return np.split(numbers[f"{prefix}_faces"], np.cumsum(numbers[f"{prefix}_counts"])[:-1])


def compare_faces(result: Differences, name: str, ours: np.ndarray, theirs: np.ndarray, size: tuple[int, ...]) -> None:
    """Compare detections face by face; another number of faces, or faces elsewhere, is a disagreement.

    Their order is not: faces of nearly the same score may change places.
    """
    if len(ours) == len(theirs) > 0:  # faces of one picture hardly overlap: no two have the same nearest
        ours = ours[[int(np.argmax([_overlap(face, other) for face in ours])) for other in theirs]]
    if len(ours) != len(theirs) or any(_overlap(a, b) < _SAME_FACE for a, b in zip(ours, theirs, strict=True)):
        result.disagreements.append(name)
    elif len(ours) == 0:
        result.agreed_empty += 1
    else:
        result.add(name, ours[:, :16].reshape(-1, 2), theirs[:, :16].reshape(-1, 2), size)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    sides = np.maximum(np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2]), 0)
    shared = float(sides.prod())
    areas = [float((box[2:4] - box[:2]).prod()) for box in (a, b)]
    return shared / (sum(areas) - shared)


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare the tracker graphs with MediaPipe's recorded numbers.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--data", type=Path, help="folder with photos/ and videos/; without it only the samples")
    parser.add_argument("--reference-python", type=Path, help="interpreter of the MediaPipe environment, for times")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    tracker = Tracker(options.bundle, options.threads)
    numbers = np.load(options.reference)
    for title, result in compare_pictures(tracker, numbers, options.data).items():
        print(result.report(title))
    if options.data is not None:
        print(compare_clips(tracker, numbers, options.data).report("landmarks, tracking"))
    for name, difference in compare_mattes(tracker, numbers).items():
        print(f"matte of {name}: mean difference {difference:.5f}")
    if options.reference_python is not None:
        ours, theirs = compare_times(tracker, options.reference_python, reference.SAMPLES / "astronaut.jpg")
        times = f"{ours:.2f} ms, MediaPipe {theirs:.2f} ms, {ours / theirs:.2f}x"
        print(f"one tracked frame, {options.threads} thread(s): {times}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
