"""The command `vivant`."""

import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from ..runtime.errors import VivantError
from . import animate, demo, develop, distill, export, inspect, motion, prepare, publish, teach, track, web
from .console import complain

app = typer.Typer(
    name="vivant",
    help="One photo of a person becomes a living portrait.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("animate")(animate.animate_command)
app.add_typer(motion.app, name="motion")
app.command("track")(track.track_command)
app.command("demo")(demo.demo_command)
app.command("inspect")(inspect.inspect_command)
app.command("web")(web.web_command)
app.command("prepare", rich_help_panel="For engineers")(prepare.prepare_command)
app.command("distill", rich_help_panel="For engineers")(distill.distill_command)
app.command("adapt", rich_help_panel="For engineers")(teach.adapt_command)
app.command("perform", rich_help_panel="For engineers")(teach.perform_command)
app.add_typer(teach.train_app, name="train", rich_help_panel="For engineers")
app.command("evaluate", rich_help_panel="For engineers")(develop.evaluate_command)
app.command("export", rich_help_panel="For engineers")(export.export_command)
app.command("verify", rich_help_panel="For engineers")(export.verify_command)
app.command("placement", rich_help_panel="For engineers")(export.placement_command)
app.command("bench", rich_help_panel="For engineers")(develop.bench_command)
app.command("report", rich_help_panel="For engineers")(publish.report_command)
app.command("push", rich_help_panel="For engineers")(publish.push_command)


class Interrupted(BaseException):
    """Ctrl-C or a request to end: unwinds everything, so that nothing half-written stays."""


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # unwinding takes a moment and must not be interrupted itself
    raise Interrupted(number)


def main() -> None:
    """Runs the command line; the exit code is 0, 1 (failed), 2 (wrong usage), or 128 + the signal's number.

    `vivant inspect` has codes of its own besides: see there.
    """
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except VivantError as error:
        complain(str(error))
        sys.exit(1)
    except Interrupted as error:
        complain("Interrupted; the unfinished file was not kept.")
        sys.exit(128 + error.args[0])
    except MemoryError:
        complain("There is not enough memory for this.")
        sys.exit(1)
