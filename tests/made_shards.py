"""Shards and arrays for tests, made in this process: what `vivant prepare` does, without Ray."""

from collections.abc import Sequence
from pathlib import Path

from vivant.preparation.arrays import write_arrays
from vivant.preparation.config import PreparationConfig
from vivant.preparation.index import write_index
from vivant.preparation.ledger import Ledger, Packed, offsets_of
from vivant.preparation.one_file import part_name, prepare_file
from vivant.preparation.shards import pack
from vivant.preparation.sources import Source
from vivant.runtime.session import Bundle


def write_shards(bundle: Bundle, folder: Path, sources: Sequence[Source]) -> None:
    """Prepares files of a folder without loss, in this order; the shards lie beside them."""
    with Ledger(folder) as ledger:
        for source in sources:
            ledger.add_outcome(prepare_file(bundle, folder, source, PreparationConfig(quality=None), folder))
        for split in ledger.splits():
            outcomes = ledger.waiting(split)
            pack([folder / part_name(outcome.source) for outcome in outcomes], folder / f"{split}.tar")
            files = tuple(outcome.source.path for outcome in outcomes)
            ledger.add_shard(Packed(f"{split}.tar", split, files, offsets_of(outcomes)))
    write_index(folder, ledger)


def write_cache(bundle: Bundle, folder: Path, sources: Sequence[Source], cache: Path) -> None:
    """The same, unpacked into a new folder of arrays."""
    write_shards(bundle, folder, sources)
    write_arrays(folder, cache)
