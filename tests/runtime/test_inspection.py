"""`vivant inspect`: every state a file can be in, exit codes, and files that were damaged at random."""

import dataclasses
import http.server
import io
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from c2pa import Builder, C2paSignerInfo, Context, Signer
from conftest import Command
from marked import KINDS, ORIGIN, damaged, issue, signer, write_clip
from PIL import Image
from vivant.runtime import inspection
from vivant.runtime.credentials import find_credentials, load_credentials
from vivant.runtime.errors import CredentialsError
from vivant.runtime.inspection import INTACT, inspect_file
from vivant.runtime.marks import MARKS

CORRUPTIONS = 1000


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a signed clip of every kind; not to be changed."""
    folder = tmp_path_factory.mktemp("marked")
    for name in KINDS:
        write_clip(folder / name, signer())
    return folder


def test_a_thousand_damaged_files_are_reported_never_raised(marked: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    sources = [marked / (name if "." in name else f"{name}/00001.png") for name in KINDS]
    states: Counter[str] = Counter()
    for i in range(CORRUPTIONS):
        source = chance.choice(sources)
        target = tmp_path / f"{i}{source.suffix}"
        beside = source.with_suffix(".c2pa")
        content = source.read_bytes()
        manifest = beside.read_bytes() if source.suffix == ".webm" else None
        if manifest is not None and chance.random() < 0.5:
            target.with_suffix(".c2pa").write_bytes(damaged(manifest, chance))
            target.write_bytes(content)
        else:
            if manifest is not None:
                target.with_suffix(".c2pa").write_bytes(manifest)
            target.write_bytes(damaged(content, chance))
        report = inspect_file(target)
        states[report.state] += 1
        json.dumps(dataclasses.asdict(report))
        assert report.state != "trusted"
        assert report.reasons or report.state not in ("broken", "unreadable")
        assert report.state == "unreadable" or report.media_type is not None
    print(dict(states))
    assert states["broken"] > 0.85 * CORRUPTIONS
    # A change can hit what C2PA leaves out of the hash: the manifest's own padding, an MP4's `free` box.
    assert sum(states[state] for state in INTACT) < 0.03 * CORRUPTIONS


def test_random_bytes_behind_a_known_beginning(tmp_path: Path) -> None:
    chance = random.Random(3)
    heads = (b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0", b"\x1a\x45\xdf\xa3", b"RIFF\x10\x00\x00\x00WEBP",
             b"\x00\x00\x00\x18ftypavif", b"\x00\x00\x00\x18ftypqt  ", b"\x00\x00\x00\x18ftypisom")  # fmt: skip
    for i in range(120):
        path = tmp_path / f"{i}.bin"
        path.write_bytes(heads[i % len(heads)] + chance.randbytes(chance.randrange(600)))
        assert inspect_file(path).state in ("absent", "broken")


def test_a_file_that_takes_for_ever_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty thousand empty boxes: the library's time grows with the square of their number."""
    path = tmp_path / "boxes.mp4"
    path.write_bytes(b"\x00\x00\x00\x14ftypisom\x00\x00\x00\x00isom" + b"\x00\x00\x00\x08free" * 30_000)
    monkeypatch.setattr(inspection, "PATIENCE", 0.3)
    report = inspect_file(path)
    assert (report.state, report.reasons) == ("unreadable", ("not done after 0 seconds",))


def test_the_states_of_files(marked: Path, tmp_path: Path, astronaut: Path) -> None:
    issued = issue(tmp_path)
    own = write_clip(tmp_path / "own.mp4", signer(credentials=load_credentials(issued.certificate, issued.key)))
    (tmp_path / "text.mp4").write_text("hello")
    (tmp_path / "empty.gif").touch()
    expected = {
        marked / "clip.mp4": "self-signed",
        own: "valid",
        astronaut: "absent",
        tmp_path / "text.mp4": "unreadable",
        tmp_path / "empty.gif": "unreadable",
        tmp_path / "missing.png": "unreadable",
        tmp_path: "unreadable",
    }
    assert {path: inspect_file(path).state for path in expected} == expected
    assert inspect_file(own, issued.authority).state == "trusted"
    assert inspect_file(marked / "clip.mp4", issued.authority).state == "self-signed"
    assert "No such file" in inspect_file(tmp_path / "missing.png").reasons[0]


def test_trust_needs_certificates(tmp_path: Path, marked: Path) -> None:
    (tmp_path / "text.pem").write_text("hello")
    for path, message in ((tmp_path / "text.pem", "no certificate"), (tmp_path / "none.pem", "cannot be read")):
        with pytest.raises(CredentialsError, match=message):
            inspect_file(marked / "clip.gif", path)


@pytest.mark.parametrize("name", KINDS)
def test_a_report_holds_what_was_said(marked: Path, name: str) -> None:
    path = marked / (name if "." in name else f"{name}/00001.png")
    report = inspect_file(path)
    claims = report.claims
    assert (report.media_type, report.comment) == (KINDS[name], "AI-generated with vivant")
    assert report.manifest == (str(marked / "clip.c2pa") if name == "clip.webm" else "embedded")
    assert claims.generator is not None and claims.generator.startswith("vivant ")
    assert claims.signer == claims.issuer == find_credentials().subject
    assert (claims.motion, claims.label) == ("talk", "AI-animated")
    assert claims.actions == ("c2pa.created", "c2pa.edited")
    assert claims.source_types == ("compositeWithTrainedAlgorithmicMedia",)
    assert [(one.title, one.sha256, one.thumbnail) for one in claims.ingredients] == [
        ("anna.jpg", ORIGIN.photo.sha256.hex(), False)
    ]


def test_the_kind_is_told_by_content_not_by_name(marked: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.txt"
    path.write_bytes((marked / "clip.mp4").read_bytes())
    assert inspect_file(path).state == "self-signed"


def test_text_in_a_file_cannot_command_the_terminal(vivant: Command, tmp_path: Path) -> None:
    photo = dataclasses.replace(ORIGIN.photo, name="\x1b]0;owned\x07\u202eevil\nlabel  forged" + "x" * 1000)
    evil = dataclasses.replace(ORIGIN, photo=photo, motion="\x1b[31m")
    clip = write_clip(tmp_path / "clip.gif", signer(evil))
    (ingredient,) = inspect_file(clip).claims.ingredients
    assert ingredient.title.isprintable() and len(ingredient.title) <= 301
    ran = vivant("inspect", clip)
    assert "\x1b" not in ran.out and "\u202e" not in ran.out and "\x07" not in ran.out
    assert ran.code == 0


def with_manifest(definition: dict[str, object], remote: str | None = None) -> bytes:
    """A PNG that somebody else's program signed; with `remote`, it only says where the manifest is."""
    credentials = find_credentials()
    info = C2paSignerInfo(credentials.algorithm, credentials.chain, credentials.key, None)
    picture, signed = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "PNG")
    picture.seek(0)
    unchecked = {"verify": {"verify_after_sign": False}}
    with (
        Context.from_dict(unchecked, signer=Signer.from_info(info)) as context,
        Builder(definition, context) as builder,
    ):
        if remote is not None:
            builder.set_no_embed()
            builder.set_remote_url(remote)
        builder.sign("image/png", picture, signed)
    return signed.getvalue()


def test_the_manifests_of_other_programs_are_read(tmp_path: Path) -> None:
    created = {"action": "c2pa.created", "digitalSourceType": "http://example.org/odd", "parameters": {"vivant": "odd"}}
    definitions: list[dict[str, object]] = [
        {"assertions": [{"label": "c2pa.actions", "data": {"actions": [{"action": "c2pa.opened"}]}}]},
        {"claim_generator_info": [{"name": "Other"}], "assertions": []},
        {"assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}]},
        {"assertions": [{"label": "org.example.odd", "data": {"x": [1, None, {"y": 2.5}]}}]},
    ]
    path = tmp_path / "other.png"
    for definition in definitions:
        path.write_bytes(with_manifest(definition))
        report = inspect_file(path)
        assert report.state in ("self-signed", "broken")  # the library asks for actions in a certain order
        assert report.claims.motion is None and report.claims.label is None


def test_a_soft_binding_is_ours_or_none(tmp_path: Path) -> None:
    """Another program's binding, or one of ours without its blocks, is no watermark, and no traceback."""
    ours, path = MARKS["watermark"], tmp_path / "bound.png"
    opened = {"label": "c2pa.actions", "data": {"actions": [{"action": "c2pa.opened"}]}}
    other = {"label": ours["label"], "data": {"alg": "org.example.1", "blocks": [{"scope": {}, "value": "00"}]}}
    good = {"label": ours["label"], "data": {"alg": ours["algorithm"], "blocks": [{"scope": {}, "value": "5a17c388"}]}}
    empty = {"label": ours["label"], "data": {"alg": ours["algorithm"], "blocks": []}}
    for bindings, found in (([other], None), ([other, good], "5a17c388")):
        path.write_bytes(with_manifest({"assertions": [opened, *bindings]}))
        assert inspect_file(path).claims.watermark == found
    path.write_bytes(with_manifest({"assertions": [opened, empty]}))
    report = inspect_file(path)
    assert (report.state, report.reasons) == ("broken", ("the manifest is not built as it should be (IndexError)",))


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A web server on this machine: its address, and what was asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/manifest.c2pa", asked
        running.shutdown()


def test_a_manifest_on_the_network_is_not_fetched(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    address, asked = server
    content = with_manifest({"assertions": []}, address)
    assert address.encode() in content
    (tmp_path / "remote.png").write_bytes(content)
    report = inspect_file(tmp_path / "remote.png")
    assert asked == []
    assert report.state not in INTACT


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["good.mp4"], 0),
        (["good.mp4", "plain.png"], 3),
        (["plain.png", "missing.mp4"], 2),
        (["missing.mp4", "plain.png", "bad.mp4", "good.mp4"], 4),
        (["folder"], 0),
        (["nothing"], 2),
    ],
)
def test_exit_codes(vivant: Command, marked: Path, tmp_path: Path, names: list[str], code: int) -> None:
    content = (marked / "clip.mp4").read_bytes()
    (tmp_path / "good.mp4").write_bytes(content)
    (tmp_path / "bad.mp4").write_bytes(content[:-9] + b"?" + content[-8:])
    Image.new("RGB", (9, 9)).save(tmp_path / "plain.png")
    (tmp_path / "nothing").mkdir()
    write_clip(tmp_path / "folder", signer())
    ran = vivant("inspect", *(tmp_path / name for name in names))
    assert ran.code == code
    as_json = vivant("inspect", "--json", *(tmp_path / name for name in names))
    reports = [json.loads(line) for line in as_json.out.splitlines()]
    assert as_json.code == code
    assert len(reports) == (3 if names == ["folder"] else 0 if names == ["nothing"] else len(names))
    for report in reports:
        assert report["intact"] == (report["state"] == "self-signed")
        shown = f"{tmp_path / 'folder'} (3 files)" if names == ["folder"] else report["file"]
        assert shown in ran.out.replace("\n", "")


def test_a_folder_names_the_picture_that_was_changed(vivant: Command, tmp_path: Path) -> None:
    write_clip(tmp_path / "folder", signer(), count=5)
    changed = tmp_path / "folder" / "00003.png"
    changed.write_bytes(changed.read_bytes()[:-20])
    ran = vivant("inspect", tmp_path / "folder")
    assert ran.code == 4
    assert f"{tmp_path / 'folder'} (4 files)  self-signed" in ran.out.replace("\n", "")
    assert f"{changed}  broken" in ran.out.replace("\n", "")


def test_wrong_usage(vivant: Command) -> None:
    assert vivant("inspect").code == 2
    assert vivant("inspect", "--unknown", "x").code == 2
