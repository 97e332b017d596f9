"""`vivant inspect`: what files say of themselves."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..runtime.inspection import INTACT, Inspection, files_of, inspect_file
from ..runtime.marks import MARKS
from ..runtime.session import Bundle
from ..runtime.watermark import WatermarkReader
from .console import DEFAULT_BUNDLE, BundleOption, JsonOption, note, out, progress_bar, say

UNREADABLE, ABSENT, BROKEN, STRIPPED = 2, 3, 4, 5
STYLES: Final = {"trusted": "bold green", "valid": "green", "self-signed": "green", "broken": "bold red"}
MEANINGS: Final[dict[str, str]] = MARKS["states"] | {"valid": f"{MARKS['states']['valid']} (--trust)"}


def inspect_command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Clips or pictures, or folders of them.")],
    trust: Annotated[Path | None, typer.Option(help="Certificates (PEM) of signers or issuers that you trust.")] = None,
    watermark: Annotated[
        bool, typer.Option("--watermark/--no-watermark", help="Also look for the invisible watermark; takes seconds.")
    ] = True,
    json_summary: JsonOption = False,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Tell what files say of themselves: signed Content Credentials (C2PA), label, watermark, the metadata's note.

    [bold]Exit code[/bold]: 0 every file is marked and intact; 3 a file has no Content Credentials; 5 nor have others,
    but the watermark tells that they were made with vivant; 2 a file cannot be read; 4 a file's credentials are broken.
    Of several, the last in this order.

    [bold]Examples[/bold]

    vivant inspect clip.mp4

    vivant inspect frames/ *.gif --json                  one JSON object a line
    """
    reports: list[Inspection] = []
    reader = WatermarkReader(Bundle(bundle_folder)) if watermark else None
    for path in files:
        found: list[Inspection] = []
        with progress_bar() as progress:
            here = list(files_of(path))
            for file in here:
                progress("inspecting", len(found), len(here))
                found.append(inspect_file(file, trust, reader))
        if json_summary:
            for report in found:
                say(json.dumps(asdict(report) | {"intact": report.state in INTACT}, ensure_ascii=False))
        else:
            _show(path, found)
        reports += found
    if not reports:
        note("There is no file to inspect.")
    raise typer.Exit(exit_code(reports))


def exit_code(reports: list[Inspection]) -> int:
    """0 if all are marked and intact, else BROKEN, UNREADABLE, STRIPPED or ABSENT, the first that applies."""
    states = {report.state for report in reports}
    if "broken" in states:
        return BROKEN
    if "unreadable" in states or not reports:
        return UNREADABLE
    absent = [report for report in reports if report.state == "absent"]
    if any(report.watermark and report.watermark.found for report in absent):
        return STRIPPED
    return ABSENT if absent else 0


def _show(path: Path, reports: list[Inspection]) -> None:
    """Prints one path's reports; the many intact pictures of a folder, alike but for their times, as one."""
    intact = [report for report in reports if report.state in INTACT]
    if len(intact) > 1 and len({report.state for report in intact}) == 1:
        out.print(_shown(intact[0], f"{path} ({len(intact)} files)"))
        reports = [report for report in reports if report.state not in INTACT]
    for report in reports:
        out.print(_shown(report, report.file))


def _shown(report: Inspection, name: str) -> Group:
    style = STYLES.get(report.state, "yellow")
    title = Text.assemble((name, "bold"), "  ", (report.state, style), f"  {MEANINGS[report.state]}")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(report):
        table.add_row(name, Text(value))
    return Group(title, Padding(table, (0, 0, 0, 2)))


def _rows(report: Inspection) -> list[tuple[str, str]]:
    claims = report.claims
    label = {None: None, "removed": "removed by the user's own choice"}.get(
        claims.label, f"“{claims.label}” in every frame"
    )
    rows = [
        ("reason", "; ".join(report.reasons)),
        ("made by", ", ".join(part for part in (claims.generator, claims.when) if part)),
        ("signed by", claims.signer),
        ("issued by", claims.issuer if claims.issuer != claims.signer else None),
        ("kind", ", ".join(claims.source_types)),
        ("motion", claims.motion),
        *(("made of", _ingredient_line(one.title, one.sha256, one.thumbnail)) for one in claims.ingredients),
        ("label", label),
        ("watermark", _watermark_line(report)),
        ("manifest", report.manifest if report.manifest != "embedded" else None),
        ("comment", report.comment),
    ]
    return [(name, value) for name, value in rows if value]


def _watermark_line(report: Inspection) -> str | None:
    reading, stated = report.watermark, report.claims.watermark
    if reading is None:
        return None
    if not reading.found:
        return f"none found (confidence {reading.confidence:.2f})"
    which = "" if stated is None else ", as the manifest states" if stated == reading.message else ""
    other = f", but the manifest states {stated}" if stated not in (None, reading.message) else ""
    cut = "" if reading.scale == 1.0 else ", in a part of the picture it was made for"
    return f"{reading.message}, confidence {reading.confidence:.2f}{which}{other}{cut}"


def _ingredient_line(title: str, sha256: str | None, thumbnail: bool) -> str:
    parts = [title, f"SHA-256 {sha256}" if sha256 else None, "with a small picture" if thumbnail else None]
    return ", ".join(part for part in parts if part)
