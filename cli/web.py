"""`vivant web`: serves the built web app on this machine, with the headers that its threads and its privacy need."""

import errno
import signal
import sys
import threading
import webbrowser
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ..runtime.errors import VivantError
from .console import say

SITE: Final = Path(__file__).resolve().parents[1] / "webapp" / "dist"
MIME_TYPES: Final = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
    ".safetensors": "application/octet-stream",
    ".webmanifest": "application/manifest+json",
}


class SiteError(VivantError):
    """The site cannot be served."""


def web_command(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; browsers give the camera only to localhost or https.")
    ] = "127.0.0.1",
    site: Annotated[Path, typer.Option(help="The built site.", show_default="webapp/dist")] = SITE,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Serve the web app on this machine.

    [bold]Examples[/bold]

    vivant web --open

    vivant web --port 0 --site webapp/dist               on any free port
    """
    server = site_server(site, host, port)
    for number in (signal.SIGINT, signal.SIGTERM):  # the usual way to end a server is no failure
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    address = f"http://{'localhost' if host == '127.0.0.1' else host}:{server.server_address[1]}/"
    say(f"{address} (Ctrl-C ends it)")
    if open_browser:
        webbrowser.open(address)
    server.serve_forever()
    server.server_close()


class SiteServer(ThreadingHTTPServer):
    """Serves the files of a folder, each visitor in a thread."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A visitor who leaves in the middle of a file is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def site_server(site: Path, host: str = "127.0.0.1", port: int = 0) -> SiteServer:
    """A server of the built site, listening; raises SiteError if there is no site or the port is taken."""
    if not (site / "index.html").is_file():
        raise SiteError(f"There is no built site in {site}; build it with: cd webapp && npm ci && npm run build")
    headers = read_headers(site / "_headers")
    try:
        return SiteServer((host, port), partial(_Handler, directory=str(site), headers=headers))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SiteError(f"Port {port} is taken; choose another one with --port.") from None
        raise SiteError(f"{host}:{port} cannot be listened on: {error.strerror}.") from None


def read_headers(path: Path) -> dict[str, str]:
    """The headers of a `_headers` file as Netlify and Cloudflare Pages read it; SiteError if it is unreadable."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SiteError(f"The site's {path.name} cannot be read: {error.strerror}.") from None
    pairs = (line.strip().split(": ", 1) for line in lines if line.startswith("  "))
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


class _Handler(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | MIME_TYPES
    protocol_version = "HTTP/1.1"

    def __init__(self, *args: Any, headers: Mapping[str, str], directory: str) -> None:
        self._site_headers = headers
        super().__init__(*args, directory=directory)

    def end_headers(self) -> None:
        for name, value in self._site_headers.items():
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def list_directory(self, path: Any) -> None:
        """No listing: a site has pages only."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: which photo's page was looked at is nobody's business."""
