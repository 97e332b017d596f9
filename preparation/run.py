"""`vivant prepare`: finds files, has them prepared, packs shards, keeps the index and the report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..runtime.driver import Progress, no_progress
from ..runtime.errors import OutputError
from ..runtime.session import BUNDLED, Bundle
from .config import PreparationConfig, claim_output
from .index import write_index
from .ledger import Ledger, Packed, Run, offsets_of
from .one_file import Outcome, part_name
from .report import write_report
from .shards import pack
from .sources import Source, find_sources

PARTS: Final = "parts"
SHARD_BYTES: Final = 256_000_000


@dataclass(frozen=True)
class Place:
    """Where and how a run works.

    Attributes:
        workers: processes; None for one a processor. address: of a Ray cluster; None for this machine alone.
        shard_bytes: size from which a shard is closed. bundle: folder of the graphs.
    """

    workers: int | None = None
    address: str | None = None
    shard_bytes: int = SHARD_BYTES
    bundle: Path = BUNDLED


def prepare(
    folder: Path, output: Path, config: PreparationConfig, place: Place, progress: Progress = no_progress
) -> Ledger:
    """Prepare all files of a folder that are not prepared yet.

    Whatever ends a run (an error, Ctrl-C, a kill), finished files stay and the next run goes on after them.

    Returns:
        the ledger, closed, with everything that was ever done in `output`.

    Raises:
        VivantError: there is nothing to prepare, `output` belongs to something else or cannot be written, or Ray does
            not start. BundleError: the graphs are damaged.
    """
    bundle = Bundle(place.bundle, threads=1)
    sources = find_sources(folder, config)
    claim_output(output, folder, config, bundle.manifest)
    parts = output / PARTS
    with Ledger(output) as ledger:
        parts.mkdir(exist_ok=True)
        _tidy(parts, ledger)
        todo = [source for source in sources if not ledger.finished(source.path)]
        progress("preparing", len(sources) - len(todo), len(sources))
        if todo:
            _work(todo, folder, output, config, place, ledger, progress, len(sources))
        _pack_full(output, ledger, 1)
        _tidy(parts, ledger)
        parts.rmdir()
        write_index(output, ledger)
        write_report(output, ledger)
    return ledger


def _work(
    todo: Sequence[Source],
    folder: Path,
    output: Path,
    config: PreparationConfig,
    place: Place,
    ledger: Ledger,
    progress: Progress,
    total: int,
) -> None:
    """Has the files prepared; records each as it is finished, and the run when it ends."""
    from .workers import Assignment, prepare_all, ray_session  # Ray takes a second to import

    assignment = Assignment(folder.resolve(), (output / PARTS).resolve(), config, place.bundle.resolve())
    done: list[Outcome] = []
    started, workers = time.monotonic(), 0
    try:
        with ray_session(place.address, place.workers) as workers:
            started = time.monotonic()
            for outcome in prepare_all(todo, assignment, workers):
                ledger.add_outcome(outcome)
                done.append(outcome)
                progress("preparing", total - len(todo) + len(done), total)
                _pack_full(output, ledger, place.shard_bytes)
    finally:
        with suppress(OSError):
            _tidy(output / PARTS, ledger)  # workers that were ended had begun parts
        looked, kept = sum(o.looked for o in done), sum(o.kept for o in done)
        with suppress(OutputError):  # on a full disk what ended the run counts, not that it goes unrecorded
            if done:
                ledger.add_run(Run(len(done), looked, kept, workers, round(time.monotonic() - started, 3)))


def _pack_full(output: Path, ledger: Ledger, least: int) -> None:
    """Makes shards of waiting parts, of at least that many bytes each."""
    for split in ledger.splits():
        outcomes = ledger.waiting(split)
        if sum(outcome.bytes for outcome in outcomes) < least:
            continue
        number = sum(packed.split == split for packed in ledger.shards)
        name = f"{split}-{number:06d}.tar"
        paths = [output / PARTS / part_name(outcome.source) for outcome in outcomes]
        pack(paths, output / name)
        files = tuple(outcome.source.path for outcome in outcomes)
        ledger.add_shard(Packed(name, split, files, offsets_of(outcomes)))
        for path in paths:
            path.unlink()


def _tidy(parts: Path, ledger: Ledger) -> None:
    """Removes what an earlier run left unfinished; its files are done again, like those whose parts are gone."""
    waiting = {part_name(o.source): o for split in ledger.splits() for o in ledger.waiting(split)}
    present = {path.name for path in parts.iterdir()}
    for name in present - waiting.keys():
        (parts / name).unlink()
    for name in waiting.keys() - present:
        ledger.forget(waiting[name])
