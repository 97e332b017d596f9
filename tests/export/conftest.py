"""The tracker graphs under test."""

import os
from pathlib import Path

import pytest
from vivant.export.tracker_parity import Tracker

_BUNDLE = Path(__file__).parent.parent.parent / "models" / "bundle"


@pytest.fixture(scope="session")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    """The graphs of the bundle; with VIVANT_MEDIAPIPE (a wheel, or its folder mediapipe/modules) freshly converted."""
    modules = os.environ.get("VIVANT_MEDIAPIPE")
    if modules is None:
        if not (_BUNDLE / "track.onnx").exists():
            pytest.skip("models/bundle has no tracker graphs; set VIVANT_MEDIAPIPE to the wheel to convert them")
        return Tracker(_BUNDLE)
    from vivant.export.tracker import build_tracker_graphs, round_tracker  # needs the export extra

    folder = tmp_path_factory.mktemp("tracker")
    graphs = build_tracker_graphs(Path(modules))
    round_tracker(graphs)
    for name, graph in graphs.items():
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString())
    return Tracker(folder)
