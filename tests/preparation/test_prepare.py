"""Whole runs on Ray: stopped by Ctrl-C, robbed of a worker, short of disk, gone on with, on a cluster."""

import csv
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from clipmaking import write_video
from conftest import Command
from PIL import Image
from vivant.preparation import workers
from vivant.preparation.config import PreparationConfig, PreparationError
from vivant.preparation.index import read_index
from vivant.preparation.ledger import LEDGER_FILE, Ledger
from vivant.preparation.report import summary
from vivant.preparation.run import Place, prepare
from vivant.preparation.shards import read_scene, read_shards
from vivant.runtime.session import BUNDLED

from .conftest import Frame, drifting

CONFIG = PreparationConfig(heldout=0.5)
COMMAND = ["--heldout", "0.5", "--workers", "2"]
BAD = {
    "id00009/bad/text.mp4": "unreadable",
    "id00009/bad/empty.mp4": "unreadable",
    "id00009/bad/one.mp4": "short",
    "wall.jpg": "no face",
}
SHARD_BYTES = 500_000  # two clips
WITH_TOKEN = os.environ | {"RAY_AUTH_MODE": "token"}


def _busy_workers() -> list[int]:
    """Processes of this process's own Ray that prepare a file right now."""
    parents, busy = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if (folder / "cmdline").read_bytes().startswith(b"ray::Preparer.prepare"):
                busy.append(int(folder.name))
        except (OSError, ValueError):
            continue

    def is_ours(pid: int) -> bool:
        while pid > 1:
            pid = parents.get(pid, 0)
            if pid == os.getpid():
                return True
        return False

    return [pid for pid in busy if is_ours(pid)]


@contextmanager
def _killing(most: int) -> Iterator[list[int]]:
    """Kills that many workers while they prepare a file, one at a time; gives those that were killed."""
    killed: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while len(killed) < most and not stop.wait(0.02):
            for pid in _busy_workers()[:1]:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                stop.wait(0.2)  # until it has left the list of processes

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()


def _left_unfinished(output: Path) -> list[Path]:
    return [path for path in output.rglob("*") if "partial" in path.name]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, films: Path, anna: Frame) -> Path:
    """The films of two people, a photo of one, and files that are of no use."""
    folder = tmp_path_factory.mktemp("mixed")
    shutil.copytree(films, folder, dirs_exist_ok=True)
    Image.fromarray(anna).save(folder / "id00001" / "photo.jpg", quality=95)
    (folder / "id00009" / "bad").mkdir(parents=True)
    (folder / "id00009/bad/text.mp4").write_text("no film")
    (folder / "id00009/bad/empty.mp4").touch()
    write_video(folder / "id00009/bad/one.mp4", [anna], fps=8)
    Image.new("RGB", (200, 200), "grey").save(folder / "wall.jpg")
    return folder


@pytest.fixture(scope="module")
def runs(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A run that Ctrl-C ended, and the one that finished it and lost a worker on the way."""
    output = tmp_path_factory.mktemp("runs") / "shards"
    command = [sys.executable, "-m", "vivant", "prepare", mixed, "-o", output, *COMMAND]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and first.poll() is None:
        if (output / LEDGER_FILE).exists() and (output / LEDGER_FILE).read_bytes().count(b'"status":"kept"') >= 2:
            break
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGINT)  # what a terminal does
    _, told = first.communicate(timeout=30)
    with Ledger(output) as ledger:
        done = set(ledger.outcomes)
        parts = {path.name for path in (output / "parts").iterdir()}
    after = SimpleNamespace(code=first.returncode, told=told, done=done, parts=parts, left=_left_unfinished(output))
    with _killing(1) as killed:
        ledger = prepare(mixed, output, CONFIG, Place(workers=2, shard_bytes=SHARD_BYTES))
    return SimpleNamespace(folder=mixed, output=output, first=after, killed=killed, ledger=ledger)


def test_ctrl_c_keeps_what_is_finished_and_nothing_else(runs: SimpleNamespace) -> None:
    first = runs.first
    assert first.code == 130
    assert "Interrupted" in first.told
    assert "Traceback" not in first.told
    assert 2 <= len(first.done) < 11
    assert 2 <= len(first.parts) <= len(first.done)
    assert first.left == []


def test_the_next_run_does_only_what_is_missing(runs: SimpleNamespace) -> None:
    assert [run.files for run in runs.ledger.runs] == [len(runs.first.done), 11 - len(runs.first.done)]


def test_a_killed_worker_loses_no_file_and_doubles_none(runs: SimpleNamespace) -> None:
    assert len(runs.killed) == 1
    scenes = list(read_shards(sorted(runs.output.glob("*.tar"))))
    files = Counter(scene.meta["file"] for scene in scenes)
    good = {path.relative_to(runs.folder).as_posix() for path in runs.folder.rglob("*.*")} - set(BAD)
    assert len(good) == 7
    assert files == dict.fromkeys(good, 1)
    assert {len(scene.crops) for scene in scenes if scene.meta["kind"] == "video"} == {6}


def test_bad_files_stop_nothing_and_are_told(runs: SimpleNamespace) -> None:
    with (runs.output / "rejected.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"]: row["reason"] for row in rows} == BAD
    assert all(row["status"] == "rejected" and row["detail"] for row in rows)


def test_counts_add_up(runs: SimpleNamespace) -> None:
    counts = summary(runs.output, runs.ledger)
    assert counts["files"] == 11 == counts["kept"] + counts["rejected"] + counts["failed"]
    assert counts["frames"] == 6 * 6 + 1 == sum(outcome.kept for outcome in runs.ledger.outcomes.values())
    for outcome in runs.ledger.outcomes.values():
        assert outcome.looked == outcome.kept + sum(outcome.rejects.values())
    assert counts["files_left_out"] == {"unreadable": 2, "short": 1, "no face": 1}


def test_the_index_leads_to_every_sample(runs: SimpleNamespace) -> None:
    samples = read_index(runs.output)
    assert [sample.person for sample in samples] == sorted(["id00001"] * 4 + ["id00002"] * 3)
    for sample in samples:
        scene = read_scene(runs.output / sample.shard, sample.offset)
        assert (scene.key, scene.meta["person"], len(scene.crops)) == (sample.key, sample.person, sample.frames)
        assert sample.shard.startswith(sample.split)
    people = {sample.person: sample.split for sample in samples}
    assert all(people[sample.person] == sample.split for sample in samples)
    with (runs.output / "people.csv").open(newline="") as file:
        totals = {row["person"]: (int(row["files"]), int(row["frames"])) for row in csv.DictReader(file)}
    assert totals == {"id00001": (4, 19), "id00002": (3, 18)}


def test_shards_are_closed_when_they_are_large_enough(runs: SimpleNamespace) -> None:
    assert len(runs.ledger.shards) > 2
    assert {path.name for path in runs.output.glob("*.tar")} == {packed.shard for packed in runs.ledger.shards}
    assert not (runs.output / "parts").exists()
    assert _left_unfinished(runs.output) == []


def test_the_report_stands_alone_and_shows_pictures(runs: SimpleNamespace) -> None:
    page = (runs.output / "report.html").read_text(encoding="utf-8")
    assert page.count('src="data:image/png;base64,') == 5
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    for word in ("unreadable", "no face", "id00002", "heldout"):
        assert word in page


def test_a_finished_folder_needs_no_workers(runs: SimpleNamespace, vivant: Command) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in runs.output.glob("*.tar")}
    ran = vivant("prepare", runs.folder, "-o", runs.output, *COMMAND, "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["frames"] == 37
    assert {path.name: path.stat().st_mtime_ns for path in runs.output.glob("*.tar")} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fps", "4"], "was prepared with fps 8.0, not 4.0"),
        (["--lossless"], "was prepared with quality 95, not None"),
        (["--people", "file"], "was prepared with people 'auto', not 'file'"),
    ],
)
def test_another_configuration_is_refused(
    runs: SimpleNamespace, vivant: Command, options: list[str], message: str
) -> None:
    ran = vivant("prepare", runs.folder, "-o", runs.output, *COMMAND, *options)
    assert ran.code == 1
    assert message in ran.err


def test_other_folders_are_refused(runs: SimpleNamespace, tmp_path: Path, vivant: Command) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for arguments, message in (
        ((tmp_path / "empty", "-o", tmp_path / "new"), "holds no videos and no photos"),
        ((tmp_path / "nowhere", "-o", tmp_path / "new"), "is not there"),
        ((runs.folder, "-o", tmp_path), "holds other files"),
        ((runs.folder, "-o", tmp_path / "file"), "is a file; shards need a folder"),
        ((runs.folder, "-o", tmp_path / "new", "--arrays", tmp_path / "empty"), "exists; name a new folder"),
    ):
        ran = vivant("prepare", *arguments, *COMMAND)
        assert (ran.code, ran.err.count("\n")) == (1, 1)
        assert message in ran.err
    assert not (tmp_path / "new").exists()


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a Ray cluster of one machine with two processors, started as one starts them; it wants a token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=2"]
    command += [f"--port={port}", "--node-ip-address=127.0.0.1", "--include-dashboard=false", "--disable-usage-stats"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=WITH_TOKEN)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(30)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB: it holds the part of one clip."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", mounted], capture_output=True)
    if made.returncode:
        pytest.skip("a small file system cannot be mounted here (that takes root)")
    yield mounted
    subprocess.run(["umount", "-l", mounted], check=True)


def _on_cluster(films: Path, output: Path, address: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vivant", "prepare", films, "-o", output, "--address", address, "--json", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=WITH_TOKEN)


def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(films: Path, small_disk: Path, cluster: str) -> None:
    """On a cluster, which outlives the runs."""
    output = small_disk / "shards"
    ran = _on_cluster(films / "id00001", output, cluster, "--workers", "1")
    assert ran.returncode == 1
    assert "No space left on device" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert _left_unfinished(output) == []
    with Ledger(output) as ledger:
        assert len(ledger.outcomes) == 1
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    ran = _on_cluster(films / "id00001", output, cluster)
    assert ran.returncode == 0
    last = json.loads(ran.stdout)["last_run"]
    assert (last["files"], last["workers"]) == (2, 2)
    assert len({sample.key for sample in read_index(output)}) == 3


def test_a_file_that_ends_every_worker_is_given_up_and_tried_again_later(
    tmp_path: Path, anna: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "ATTEMPTS", 2)
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    write_video(folder / "deadly.mp4", drifting(anna, 24, 1), fps=8)
    with _killing(2) as killed:
        ledger = prepare(folder, output, PreparationConfig(), Place(workers=1))
    assert len(killed) == 2
    outcome = ledger.outcomes["deadly.mp4"]
    assert (outcome.status, outcome.reason) == ("failed", "worker died")
    assert _left_unfinished(output) == []
    with Ledger(output) as again:
        assert not again.finished("deadly.mp4")


def test_a_cluster_that_is_not_there_is_told(films: Path, tmp_path: Path) -> None:
    with pytest.raises(PreparationError, match="Ray cannot be reached"):
        prepare(films, tmp_path / "out", CONFIG, Place(address="nowhere", bundle=BUNDLED))
