"""The bundle: complete, truthful about itself, reproducible, and equal to torch."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from vivant.export.bundle import export_bundle
from vivant.export.signatures import TENSORS
from vivant.export.verify import VerificationError, verify_bundle
from vivant.models.student import Student, save_student
from vivant.runtime.manifest import GRAPHS
from vivant.runtime.session import BUNDLED, Bundle

LIMIT = 16e6  # bytes of a whole bundle


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A checkpoint that nobody trained, and the bundle exported from it."""
    folder = tmp_path_factory.mktemp("export")
    torch.manual_seed(3)
    student = Student().eval()
    for head in (student.refiner.head, student.mouth.head, student.eye.head):
        torch.nn.init.normal_(head.weight, std=0.03)
    save_student(student, folder / "student.safetensors", json.dumps({"steps": 0}))
    export_bundle(folder / "student.safetensors", folder / "bundle")
    return folder / "student.safetensors", folder / "bundle"


def test_shipped_bundle_is_what_its_manifest_says() -> None:
    manifest = json.loads((BUNDLED / "manifest.json").read_text())
    files = [*manifest["graphs"].values(), *manifest["presets"].values()]
    for entry in files:
        content = (BUNDLED / entry["file"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["bytes"], entry["sha256"])
    assert set(manifest["graphs"]) == set(GRAPHS)
    assert sum(entry["bytes"] for entry in files) < LIMIT
    present = {str(path.relative_to(BUNDLED)) for path in BUNDLED.rglob("*") if path.is_file()}
    assert present == {entry["file"] for entry in files} | {"manifest.json"}


def test_graphs_are_plain_onnx() -> None:
    """Opset 17, no foreign operators, no external data; what the manifest says of inputs and outputs is so."""
    manifest = json.loads((BUNDLED / "manifest.json").read_text())
    for entry in manifest["graphs"].values():
        model = onnx.load(str(BUNDLED / entry["file"]), load_external_data=False)
        assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
        assert not any(tensor.external_data for tensor in model.graph.initializer)
        assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
        for side, values in (("inputs", model.graph.input), ("outputs", model.graph.output)):
            assert [tensor["name"] for tensor in entry[side]] == [value.name for value in values]
            assert all(tensor["name"] in TENSORS for tensor in entry[side])


def test_shipped_bundle_equals_torch() -> None:
    differences = verify_bundle(BUNDLED)
    assert {d.graph for d in differences} == {"head", "motion", "retarget", "encode", "render", "paste", "end to end"}
    assert all(d.passed and d.runs > 0 for d in differences), differences


def test_export_is_reproducible(untrained: tuple[Path, Path], tmp_path: Path) -> None:
    checkpoint, bundle = untrained
    export_bundle(checkpoint, tmp_path / "again")
    assert (tmp_path / "again" / "manifest.json").read_bytes() == (bundle / "manifest.json").read_bytes()


def test_weights_of_another_student_are_refused(untrained: tuple[Path, Path]) -> None:
    with pytest.raises(VerificationError, match="was not exported from"):
        verify_bundle(untrained[1])


def test_changed_graph_is_noticed(untrained: tuple[Path, Path], tmp_path: Path) -> None:
    """A verification that cannot fail proves nothing: other weights in `render` must show."""
    checkpoint, bundle = untrained
    other = tmp_path / "bundle"
    export_bundle(checkpoint, other)
    model = onnx.load(str(bundle / "render.onnx"))
    weight = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = onnx.numpy_helper.to_array(weight)
    if values.dtype != np.float32:
        pytest.fail("the largest initialiser of render is no weight")
    for tensor in model.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        if array.dtype == np.float32 and array.ndim == 4 and array.shape[2:] == (3, 3):
            tensor.CopyFrom(onnx.numpy_helper.from_array(array * 1.5, tensor.name))
    content = model.SerializeToString()
    (other / "render.onnx").write_bytes(content)
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["graphs"]["render"] |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (other / "manifest.json").write_text(json.dumps(manifest))
    results = {d.graph: d for d in verify_bundle(other, checkpoint)}
    assert not results["render"].passed
    assert results["retarget"].passed


def test_failed_export_leaves_the_old_bundle(untrained: tuple[Path, Path], tmp_path: Path) -> None:
    checkpoint, _ = untrained
    output = tmp_path / "bundle"
    export_bundle(checkpoint, output)
    before = (output / "manifest.json").read_bytes()
    (tmp_path / "no.safetensors").write_bytes(b"not a checkpoint")
    with pytest.raises(Exception, match=r".+"):
        export_bundle(tmp_path / "no.safetensors", output)
    assert (output / "manifest.json").read_bytes() == before
    assert Bundle(output).manifest.name == "vivant-student"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bundle", "no.safetensors"]
