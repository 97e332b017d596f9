"""`vivant prepare`: videos and photos become training data."""

import json
import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..runtime.errors import VivantError
from .console import DEFAULT_BUNDLE, BundleOption, JsonOption, note, progress_bar, say
from .extras import needing_extra


class PeopleChoice(StrEnum):
    """What tells who is who."""

    auto = "auto"
    folder = "folder"
    file = "file"


def prepare_command(
    folder: Annotated[Path, typer.Argument(help="Any tree of videos and photos.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the shards; what lies there is continued.")],
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes, one file at a time each.", show_default="one a processor")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="A Ray cluster's address, or auto.", show_default="this machine alone")
    ] = None,
    fps: Annotated[float, typer.Option(min=0.1, max=60, help="Frames kept a second of video.")] = 8.0,
    quality: Annotated[int, typer.Option(min=50, max=100, help="Of the stored JPEGs.")] = 95,
    lossless: Annotated[bool, typer.Option("--lossless", help="Store lossless WebP: twice the size.")] = False,
    heldout: Annotated[float, typer.Option(min=0, max=1, help="Share of people that are held out.")] = 0.05,
    people: Annotated[
        PeopleChoice, typer.Option(help="Who is who: by top-level folder, each file by itself, or as found.")
    ] = PeopleChoice.auto,
    arrays: Annotated[
        Path | None, typer.Option(help="Also write the arrays that training reads into this new folder.")
    ] = None,
    arrays_gigabytes: Annotated[
        float, typer.Option(min=0, help="Most that the arrays may take: people are drawn.", show_default="no limit")
    ] = math.inf,
    shard_megabytes: Annotated[int, typer.Option(min=1, help="Size from which a shard is closed.")] = 256,
    json_summary: JsonOption = False,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Prepare training data: find, follow, judge and crop faces into WebDataset shards.

    People: of an index.csv (columns file, person, split; beside videos/ and photos/), else of folders named as in
    VoxCeleb2 (id00012), else top-level folders, else each file is a person. The same command goes on where it was
    stopped and adds new files. Beside the shards: report.html, index.csv, people.csv, rejected.csv.

    [bold]Examples[/bold]

    vivant prepare clips/ -o shards/

    vivant prepare clips/ -o shards/ --arrays cache/            what vivant train teacher reads

    vivant prepare vox2/ -o shards/ --fps 2 --address auto      on a Ray cluster
    """
    with needing_extra("train"):
        from ..preparation.arrays import check_arrays, write_arrays
        from ..preparation.config import PreparationConfig
        from ..preparation.report import summary, summary_lines
        from ..preparation.run import Place, prepare
    config = PreparationConfig(fps=fps, quality=None if lossless else quality, heldout=heldout, people=people.value)
    place = Place(workers, address, shard_megabytes * 1_000_000, bundle_folder)
    if arrays is not None:
        check_arrays(arrays)
    with progress_bar() as progress:
        ledger = prepare(folder, output, config, place, progress)
        if arrays is not None:
            write_arrays(output, arrays, arrays_gigabytes * 1e9, progress)
    if json_summary:
        say(json.dumps(summary(output, ledger), ensure_ascii=False))
    else:
        for line in summary_lines(output, ledger):
            note(line)
        say(str(output / "report.html"))
        if arrays is not None:
            say(str(arrays))
    if not ledger.shards:
        raise VivantError(f"No file of {folder} gave a sample; {output / 'rejected.csv'} says why.")
