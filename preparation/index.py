"""Tables of a folder of shards: `index.csv` (samples, by person), `people.csv`, `rejected.csv`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Final

from ..runtime.outputs import replacing
from .config import PreparationError
from .ledger import Ledger

INDEX_FILE: Final = "index.csv"


@dataclass(frozen=True)
class Sample:
    """A line of `index.csv`: a scene of one person. offset: the byte of the shard at which it begins."""

    person: str
    split: str
    kind: str
    licence: str
    file: str
    key: str
    shard: str
    offset: int
    frames: int
    seconds: float


@dataclass
class PersonTotal:
    """A line of `people.csv`."""

    person: str
    split: str
    files: int = 0
    frames: int = 0
    seconds: float = 0.0


def samples_of(ledger: Ledger) -> list[Sample]:
    """All samples that are in shards, sorted by person, file and scene."""
    found = []
    for packed in ledger.shards:
        for path, start in zip(packed.files, packed.offsets, strict=True):
            outcome = ledger.outcomes[path]
            s = outcome.source
            found += [
                Sample(s.person, s.split, s.kind, s.licence, s.path, scene.key, packed.shard,
                       start + scene.offset, scene.frames, scene.seconds)
                for scene in outcome.scenes
            ]  # fmt: skip
    return sorted(found, key=lambda sample: (sample.person, sample.key))


def people_of(samples: Iterable[Sample]) -> list[PersonTotal]:
    """Sums of samples by person, in their order."""
    people: dict[str, PersonTotal] = {}
    files: dict[str, set[str]] = {}
    for sample in samples:
        person = people.setdefault(sample.person, PersonTotal(sample.person, sample.split))
        files.setdefault(sample.person, set()).add(sample.file)
        person.frames += sample.frames
        person.seconds = round(person.seconds + sample.seconds, 3)
        person.files = len(files[sample.person])
    return list(people.values())


def write_index(output: Path, ledger: Ledger) -> None:
    """Writes the three tables, each complete or not at all."""
    samples = samples_of(ledger)
    _write(output / INDEX_FILE, [field.name for field in fields(Sample)], (astuple(s) for s in samples))
    people = people_of(samples)
    _write(output / "people.csv", [field.name for field in fields(PersonTotal)], (astuple(p) for p in people))
    rejected = sorted((o for o in ledger.outcomes.values() if o.status != "kept"), key=lambda o: o.source.path)
    rows = ((o.source.path, o.status, o.reason, o.detail) for o in rejected)
    _write(output / "rejected.csv", ["file", "status", "reason", "detail"], rows)


def read_index(shards: Path) -> list[Sample]:
    """The samples of a folder of shards.

    Raises:
        PreparationError: it has no index, or a damaged one.
    """
    path = shards / INDEX_FILE
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(_samples(csv.DictReader(file)))
    except FileNotFoundError:
        raise PreparationError(f"{shards} is no folder of finished shards: it has no {INDEX_FILE}.") from None
    except (OSError, UnicodeDecodeError, KeyError, ValueError, csv.Error):
        raise PreparationError(f"{path} is damaged; `vivant prepare` writes it anew.") from None


def _samples(rows: Iterable[dict[str, str]]) -> Iterator[Sample]:
    for row in rows:
        yield Sample(
            row["person"], row["split"], row["kind"], row["licence"], row["file"], row["key"], row["shard"],
            int(row["offset"]), int(row["frames"]), float(row["seconds"]),
        )  # fmt: skip


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
