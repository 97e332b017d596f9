"""The command line: outputs, summaries, exit codes."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clipmaking import write_video
from conftest import Command
from PIL import Image
from standin import picture_with_faces
from typer.main import get_command
from vivant.cli import app
from vivant.runtime.images import load_photo
from vivant.runtime.media import VideoReader
from vivant.runtime.outputs import sha256_of
from vivant.runtime.tracks import MotionTrack


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def with_standin(standin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands use the stand-in graphs."""
    monkeypatch.setenv("VIVANT_BUNDLE", str(standin_folder))


@pytest.fixture
def photos() -> list[Path]:
    """Two pictures for the stand-in graphs."""
    for name in ("anna", "ben"):
        Image.fromarray(picture_with_faces((100, 60, 80))).save(f"{name}.png")
    return [Path("anna.png"), Path("ben.png")]


@pytest.fixture
def driver() -> Path:
    """A driving video for the stand-in graphs: a face that is lost once and found again further to the right."""
    frames = [picture_with_faces((60, 60, 80))] * 3 + [picture_with_faces()] + [picture_with_faces((150, 60, 80))] * 2
    return write_video(Path("driver.mkv"), frames)


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    """Every command that is no group: its words, and its options."""
    if hasattr(command, "commands"):
        for name, one in command.commands.items():
            yield from leaves(one, (*path, name))
    else:
        yield " ".join(path), {o for p in command.params for o in (*p.opts, *p.secondary_opts)}


COMMANDS = dict(leaves(get_command(app)))


def test_help_names_every_command(vivant: Command) -> None:
    top = vivant("--help")
    assert top.code == 0
    assert {"animate", "inspect", "train teacher", "motion extract"} <= set(COMMANDS)
    for name in COMMANDS:
        assert f" {name.split()[0]} " in top.out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_of_options_that_there_are(vivant: Command, name: str) -> None:
    ran = vivant(*name.split(), "--help")
    assert ran.code == 0
    examples = [line for line in ran.out.splitlines() if line.lstrip().startswith(f"vivant {name}")]
    assert examples
    for example in examples:
        assert {word for word in example.split() if word.startswith("-")} <= COMMANDS[name], example


@pytest.mark.parametrize("ending", [".mp4", ".webm", ".gif"])
def test_animate_writes_the_kind_that_the_ending_names(
    vivant: Command, with_standin: None, photos: list[Path], driver: Path, ending: str
) -> None:
    ran = vivant("animate", "anna.png", "--motion", driver, "-o", f"out{ending}")
    assert (ran.code, ran.out) == (0, f"out{ending}\n")
    with VideoReader(Path(f"out{ending}")) as reader:
        assert len(list(reader)) == 6


def test_animate_writes_pictures_into_a_folder(
    vivant: Command, with_standin: None, photos: list[Path], driver: Path
) -> None:
    assert vivant("animate", "anna.png", "-m", driver, "-o", "frames/").code == 0
    assert sorted(os.listdir("frames")) == [f"{i:05d}.png" for i in range(6)]


def test_json_is_one_object_for_each_clip(
    vivant: Command, with_standin: None, photos: list[Path], driver: Path
) -> None:
    ran = vivant("animate", *photos, "--motion", driver, "-o", "clips/", "--json", "--loop", 2)
    summaries = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 0
    assert [summary["file"] for summary in summaries] == ["clips/anna-driver.mp4", "clips/ben-driver.mp4"]
    for summary in summaries:
        assert summary["sha256"] == sha256_of(Path(summary["file"]))
        assert (summary["frames"], summary["fps"]) == (12, 25)
        assert summary["milliseconds"]["render"] > 0
        assert summary["notes"] == ["driver.mkv shows no face in 1 frames on the way; the last motion is held there."]
    assert "note: driver.mkv shows no face" in ran.err


def test_without_output_the_clip_is_named_after_photo_and_motion(
    vivant: Command, with_standin: None, photos: list[Path], driver: Path
) -> None:
    assert vivant("animate", "anna.png", "--motion", driver).out == "anna-driver.mp4\n"


def test_one_bad_photo_does_not_stop_the_others(
    vivant: Command, with_standin: None, photos: list[Path], driver: Path
) -> None:
    Path("empty.png").touch()
    ran = vivant("animate", "anna.png", "empty.png", "ben.png", "--motion", driver)
    assert ran.code == 1
    assert ran.out.split() == ["anna-driver.mp4", "ben-driver.mp4"]
    assert "error: empty.png is empty." in ran.err


def test_several_photos_need_a_folder_and_different_names(
    vivant: Command, with_standin: None, photos: list[Path], driver: Path
) -> None:
    assert "name a folder/" in vivant("animate", *photos, "-m", driver, "-o", "out.mp4").err
    Path("other").mkdir()
    Path("anna.png").rename("other/ben.png")
    assert "both become ben-driver.mp4" in vivant("animate", "ben.png", "other/ben.png", "-m", driver).err


def test_faces_are_chosen_by_number_or_all(vivant: Command, with_standin: None, driver: Path) -> None:
    Image.fromarray(picture_with_faces((180, 60, 80), (30, 80, 50))).save("group.png")

    def faces(*options: str) -> tuple[int, list[int]]:
        summary = json.loads(vivant("animate", "group.png", "-m", driver, "--json", "-o", "o.mp4", *options).out)
        return summary["faces"], summary["size"]

    assert faces() == faces("--face", "2") == (1, [160])
    assert faces("--face", "1") == (1, [100])
    assert faces("--face", "all") == (2, [100, 160])
    assert faces("--face", "1", "--size", "512") == (1, [512])


@pytest.mark.parametrize(
    "options",
    [
        ["--face", "0"],
        ["--face", "left"],
        ["--size", "333"],
        ["--loop", "0"],
        ["--gain-pose", "-1"],
        ["--transfer", "both"],
        ["--transfer", "absolute", "--gain-lips", "0.5"],
        ["ben.png", "--also", "anna.png"],
        ["--unknown"],
    ],
)
def test_wrong_usage_ends_with_code_2(vivant: Command, with_standin: None, options: list[str]) -> None:
    ran = vivant("animate", "anna.png", *options)
    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert os.listdir() == []


def test_motion_list_shows_every_preset(vivant: Command) -> None:
    summaries = json.loads(vivant("motion", "list", "--json").out)
    names = {summary["name"] for summary in summaries}
    assert {"idle", "smile", "talk", "nod", "look-around", "surprise", "laugh", "wink"} <= names
    table = vivant("motion", "list").out
    assert all(name in table for name in names)


def test_motion_extract_then_show_then_animate(
    vivant: Command, with_standin: None, photos: list[Path], driver: Path
) -> None:
    ran = vivant("motion", "extract", driver, "-o", "shift.safetensors", "--no-smooth")
    assert (ran.code, ran.out) == (0, "shift.safetensors\n")
    assert MotionTrack.load(Path("shift.safetensors")).translation[:, 0] == pytest.approx([0, 0, 0, 0, 0.9, 0.9])
    shown = vivant("motion", "show", "shift.safetensors")
    assert "▁▁▁▁██" in shown.out
    assert json.loads(vivant("motion", "show", "shift.safetensors", "--json").out)["frames"] == 6
    assert vivant("animate", "anna.png", "--motion", "shift.safetensors", "-o", "out.gif").code == 0
    assert "must end in .safetensors" in vivant("motion", "extract", driver, "-o", "shift.npz").err


def test_track_a_picture(vivant: Command, astronaut: Path) -> None:
    result = json.loads(vivant("track", astronaut).out)
    assert (result["width"], result["height"]) == (512, 512)
    assert np.array(result["landmarks"]).shape == (1, 478, 3)
    assert vivant("track", astronaut, "-o", "landmarks.npz", "--draw", "drawn.png").code == 0
    stored = np.load("landmarks.npz")["landmarks"]
    assert stored == pytest.approx(np.array(result["landmarks"]), abs=0.01)
    changed = (load_photo(Path("drawn.png")).pixels != load_photo(astronaut).pixels).any(axis=-1)
    x, y = stored[0, 1, :2].astype(int)  # the tip of the nose
    assert changed[y, x]
    assert changed.sum() < 478 * 9


def test_track_a_video(vivant: Command, with_standin: None, driver: Path) -> None:
    assert vivant("track", driver, "-o", "track.json", "--draw", "drawn.mp4").code == 0
    result = json.loads(Path("track.json").read_text())
    assert result["found"] == [True, True, True, False, True, True]
    assert result["fps"] == 25
    assert np.array(result["landmarks"]).shape == (6, 478, 3)
    with VideoReader(Path("drawn.mp4")) as reader:
        assert len(list(reader)) == 6


def test_track_refuses_what_is_neither(vivant: Command) -> None:
    Path("text.txt").write_text("hello")
    assert "not a video" in vivant("track", "text.txt").err
    assert "does not exist" in vivant("track", "missing.jpg").err
    assert os.listdir() == ["text.txt"]


def test_bench_times_every_graph(vivant: Command, with_standin: None, photos: list[Path]) -> None:
    timings = json.loads(vivant("bench", "anna.png", "--runs", 2, "--json").out)
    assert {(t["graph"], t["threads"]) for t in timings} >= {("detect", 1), ("detect", 2), ("render", 1), ("paste", 2)}
    assert [t["size"] for t in timings if (t["graph"], t["threads"]) == ("render", 1)] == [256, 512, 1024]
    assert "render" in vivant("bench", "anna.png", "--runs", 1, "--threads", 1).out


def test_verify_says_whether_the_bundle_equals_torch(vivant: Command, standin_folder: Path) -> None:
    ran = vivant("verify", "--bundle", standin_folder)
    assert ran.code == 1
    assert "was not exported from" in ran.err


def test_export_refuses_what_is_no_student(vivant: Command) -> None:
    Path("text.safetensors").write_text("nothing")
    ran = vivant("export", "text.safetensors", "-o", "bundle")
    assert ran.code == 1
    assert "was not exported" in ran.err
    assert os.listdir() == ["text.safetensors"]
