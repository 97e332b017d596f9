"""Talking to the user: results go to standard output, everything else to standard error."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from ..runtime import driver
from ..runtime.session import BUNDLED

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

BundleOption = Annotated[
    Path, typer.Option("--bundle", envvar="VIVANT_BUNDLE", help="Folder of the graphs.", show_default="the bundled one")
]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="Processors to use.", show_default="all available")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print a machine-readable summary instead of text.")]
DEFAULT_BUNDLE = BUNDLED


def say(line: str) -> None:
    """Prints a result on standard output as it is."""
    out.print(Text(line))


def note(line: str) -> None:
    """Tells something worth knowing on standard error."""
    err.print(Text("note: ", style="cyan") + Text(line, style="default"))


def complain(line: str) -> None:
    """Tells an error on standard error."""
    err.print(Text("error: ", style="bold red") + Text(line, style="default"))


@contextmanager
def progress_bar() -> Iterator[driver.Progress]:
    """A bar for each stage on standard error; nothing where that is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage)
            bar.update(tasks[stage], completed=done, total=max(total, done) or None)

        yield show
