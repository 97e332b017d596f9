"""What is done: one line of JSON for each finished file, packed shard and run, in the order in which it happened.

A line counts once it is whole, so that a run that is killed at any moment loses no more than the files in work.
"""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from ..runtime.errors import OutputError
from .config import PreparationError
from .one_file import Outcome

LEDGER_FILE: Final = "ledger.jsonl"


@dataclass(frozen=True)
class Packed:
    """A shard of one split: its files' paths in their order, and where each one's samples begin."""

    shard: str
    split: str
    files: tuple[str, ...]
    offsets: tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """One run of the command: files it finished, frames it looked at and kept, its workers, and how long it took."""

    files: int
    looked: int
    kept: int
    workers: int
    seconds: float


class Ledger:
    """The record of a folder of shards; only one process at a time may hold it for writing.

    Attributes:
        outcomes: of every finished file, by path (the latest, where one was tried again).
        shards: all packed shards. runs: all runs that ended, however they did.

    Raises:
        PreparationError: another process holds it, or it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LEDGER_FILE
        self.outcomes: dict[str, Outcome] = {}
        self.shards: list[Packed] = []
        self.runs: list[Run] = []
        self._waiting: dict[str, dict[str, Outcome]] = {}

    def __enter__(self) -> Self:
        try:
            self._file = self.path.open("a+b", buffering=0)
        except OSError as error:
            raise PreparationError(f"{self.path} cannot be opened: {error.strerror}.") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read()
        except BlockingIOError:
            self._file.close()
            raise PreparationError(f"Another run is preparing {self.path.parent}; wait for it or end it.") from None
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def finished(self, path: str) -> bool:
        """Whether that file needs no further run."""
        outcome = self.outcomes.get(path)
        return outcome is not None and outcome.status != "failed"

    def waiting(self, split: str) -> list[Outcome]:
        """Kept files of a split whose parts are in no shard yet, in the order in which they were finished."""
        return list(self._waiting.get(split, {}).values())

    def splits(self) -> list[str]:
        """Splits of which something waits."""
        return sorted(split for split, outcomes in self._waiting.items() if outcomes)

    def forget(self, outcome: Outcome) -> None:
        """Take a waiting file for not done: its part is gone."""
        del self.outcomes[outcome.source.path], self._waiting[outcome.source.split][outcome.source.path]

    def add_outcome(self, outcome: Outcome) -> None:
        """Record a finished file."""
        self._append({"file": outcome.as_json()})
        self._take_outcome(outcome)

    def add_shard(self, packed: Packed) -> None:
        """Record a shard that is in its place."""
        self._append({"shard": asdict(packed)})
        self._take_shard(packed)

    def add_run(self, run: Run) -> None:
        """Record a run."""
        self._append({"run": asdict(run)})
        self.runs.append(run)

    def _append(self, entry: dict[str, Any]) -> None:
        line = (json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
        before = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file.fileno(), before)
            raise OutputError(f"{self.path} cannot be written: {error.strerror}.") from None

    def _read(self) -> None:
        self._file.seek(0)
        length = 0
        lines = io.BufferedReader(self._file)
        for line in lines:
            if not line.endswith(b"\n"):  # the process was killed while it wrote
                break
            length += len(line)
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise PreparationError(f"{self.path} is damaged at byte {length}; name another folder.") from None
        lines.detach()
        os.ftruncate(self._file.fileno(), length)

    def _take(self, entry: dict[str, Any]) -> None:
        if "file" in entry:
            self._take_outcome(Outcome.from_json(entry["file"]))
        elif "shard" in entry:
            values = entry["shard"]
            files, offsets = tuple(values["files"]), tuple(values["offsets"])
            self._take_shard(Packed(values["shard"], values["split"], files, offsets))
        else:
            self.runs.append(Run(**entry["run"]))

    def _take_outcome(self, outcome: Outcome) -> None:
        self.outcomes[outcome.source.path] = outcome
        if outcome.status == "kept":
            self._waiting.setdefault(outcome.source.split, {})[outcome.source.path] = outcome

    def _take_shard(self, packed: Packed) -> None:
        self.shards.append(packed)
        for path in packed.files:
            del self._waiting[packed.split][path]


def offsets_of(outcomes: Iterable[Outcome]) -> tuple[int, ...]:
    """Where each file's samples begin in a shard that joins their parts in this order."""
    starts, position = [], 0
    for outcome in outcomes:
        starts.append(position)
        position += outcome.bytes
    return tuple(starts)
