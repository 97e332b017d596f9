"""The record of finished files survives everything but being edited."""

import os
from pathlib import Path

import pytest
from vivant.preparation.config import PreparationError
from vivant.preparation.ledger import LEDGER_FILE, Ledger, Packed, Run, offsets_of
from vivant.preparation.one_file import Outcome, SceneEntry
from vivant.preparation.sources import Source
from vivant.runtime.errors import OutputError


def _outcome(path: str, status: str = "kept", size: int = 512) -> Outcome:
    source = Source(path, "p", "train", "video")
    scenes = [SceneEntry(f"{path}/000", 4, 0.5, 0)] if status == "kept" else []
    return Outcome(source, status, "" if scenes else "no face", bytes=size, scenes=scenes)  # type: ignore[arg-type]


def test_what_was_recorded_is_read_again(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        for outcome in (_outcome("a.mp4"), _outcome("b.mp4", "rejected"), _outcome("c.mp4", size=1024)):
            ledger.add_outcome(outcome)
        ledger.add_shard(Packed("train-000000.tar", "train", ("a.mp4",), (0,)))
        ledger.add_run(Run(3, 10, 8, 2, 1.5))
        before = (ledger.outcomes, ledger.shards, ledger.runs)
    with Ledger(tmp_path) as again:
        assert (again.outcomes, again.shards, again.runs) == before
        assert [outcome.source.path for outcome in again.waiting("train")] == ["c.mp4"]
        assert again.splits() == ["train"]


def test_failed_files_are_tried_again_and_rejected_ones_are_not(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        for path, status in (("a", "kept"), ("b", "rejected"), ("c", "failed")):
            ledger.add_outcome(_outcome(path, status))
        assert [ledger.finished(path) for path in "abcd"] == [True, True, False, False]
        ledger.add_outcome(_outcome("c"))
        assert ledger.finished("c")


@pytest.mark.parametrize("torn", [b'{"file":{"sou', b'{"run"'])
def test_a_line_that_a_kill_tore_does_not_count(tmp_path: Path, torn: bytes) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add_outcome(_outcome("a.mp4"))
    whole = (tmp_path / LEDGER_FILE).read_bytes()
    (tmp_path / LEDGER_FILE).write_bytes(whole + torn)
    with Ledger(tmp_path) as again:
        assert list(again.outcomes) == ["a.mp4"]
        again.add_outcome(_outcome("b.mp4"))
    with Ledger(tmp_path) as third:
        assert list(third.outcomes) == ["a.mp4", "b.mp4"]


def test_a_damaged_ledger_is_told(tmp_path: Path) -> None:
    (tmp_path / LEDGER_FILE).write_text('{"file": 3}\n')
    with pytest.raises(PreparationError, match="is damaged at byte 12"), Ledger(tmp_path):
        pass


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    with Ledger(tmp_path), pytest.raises(PreparationError, match="Another run is preparing"), Ledger(tmp_path):
        pass
    with Ledger(tmp_path):
        pass


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        with open("/dev/full", "wb") as full:  # answers every write as a full disk does
            os.dup2(full.fileno(), ledger._file.fileno())
        with pytest.raises(OutputError, match="No space left on device"):
            ledger.add_outcome(_outcome("a.mp4"))
        assert not ledger.finished("a.mp4")


def test_offsets_of_joined_parts() -> None:
    assert offsets_of([_outcome("a", size=512), _outcome("b", size=1024), _outcome("c")]) == (0, 512, 1536)
