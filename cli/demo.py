"""`vivant demo`: the web page."""

from typing import Annotated

import typer

from .console import DEFAULT_BUNDLE, BundleOption, ThreadsOption
from .develop import needing_extra


def demo_command(
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines of the network in.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port to listen at.", show_default="the first free from 7860"),
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    threads: ThreadsOption = None,
    bundle_folder: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Serve the demo: a web page on which photos come alive.

    [bold]Examples[/bold]

    vivant demo --open

    vivant demo --host 0.0.0.0 --port 8080               for the network
    """
    with needing_extra("demo"):
        from ..demo.app import build_app, serve
    serve(build_app(bundle_folder, threads=threads), host, port, open_browser)
