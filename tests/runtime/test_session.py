"""Bundles: what is checked before a graph runs."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vivant.runtime.errors import BundleError
from vivant.runtime.manifest import GRAPHS, read_manifest
from vivant.runtime.session import MALLOC_VARIABLES, Bundle


@pytest.fixture
def copy(standin_folder: Path, tmp_path: Path) -> Path:
    """A copy of the stand-in bundle that a test may damage."""
    return Path(shutil.copytree(standin_folder, tmp_path / "bundle"))


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_every_graph_runs_and_is_made_once(standin: Bundle) -> None:
    assert [standin.graph(name).name for name in GRAPHS] == list(GRAPHS)
    assert standin.graph("head") is standin.graph("head")


def test_a_graph_may_have_fewer_threads_than_the_bundle(standin_folder: Path) -> None:
    bundle = Bundle(standin_folder, threads=2)
    alone = bundle.graph("render", 1)
    assert alone is bundle.graph("render", 1) and alone is not bundle.graph("render")
    assert bundle.graph("head", 2) is bundle.graph("head")  # it is always run by one


FAULTS = """
import resource, numpy as np
from vivant.runtime.session import Bundle
Bundle()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(12_000_000, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are left as they are")
@pytest.mark.parametrize("own", [False, True])
def test_memory_that_was_freed_is_used_again(own: bool) -> None:
    """Page faults of 20 times 12 MB: 3,000 each time if a block is fetched anew. Who set malloc is not overruled."""
    environment = {name: value for name, value in os.environ.items() if name not in MALLOC_VARIABLES}
    environment["NUMPY_MADVISE_HUGEPAGE"] = "0"
    if own:
        environment["MALLOC_MMAP_THRESHOLD_"] = "131072"
    ran = subprocess.run([sys.executable, "-c", FAULTS], env=environment, capture_output=True, text=True, check=True)
    faults = int(ran.stdout)
    assert faults > 20_000 if own else faults < 3_000


def test_outputs_come_by_name(standin: Bundle) -> None:
    result = standin.graph("detect")({"image": np.zeros((8, 9, 3), np.uint8)})
    assert {name: value.shape for name, value in result.items()} == {
        "boxes": (0, 4),
        "keypoints": (0, 6, 2),
        "scores": (0,),
        "regions": (0, 4),
    }


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no manifest\.json"):
        Bundle(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": "vivant-bundle-0"}'])
def test_a_damaged_or_foreign_manifest_is_refused(copy: Path, text: str) -> None:
    (copy / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match=r"cannot be read|format"):
        Bundle(copy)


@pytest.mark.parametrize("key", ["name", "version", "graphs", "presets", "thresholds"])
def test_a_manifest_that_lacks_a_part_is_refused(copy: Path, key: str) -> None:
    edit(copy, lambda manifest: manifest.pop(key))
    with pytest.raises(BundleError, match="incomplete or damaged"):
        read_manifest(copy)


def test_a_manifest_that_lacks_a_graph_is_refused(copy: Path) -> None:
    edit(copy, lambda manifest: manifest["graphs"].pop("matte"))
    with pytest.raises(BundleError, match="lacks the graph 'matte'"):
        Bundle(copy)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "render.onnx").unlink()
    with pytest.raises(BundleError, match=r"render\.onnx is missing"):
        Bundle(copy)


def test_a_file_of_another_size_is_refused(copy: Path) -> None:
    with (copy / "render.onnx").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(BundleError, match="bytes instead of"):
        Bundle(copy)


def test_a_tampered_file_of_the_same_size_is_refused_before_it_runs(copy: Path) -> None:
    path = copy / "render.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    opened = Bundle(copy)
    opened.graph("detect")
    with pytest.raises(BundleError, match="SHA-256"):
        opened.graph("render")


def test_a_graph_that_is_no_onnx_is_refused(copy: Path) -> None:
    (copy / "head.onnx").write_bytes(b"not a graph")
    from standin import write_manifest

    write_manifest(copy)
    with pytest.raises(BundleError, match="cannot load"):
        Bundle(copy).graph("head")


@pytest.mark.parametrize("file", ["/etc/hostname", "../../outside"])
def test_a_manifest_must_not_name_files_elsewhere(copy: Path, file: str) -> None:
    edit(copy, lambda manifest: manifest["graphs"]["head"].update(file=file))
    with pytest.raises(BundleError, match="outside of the bundle"):
        Bundle(copy)


def test_wrong_input_is_one_sentence(standin: Bundle) -> None:
    with pytest.raises(BundleError, match="'head' failed"):
        standin.graph("head")({"landmarks": np.zeros((3, 3), np.float32)})


def test_the_shipped_bundle_is_whole(bundle: Bundle) -> None:
    for name in GRAPHS:
        bundle.graph(name)
    for name in bundle.manifest.presets:
        assert bundle.preset(name).is_file()
    limits = bundle.manifest.thresholds
    assert (limits.presence, limits.min_face, limits.max_yaw_degrees) == (0.5, 40, 60)


def test_the_runtime_and_the_commands_need_no_torch() -> None:
    code = (
        "import sys, vivant.cli, vivant.runtime.animate, vivant.runtime.bench;"
        "foreign = ('torch', 'onnx', 'scipy', 'vivant.models', 'vivant.training', 'vivant.export');"
        "print([name for name in sys.modules if name in foreign])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_int8_takes_the_place_of_the_graphs_that_have_it(bundle: Bundle) -> None:
    fast, auto = (Bundle(bundle.folder, precision=precision) for precision in ("int8", "auto"))
    assert fast.content("render") == auto.content("render") != bundle.content("render")
    assert fast.content("track") == bundle.content("track")
    assert fast.graph("render").inputs == bundle.graph("render").inputs


def test_where_there_is_no_int8_auto_is_fp32(copy: Path) -> None:
    assert Bundle(copy, precision="auto").content("render") == Bundle(copy).content("render")
    with pytest.raises(BundleError, match="no graphs in int8"):
        Bundle(copy, precision="int8")


def test_a_precision_that_does_not_exist_is_no_other(bundle: Bundle) -> None:
    with pytest.raises(ValueError, match="not 'int4'"):
        Bundle(bundle.folder, precision="int4")
