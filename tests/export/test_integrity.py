"""Bundles that were tampered with, cut off or made wrong: one clear sentence each, never a crash, none accepted."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import helper
from vivant.export.integrity import check_bundle, digest_of
from vivant.runtime.errors import VivantError

CORRUPTIONS = 2000
Change = Callable[[onnx.ModelProto], object]


@pytest.fixture
def copy(standin_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(standin_folder, tmp_path / "bundle"))


def seal(folder: Path, **changes: Any) -> None:
    """Write the manifest with these changes, and with its digest, as an export does."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text()) | {"variants": []} | changes
    path.write_text(json.dumps(manifest | {"digest": digest_of(manifest)}))


def foreign_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def newer_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 21


def unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "Shine"


def missing_weight(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "nowhere"


def outside_weights(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer.add(name="far", data_type=1, dims=[1])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (foreign_operator, "com.example.*which is no ONNX operator"),
        (newer_opset, "opset 21"),
        (unknown_operator, "no valid ONNX graph.*Shine"),
        (missing_weight, "no valid ONNX graph.*nowhere"),
        (outside_weights, "weights in other files"),
    ],
)
def test_graphs_that_cannot_run_are_refused_though_their_hash_is_right(
    copy: Path, change: Change, message: str
) -> None:
    model = onnx.load(str(copy / "render.onnx"))
    change(model)
    content = model.SerializeToString()
    (copy / "render.onnx").write_bytes(content)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["graphs"]["render"] |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(VivantError, match=message):
        check_bundle(copy)


def test_a_variant_is_checked_like_a_graph(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    variant = {**manifest["graphs"]["render"], "graph": "render", "target": "webgpu", "precision": "fp32"}
    seal(copy, variants=[variant])
    check_bundle(copy)
    for change, message in (
        ({"sha256": "0" * 64}, "SHA-256 differs"),
        ({"bytes": 3}, "bytes instead of 3"),
        ({"file": "gone.onnx"}, r"gone\.onnx cannot be read"),
        ({"file": "../../elsewhere"}, "outside of the bundle"),
    ):
        seal(copy, variants=[variant | change])
        with pytest.raises(VivantError, match=message):
            check_bundle(copy)


def test_a_word_changed_in_the_manifest_is_noticed(copy: Path) -> None:
    seal(copy, licences={"code": "Apache-2.0"})
    check_bundle(copy)
    path = copy / "manifest.json"
    path.write_text(path.read_text().replace("Apache-2.0", "Apache-3.0"))
    with pytest.raises(VivantError, match="digest differs"):
        check_bundle(copy)


def damage(content: bytes, chance: random.Random) -> bytes:
    """Flip bits, cut off, insert, overwrite, exchange or repeat a stretch."""
    data = bytearray(content)
    start = chance.randrange(len(data))
    length = min(chance.choice([1, 4, 64, 1024]), len(data) - start)
    kind = chance.randrange(6)
    if kind == 0:
        for _ in range(chance.choice([1, 2, 16])):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == 1:
        del data[start:]
    elif kind == 2:
        data[start:start] = chance.randbytes(length)
    elif kind == 3:
        data[start : start + length] = chance.randbytes(length)
    elif kind == 4:
        data[start : start + length] = reversed(data[start : start + length])
    else:
        data += data[start : start + length]
    return bytes(data)


def test_two_thousand_random_corruptions_are_all_refused_with_a_sentence(copy: Path) -> None:
    """Every file in turn is damaged; what is accepted must say exactly what it said before (an added space)."""
    seal(copy)
    chance = random.Random(20)
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    contents = {path: path.read_bytes() for path in files}
    truth = json.loads(contents[copy / "manifest.json"])
    truth_without_digest = {key: value for key, value in truth.items() if key != "digest"}
    check_bundle(copy)
    harmless = 0
    for number in range(CORRUPTIONS):
        path = files[number % len(files)] if number % 2 else copy / "manifest.json"
        if number % 50 == 49:
            path.unlink()
        else:
            path.write_bytes(damage(contents[path], chance))
        try:
            if path.is_file() and path.read_bytes() == contents[path]:
                continue  # a palindrome was reversed
            check_bundle(copy)
        except VivantError as error:
            sentence = str(error)
            assert sentence.strip() and "\n" not in sentence and len(sentence) < 500, sentence
        else:
            assert path.name == "manifest.json", f"{path.name} was accepted though damaged"
            told = json.loads(path.read_bytes())
            assert {key: told[key] for key in truth if key != "digest"} == truth_without_digest
            harmless += 1
        finally:
            path.write_bytes(contents[path])
    assert harmless < 0.02 * CORRUPTIONS
