"""The bundle: complete, truthful about itself, reproducible, and equal to torch."""

import hashlib
import json
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from vivant.export import export
from vivant.export.bundle import TRACKER, export_bundle
from vivant.export.frames import make_frames
from vivant.export.integrity import check_bundle, digest_of
from vivant.export.quantize import FEWEST_MACS, Quantizer
from vivant.export.rules import predict_fallbacks
from vivant.export.signatures import TENSORS
from vivant.export.storage import store_compactly
from vivant.export.surgery import constants_of
from vivant.export.verify import VerificationError, verify_bundle, verify_precisions
from vivant.models.student import Student, save_student
from vivant.runtime.manifest import GRAPHS
from vivant.runtime.portrait import ALL
from vivant.runtime.session import BUNDLED, Bundle

SAMPLES = BUNDLED.parent / "samples"
LIMIT = 16e6  # bytes of a whole bundle
HALF_LIMIT, INT8_LIMIT = 6e6, 5e6  # of one for WebGPU in fp16, and for processors in int8


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
    variants = {entry["file"] for entry in manifest.get("variants", [])}
    assert present == {entry["file"] for entry in files} | variants | {"manifest.json"}
    check_bundle(BUNDLED)


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
            assert all(tensor["name"].removeprefix(ALL) in TENSORS for tensor in entry[side])


def test_shipped_bundle_equals_torch() -> None:
    told: list[tuple[int, int]] = []
    differences = verify_bundle(BUNDLED, progress=lambda _, done, total: told.append((done, total)))
    frames = next(d.runs for d in differences if d.graph == "end to end")
    assert told == [(done, frames) for done in range(1, frames + 1)]
    marks = {"watermark_embed", "watermark_read", "watermark_decode"}
    student = {"head", "motion", "retarget", "encode", "refer", "render", "paste", "end to end"}
    assert {d.graph for d in differences} == student | marks
    assert all(d.passed and d.runs > 0 for d in differences), differences


def test_export_is_reproducible(untrained: tuple[Path, Path], tmp_path: Path) -> None:
    checkpoint, bundle = untrained
    export_bundle(checkpoint, tmp_path / "again")
    written = {path.relative_to(bundle) for path in bundle.rglob("*") if path.is_file()}
    assert written == {p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file()}
    for name in written:
        assert (tmp_path / "again" / name).read_bytes() == (bundle / name).read_bytes(), name


def test_graphs_say_what_they_are(untrained: tuple[Path, Path]) -> None:
    """Source, versions and licence stand inside of every graph; opset and operators are those that all targets run."""
    checkpoint, bundle = untrained
    check_bundle(bundle)
    for path in bundle.glob("*.onnx"):
        facts = {prop.key: prop.value for prop in onnx.load(str(path)).metadata_props}
        assert facts["licence"]
        assert facts["graph"] == path.name.split(".")[0]
        assert not any(key.startswith("onnxsim") for key in facts)
        if facts["graph"] in TRACKER:
            assert facts["source"].startswith("MediaPipe")
        else:
            assert facts["weights_sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
            assert facts["tool.torch"] == version("torch")


def test_the_webgpu_variant_gives_the_same_frames_and_stays_on_the_gpu(untrained: tuple[Path, Path]) -> None:
    checkpoint, bundle = untrained
    (variant,) = json.loads((bundle / "manifest.json").read_text())["variants"]
    assert (variant["target"], variant["precision"]) == ("webgpu", "fp32")
    assert predict_fallbacks(onnx.load(str(bundle / variant["file"]))) == []
    assert predict_fallbacks(onnx.load(str(bundle / "render.onnx"))) != []
    losses = verify_precisions(bundle, checkpoint, [SAMPLES / "astronaut.jpg"])
    assert [loss.name for loss in losses] == ["render", "render webgpu-fp32"]
    assert all(loss.passed and loss.loss.largest <= 1 for loss in losses)


def test_half_precision_for_one_size_by_the_python_interface(untrained: tuple[Path, Path], tmp_path: Path) -> None:
    """It is smaller, keeps the picture, and says its size."""
    checkpoint, plain = untrained
    photo = SAMPLES / "astronaut.jpg"
    half = export(checkpoint, tmp_path / "half", precision="fp16", target="webgpu", size=256)
    assert half.manifest.graphs["render"].bytes < (plain / "render.onnx").stat().st_size
    model = onnx.load(str(half.folder / "render.onnx"))
    constants = constants_of(model)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert convolutions
    assert {constants[node.input[1]].dtype for node in convolutions} == {np.dtype(np.float16)}
    stored = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert sum(stored.get(f"{node.input[1]}_levels") == onnx.TensorProto.INT8 for node in convolutions) > 20
    (loss,) = verify_precisions(half.folder, checkpoint, [photo])
    assert loss.precision == "fp16"
    assert loss.passed, loss
    render = json.loads((half.folder / "manifest.json").read_text())["graphs"]["render"]
    assert [tensor["shape"] for tensor in render["outputs"]] == [[256, 256, 4]]
    assert sum(path.stat().st_size for path in half.folder.rglob("*") if path.is_file()) < HALF_LIMIT


def test_the_int8_bundle_is_small(untrained: tuple[Path, Path]) -> None:
    """Its `render` with every large convolution in int8, from one frame; all other files are those of any bundle."""
    bundle = untrained[1]
    frames = make_frames(Bundle(bundle, threads=1), [SAMPLES / "astronaut.jpg"], 256, 1)
    quantizer = Quantizer(onnx.load(str(bundle / "render.onnx")), frames)
    model = quantizer.quantize(name for name, macs in quantizer.macs.items() if macs >= FEWEST_MACS)
    store_compactly(model)
    others = [path.stat().st_size for path in bundle.rglob("*") if path.is_file() and "render" not in path.name]
    assert sum(others) + model.ByteSize() < INT8_LIMIT


def test_weights_of_another_student_are_refused(untrained: tuple[Path, Path]) -> None:
    with pytest.raises(VerificationError, match="was not exported from"):
        verify_bundle(untrained[1])


def test_changed_graph_is_noticed(untrained: tuple[Path, Path], tmp_path: Path) -> None:
    """A verification that cannot fail proves nothing: other weights in `render` must show."""
    checkpoint, bundle = untrained
    other = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    model = onnx.load(str(bundle / "render.onnx"))
    changed = 0
    for tensor in model.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        if array.ndim == 4 and array.shape[2:] == (3, 3):
            tensor.CopyFrom(onnx.numpy_helper.from_array((array * 1.5).astype(array.dtype), tensor.name))
            changed += 1
    assert changed > 20
    content = model.SerializeToString()
    (other / "render.onnx").write_bytes(content)
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["graphs"]["render"] |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (other / "manifest.json").write_text(json.dumps(manifest | {"digest": digest_of(manifest)}))
    photos = [SAMPLES / "astronaut.jpg"]
    results = {d.graph: d for d in verify_bundle(other, checkpoint, photos, seeds=())}
    assert not results["render"].passed
    assert results["retarget"].passed
    losses = {loss.name: loss for loss in verify_precisions(other, checkpoint, photos)}
    assert not losses["render"].passed
    assert losses["render webgpu-fp32"].passed


def test_failed_export_leaves_the_old_bundle(untrained: tuple[Path, Path], tmp_path: Path) -> None:
    output = Path(shutil.copytree(untrained[1], tmp_path / "bundle"))
    before = (output / "manifest.json").read_bytes()
    (tmp_path / "no.safetensors").write_bytes(b"not a checkpoint")
    with pytest.raises(Exception, match=r".+"):
        export_bundle(tmp_path / "no.safetensors", output)
    assert (output / "manifest.json").read_bytes() == before
    assert Bundle(output).manifest.name == "vivant-student"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bundle", "no.safetensors"]
