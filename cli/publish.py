"""`vivant report` and `vivant push`: what a bundle is worth, for others to read and to have."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ..runtime.errors import VivantError
from .console import DEFAULT_BUNDLE, BundleOption, JsonOption, out, progress_bar, say
from .extras import needing_extra


def report_command(
    bundle_folder: Annotated[
        Path, typer.Argument(metavar="[BUNDLE]", help="Folder of the graphs.", show_default="the bundled one")
    ] = DEFAULT_BUNDLE,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of report.html and report.md.")] = Path(
        "report"
    ),
    photos: Annotated[
        list[Path] | None, typer.Option("--photo", help="Picture of a face. May be repeated.", show_default="samples")
    ] = None,
    web: Annotated[bool, typer.Option(help="Also time WebAssembly (Node.js) and ask Chromium for placement.")] = True,
) -> None:
    """Write what a bundle is, costs and loses at each precision: one HTML page, and Markdown for the model card.

    [bold]Examples[/bold]

    vivant report                                        of the shipped bundle

    vivant report my-bundle -o my-report --photo anna.jpg

    vivant report my-bundle --no-web                     no Node.js, no Chromium
    """
    with needing_extra("export"):
        from ..export.report import write_report
    try:
        with progress_bar() as progress:
            paths = write_report(bundle_folder, output, photos or (), web, progress)
    except OSError as error:
        raise VivantError(f"The report was not written: {error}.") from None
    for path in paths:
        say(str(path))


def push_command(
    repository: Annotated[str, typer.Argument(help="owner/name on the Hugging Face Hub.")],
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
    card: Annotated[Path | None, typer.Option(help="The model card.", show_default="models/README.md")] = None,
    report: Annotated[Path | None, typer.Option(help="Folder of a report, to go along.")] = None,
    space: Annotated[
        Path | None, typer.Option(help="Folder of the demo's Space, as build_space writes it, to push beside.")
    ] = None,
    public: Annotated[bool, typer.Option(help="Whether everyone sees a repository that this makes.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, and only list the files.")] = False,
    json_summary: JsonOption = False,
) -> None:
    """Upload a bundle with its card, and the demo if wanted, to the Hugging Face Hub.

    [bold]Examples[/bold]

    vivant push me/my-student --bundle my-bundle --card card.md --dry-run

    vivant push me/my-student --bundle my-bundle --report my-report --public

    vivant push me/my-student --space space/             the demo goes along
    """
    with needing_extra("export"):
        from ..export.push import CARD, check_name, model_uploads, push, space_uploads
    check_name(repository)
    parts = [("model", model_uploads(bundle_folder, card or CARD, report))]
    if space is not None:
        parts.append(("space", space_uploads(space)))
    if not dry_run:
        for kind, uploads in parts:
            push(repository, uploads, kind, private=not public)
    listed = [
        {"repository": repository, "kind": kind, "place": upload.place, "bytes": upload.bytes}
        for kind, uploads in parts
        for upload in uploads
    ]
    if json_summary:
        say(json.dumps(listed))
        return
    for entry in listed:
        out.print(f"{entry['bytes']:>10}  {entry['kind']:<5}  {entry['place']}", markup=False)
    total = sum(int(entry["bytes"]) for entry in listed) / 1e6
    say(f"{len(listed)} files, {total:.1f} MB {'would go' if dry_run else 'went'} to {repository}.")
