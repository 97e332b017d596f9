"""What may be asked of an export."""

from pathlib import Path

import pytest
from conftest import Command
from vivant.export import ExportError, ExportOptions
from vivant.export.options import Variant


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"precisions": ()}, "fp32, fp16, int8"),
        ({"precisions": ("fp8",)}, "fp32, fp16, int8"),
        ({"target": "webgl"}, "webgpu, wasm, all"),
        ({"target": "webgpu", "precisions": ("int8",)}, "quantised operators leave the GPU"),
        ({"target": "wasm", "precisions": ("fp16",)}, "no gain"),
        ({"target": "wasm", "precisions": ("fp32", "int8")}, "use the target 'all'"),
        ({"size": 128}, "256 to 1024"),
        ({"photos": 33}, "takes 1 to 32 photos"),
    ],
)
def test_impossible_exports_are_refused_with_a_sentence(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ExportError, match=message):
        ExportOptions(**wrong)  # type: ignore[arg-type]


def test_a_bundle_for_all_keeps_a_portable_render_and_lists_the_rest() -> None:
    options = ExportOptions(precisions=("fp16", "int8"))
    assert options.own == Variant("wasm", "fp32")
    assert [variant.name for variant in options.variants] == ["webgpu-fp32", "webgpu-fp16", "wasm-int8"]
    assert ExportOptions(precisions=("int8",), target="wasm").own == Variant("wasm", "int8")
    assert ExportOptions(target="webgpu").variants == []


def test_the_command_says_what_is_wrong(vivant: Command, tmp_path: Path) -> None:
    ran = vivant("export", "-o", tmp_path / "bundle", "--target", "webgpu", "--precision", "int8")
    assert ran.code == 1
    assert ran.err == "error: int8 for webgpu is not exported: quantised operators leave the GPU; int8 is for wasm.\n"
    assert not (tmp_path / "bundle").exists()
