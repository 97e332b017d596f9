"""Signed clips of every kind: an independent reader accepts them, one flipped byte is found, failures leave nothing."""

import hashlib
import io
import json
import os
import random
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c2pa import Context, Reader
from clipmaking import write_video
from conftest import Command
from marked import KINDS, ORIGIN, signer, write_clip
from PIL import Image
from standin import picture_with_faces
from vivant.runtime import signing
from vivant.runtime.animate import Settings, animate
from vivant.runtime.clips import open_clip
from vivant.runtime.errors import OutputError
from vivant.runtime.inspection import inspect_file
from vivant.runtime.media import VideoReader
from vivant.runtime.motions import Motion
from vivant.runtime.provenance import Source, container_tags, hash_of_uri
from vivant.runtime.session import Bundle
from vivant.runtime.stopwatch import Stopwatch
from vivant.runtime.tracks import MotionFrame

COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
STILL = Motion(
    "still",
    25,
    2,
    lambda _: MotionFrame(
        np.eye(3, dtype=np.float32), np.zeros(3, np.float32), np.zeros((), np.float32), np.zeros((478, 3), np.float32)
    ),
)


def read(clip: Path, media_type: str) -> dict[str, Any]:
    """The reference library's own report, with its own settings; a manifest beside the clip is found by its name."""
    beside = clip.with_suffix(".c2pa")
    manifest = beside.read_bytes() if beside.exists() else None
    with clip.open("rb") as stream, Context() as context, Reader(media_type, stream, manifest, context) as reader:
        return json.loads(reader.json())


def manifest_of(report: dict[str, Any]) -> dict[str, Any]:
    return report["manifests"][report["active_manifest"]]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture for the stand-in bundle, as a JPEG-like file name with a known hash."""
    path = tmp_path / "anna.png"
    Image.fromarray(picture_with_faces((100, 60, 80))).save(path)
    return path


@pytest.mark.parametrize("name", KINDS)
def test_an_independent_reader_accepts_every_kind(tmp_path: Path, name: str) -> None:
    report = read(write_clip(tmp_path / name, signer()), KINDS[name])
    failures = report["validation_results"]["activeManifest"]["failure"]
    assert report["validation_state"] == "Valid"
    assert [failure["code"] for failure in failures] == ["signingCredential.untrusted"]  # it is self-signed
    assert (tmp_path / "clip.c2pa").exists() == (name == "clip.webm")


@pytest.mark.parametrize("name", KINDS)
def test_signing_changes_no_picture(tmp_path: Path, name: str) -> None:
    (tmp_path / "plain").mkdir()
    signed, plain = write_clip(tmp_path / name, signer()), write_clip(tmp_path / "plain" / name, None)
    if name == "frames":
        assert np.array_equal(np.asarray(Image.open(signed)), np.asarray(Image.open(plain)))
        return
    with VideoReader(signed) as one, VideoReader(plain) as other:
        assert np.array_equal(np.stack(list(one)), np.stack(list(other)))
    if name == "clip.mp4":
        content = signed.read_bytes()
        assert content.index(b"moov") < content.index(b"mdat")  # it can still start before all of it has come


@pytest.mark.parametrize("name", KINDS)
def test_one_flipped_byte_in_the_media_is_found(tmp_path: Path, name: str) -> None:
    """Forty places in what signing left as it was: compressed pictures and their tables."""
    (tmp_path / "plain").mkdir()
    clip, plain = write_clip(tmp_path / name, signer()), write_clip(tmp_path / "plain" / name, None)
    content, before = clip.read_bytes(), plain.read_bytes()
    same = [a == b for a, b in zip(reversed(content), reversed(before), strict=False)]
    media = (*same, False).index(False)  # bytes at the end that signing left as they were
    assert media > 0.4 * len(before)
    places = random.Random(name).sample(range(len(content) - media, len(content)), 40)
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        clip.write_bytes(changed)
        assert inspect_file(clip).state == "broken", place
    clip.write_bytes(content)
    assert inspect_file(clip).state == "self-signed"


@pytest.mark.parametrize("name", KINDS)
def test_what_is_added_or_cut_off_is_found(tmp_path: Path, name: str) -> None:
    clip = write_clip(tmp_path / name, signer())
    content = clip.read_bytes()
    for changed in (content + b"more", content[:-1], content[:-1000]):
        clip.write_bytes(changed)
        assert inspect_file(clip).state == "broken"


def test_a_manifest_does_not_fit_another_clip(tmp_path: Path) -> None:
    write_clip(tmp_path / "one.webm", signer())
    write_clip(tmp_path / "other.webm", signer(), count=4)
    os.replace(tmp_path / "one.c2pa", tmp_path / "other.c2pa")
    assert inspect_file(tmp_path / "other.webm").state == "broken"
    assert inspect_file(tmp_path / "one.webm").state == "absent"


def test_every_photo_is_an_ingredient(tmp_path: Path) -> None:
    others = tuple(Source(f"anna{n}.png", bytes([n]) * 32, "image/png") for n in (2, 3))
    clip = write_clip(tmp_path / "clip.mp4", signer(replace(ORIGIN, others=others)))
    manifest = manifest_of(read(clip, "video/mp4"))
    (actions,) = [one["data"]["actions"] for one in manifest["assertions"] if one["label"] == "c2pa.actions.v2"]
    assert [one["title"] for one in manifest["ingredients"]] == ["anna.jpg", "anna2.png", "anna3.png"]
    assert len({one["url"] for one in actions[0]["parameters"]["ingredients"]}) == 3
    assert [one.sha256 for one in inspect_file(clip).claims.ingredients[1:]] == ["02" * 32, "03" * 32]


def test_the_manifest_says_what_was_made_of_what(standin: Bundle, photo: Path, tmp_path: Path) -> None:
    animate(standin, photo, STILL, tmp_path / "clip.mp4")
    manifest = manifest_of(read(tmp_path / "clip.mp4", "video/mp4"))
    (generator,) = manifest["claim_generator_info"]
    (actions,) = [one["data"]["actions"] for one in manifest["assertions"] if one["label"] == "c2pa.actions.v2"]
    (ingredient,) = manifest["ingredients"]
    assert (generator["name"], manifest["title"]) == ("vivant", "clip.mp4")
    assert [action["action"] for action in actions] == ["c2pa.created", "c2pa.edited", "c2pa.watermarked.bound"]
    assert {action["digitalSourceType"] for action in actions} == {COMPOSITE}
    assert actions[0]["parameters"]["vivant"] == {"motion": "still", "label": "AI-animated"}
    assert actions[0]["parameters"]["ingredients"][0]["url"].endswith("c2pa.ingredient.v3")
    assert (ingredient["title"], ingredient["format"], ingredient["relationship"]) == (
        "anna.png",
        "image/png",
        "inputTo",
    )
    assert hash_of_uri(ingredient["instance_id"]) == hashlib.sha256(photo.read_bytes()).hexdigest()


def test_the_photo_itself_stays_out_unless_wanted(standin: Bundle, photo: Path, tmp_path: Path) -> None:
    animate(standin, photo, STILL, tmp_path / "without.webm")
    animate(standin, photo, STILL, tmp_path / "with.webm", settings=Settings(thumbnail=True))
    without, with_thumbnail = (tmp_path / f"{name}.c2pa" for name in ("without", "with"))
    assert b"\xff\xd8\xff" not in without.read_bytes()
    assert without.stat().st_size < 5000
    content = with_thumbnail.read_bytes()
    with Image.open(io.BytesIO(content[content.index(b"\xff\xd8\xff") :])) as image:
        assert image.size == (256, 192)
        error = np.asarray(image, int) - np.asarray(Image.open(photo).resize((256, 192)), int)
    assert np.abs(error).mean() < 4
    assert [
        inspect_file(tmp_path / f"{name}.webm").claims.ingredients[0].thumbnail for name in ("without", "with")
    ] == [
        False,
        True,
    ]


def test_a_label_left_out_is_recorded(standin: Bundle, photo: Path, tmp_path: Path) -> None:
    animate(standin, photo, STILL, tmp_path / "out", True, Settings(label=False))
    manifest = manifest_of(read(tmp_path / "out" / "00001.png", "image/png"))
    created, _ = manifest["assertions"][0]["data"]["actions"]
    assert created["parameters"]["vivant"] == {"motion": "still", "label": None}
    assert inspect_file(tmp_path / "out" / "00000.png").claims.label == "removed"


def test_names_of_any_kind_fit_into_a_manifest(standin: Bundle, tmp_path: Path) -> None:
    photo = tmp_path / 'Żółć "x" \\ ünï 写真 😀.png'
    Image.fromarray(picture_with_faces((100, 60, 80))).save(photo)
    clip = tmp_path / "naïve «clip» 1.gif"
    animate(standin, photo, STILL, clip)
    assert manifest_of(read(clip, "image/gif"))["title"] == clip.name
    assert inspect_file(clip).claims.ingredients[0].title == photo.name


class Full(io.BytesIO):
    """A disk that is full."""

    def write(self, _: object) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("existing", [False, True])
def test_a_failure_while_signing_leaves_nothing_and_the_old_clip_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, existing: bool
) -> None:
    if existing:
        write_clip(tmp_path / name, signer())
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    able, sign = signer(), signing._sign

    def fails(context: Context, origin: object, title: str, media_type: str, source: Any, *_: object) -> bytes:
        return sign(context, ORIGIN, title, media_type, source, Full())

    monkeypatch.setattr(signing, "_sign", fails)
    with pytest.raises(OutputError, match=r"cannot be signed: .*\.$"):
        write_clip(tmp_path / name, able, count=5)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_webm_leaves_no_manifest(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), open_clip(tmp_path / "a.webm", False, 64, 48, 25, container_tags("t"), signer()) as clip:
        clip.write(np.zeros((48, 64, 3), np.uint8))
        raise error
    assert os.listdir(tmp_path) == []


def test_the_manifest_of_another_file_is_not_overwritten(standin: Bundle, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "clip.c2pa").write_text("of clip.jpg")
    with pytest.raises(OutputError, match=r"clip\.c2pa, .*belongs to another file"):
        animate(standin, photo, STILL, tmp_path / "clip.webm")
    assert (tmp_path / "clip.c2pa").read_text() == "of clip.jpg"
    animate(standin, photo, STILL, tmp_path / "clip.mp4")  # which has its manifest in itself


def test_a_webm_is_replaced_together_with_its_manifest(standin: Bundle, photo: Path, tmp_path: Path) -> None:
    for loop in (1, 2):
        summary = animate(standin, photo, STILL, tmp_path / "clip.webm", settings=Settings(loop=loop))
        assert summary.sidecar == str(tmp_path / "clip.c2pa")
        assert inspect_file(tmp_path / "clip.webm").state == "self-signed"


@pytest.mark.parametrize("name", KINDS)
def test_signing_takes_at_most_150_milliseconds(tmp_path: Path, name: str) -> None:
    """Median of three clips of ten frames of noise, each as large as a second or more of a real one."""
    watches = [Stopwatch() for _ in range(3)]
    for watch in watches:
        write_clip(tmp_path / name, signer(watch=watch), count=10, size=(256, 256))
    assert statistics.median(watch.milliseconds()["sign"] for watch in watches) < 150


def test_the_summary_names_the_signer(vivant: Command, standin_folder: Path, photo: Path, tmp_path: Path) -> None:
    driver = write_video(tmp_path / "driver.mkv", [picture_with_faces((60, 60, 80))] * 2)
    options = ["--bundle", standin_folder, "--motion", driver, "-o", tmp_path / "c.webm", "--json", "--no-label"]
    summary = json.loads(vivant("animate", photo, *options).out)
    assert summary["signed_by"].startswith("Self-signed by a vivant user")
    assert (summary["self_signed"], summary["label"], summary["sidecar"]) == (True, None, str(tmp_path / "c.c2pa"))
    assert summary["milliseconds"]["sign"] > 0


def test_the_library_is_not_loaded_before_it_is_needed() -> None:
    command = "import sys, vivant.cli; sys.exit('c2pa' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command]).returncode == 0


def test_the_manifest_tells_people_too(tmp_path: Path) -> None:
    manifest = manifest_of(read(write_clip(tmp_path / "frames", signer()), "image/png"))
    assert "SHA-256" in manifest["ingredients"][0]["description"]
    descriptions = [action["description"] for action in manifest["assertions"][0]["data"]["actions"]]
    assert descriptions == [
        "A photo, animated with the motion 'talk'",
        "A visible label, 'AI-animated', in every frame",
    ]
