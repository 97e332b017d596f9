"""The page of living portraits: what is on it, what is refused, and what counts as a failure."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from vivant.runtime.errors import VivantError
from vivant.runtime.session import BUNDLED, Bundle
from vivant.runtime.tracks import MotionTrack

pytest.importorskip("dlib", reason="identities are told apart by dlib")
from vivant.training.portraits import DRIVERS, MOMENTS, _failures, make_portraits, moments, pictures_in


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    if not (BUNDLED / "manifest.json").is_file():
        pytest.skip("the bundle is not here")
    return Bundle(BUNDLED)


def test_a_page_of_pictures(bundle: Bundle, astronaut: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    shutil.copyfile(astronaut, folder / "someone <b>.jpg")
    Image.new("RGB", (300, 300), "skyblue").save(folder / "sky.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture either")
    page = tmp_path / "page.html"
    assert make_portraits([folder], page, bundle, ["smile"]) == 1
    text = page.read_text(encoding="utf-8")
    assert "someone &lt;b&gt;.jpg" in text and "<b>" not in text
    assert "No face was found in sky.png." in text and "broken.jpg" in text and "notes.txt" not in text
    assert "1 picture, 0 with a failure in at least one of 3 moments" in text
    assert len(re.findall("data:image/jpeg", text)) == 1
    assert not re.search(r"https?://", text)


def test_nothing_to_animate(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(VivantError, match="There is no picture in"):
        pictures_in([tmp_path])
    with pytest.raises(VivantError, match="does not exist"):
        make_portraits([tmp_path], tmp_path / "missing" / "page.html", bundle)


@pytest.mark.parametrize("name", DRIVERS)
def test_moments_are_those_farthest_from_rest(bundle: Bundle, name: str) -> None:
    track = MotionTrack.load(bundle.preset(name))
    chosen = moments(track)
    assert len(set(chosen)) == MOMENTS and chosen == sorted(chosen)
    moved = np.abs(track.expression @ track.basis.reshape(len(track.basis), -1)).mean(1)
    assert moved[chosen].mean() > moved.mean()


def test_failures_are_said_with_how_often() -> None:
    good = {"face": 1.0, "landmarks": 1.0, "identity": 0.7}
    lost = {"face": 0.0, "landmarks": float("nan"), "identity": 0.1}
    assert _failures([good, good], 100.0) == ()
    assert _failures([good, lost], 100.0) == (
        "no face is found (1 of 2)",
        "the face is not where it should be (1 of 2)",
        "it is taken for somebody else (1 of 2)",
    )
