"""`vivant report` and `vivant push`."""

import json
import shutil
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import Command
from huggingface_hub import CommitOperationAdd
from vivant.export.push import PushError, check_name, model_uploads, push, space_uploads
from vivant.export.report import downloads
from vivant.export.report_page import Section, Table, as_html, as_markdown
from vivant.runtime.session import BUNDLED


class Links(HTMLParser):
    """Collects whatever a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


def test_pages_are_self_contained_and_say_what_the_tables_say() -> None:
    table = Table(["graph", "ms"], [["render <fp32>", "3.25"], ["a|b", "–"]])
    page = as_html("A & B", [Section("Speed", [table], "Medians.")], [("frames", "data:image/jpeg;base64,AA==")])
    links = Links()
    links.feed(page)
    assert links.found
    assert all(link.startswith("data:") for link in links.found)
    assert "render &lt;fp32&gt;" in page
    assert "A &amp; B" in page
    text = as_markdown("A & B", [Section("Speed", [table], "Medians.")])
    assert "| render <fp32> | 3.25 |" in text
    assert "| a/b | – |" in text


def test_downloads_are_the_sizes_of_files() -> None:
    manifest = json.loads((BUNDLED / "manifest.json").read_text())
    rows = downloads(BUNDLED, manifest).rows
    renders = [manifest["graphs"]["render"], *manifest["variants"]]
    every = sum(path.stat().st_size for path in BUNDLED.rglob("*") if path.is_file())
    for row, entry in zip(rows, renders, strict=True):
        others = sum((BUNDLED / other["file"]).stat().st_size for other in renders if other is not entry)
        assert row[-1] == f"{(every - others) / 1e6:.2f}"


@pytest.mark.slow
def test_the_report_of_the_shipped_bundle(vivant: Command, tmp_path: Path, astronaut: Path) -> None:
    ran = vivant("report", BUNDLED, "-o", tmp_path / "report", "--photo", astronaut, "--no-web")
    assert ran.code == 0, ran.err
    text = (tmp_path / "report" / "report.md").read_text()
    for heading in ("Graphs", "What a viewer loses", "Speed", "Roofline", "References", "WebGPU"):
        assert f"## {heading}" in text
    assert "plain U-Net, 16 channels" in text
    assert "not explained" not in text
    page = (tmp_path / "report" / "report.html").read_text()
    links = Links()
    links.feed(page)
    assert sum(link.startswith("data:image/jpeg") for link in links.found) >= 1
    assert all(link.startswith("data:") for link in links.found)


class FakeHub:
    """Remembers what it was asked for."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.made: list[tuple[str, str, bool]] = []
        self.files: list[str] = []
        self.failure = failure

    def create_repo(
        self, repo_id: str, *, repo_type: str, private: bool, exist_ok: bool, space_sdk: str | None
    ) -> object:
        if self.failure:
            raise self.failure
        assert (space_sdk == "gradio") == (repo_type == "space")
        self.made.append((repo_id, repo_type, private))
        return None

    def create_commit(
        self, repo_id: str, operations: Sequence[CommitOperationAdd], *, commit_message: str, repo_type: str
    ) -> object:
        self.files += [operation.path_in_repo for operation in operations]
        return None


def test_a_dry_run_lists_every_file_and_touches_no_network(vivant: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    ran = vivant("push", "someone/vivant", "--dry-run", "--json", "--bundle", BUNDLED)
    assert ran.code == 0, ran.err
    places = {entry["place"]: entry["bytes"] for entry in json.loads(ran.out)}
    assert places["README.md"] > 1000
    assert places["bundle/render.onnx"] == (BUNDLED / "render.onnx").stat().st_size
    assert {"bundle/manifest.json", "bundle/presets/talk.safetensors"} <= set(places)


def test_model_and_space_go_up_in_one_commit_each(standin_folder: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("# card")
    hub = FakeHub()
    push("someone/model", model_uploads(standin_folder, card), hub=hub)
    assert hub.made == [("someone/model", "model", True)]
    assert "README.md" in hub.files
    assert "bundle/render.onnx" in hub.files
    (tmp_path / "space").mkdir()
    with pytest.raises(PushError, match="no Space"):
        space_uploads(tmp_path / "space")
    (tmp_path / "space" / "README.md").write_text("---\nsdk: gradio\n---")
    push("someone/space", space_uploads(tmp_path / "space"), "space", private=False, hub=hub)
    assert hub.made[1] == ("someone/space", "space", False)


def test_a_damaged_bundle_or_a_wrong_name_is_not_pushed(vivant: Command, standin_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(standin_folder, tmp_path / "bundle"))
    (folder / "render.onnx").write_bytes(b"x")
    ran = vivant("push", "someone/vivant", "--dry-run", "--bundle", folder)
    assert ran.code == 1
    assert "render.onnx" in ran.err
    for name in ("vivant", "a/b/c", "some one/vivant"):
        with pytest.raises(PushError, match="owner"):
            check_name(name)
    with pytest.raises(PushError, match=r"did not take someone/model: \[Errno 111\]"):
        push("someone/model", [], hub=FakeHub(ConnectionRefusedError(111, "Connection refused")))
