"""`vivant web`: what the server says about a site, and that it ends without complaint."""

import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from vivant.cli.web import SiteError, read_headers, site_server

HEADERS = Path(__file__).resolve().parents[2] / "webapp" / "public" / "_headers"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of three files with the real headers."""
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "_headers").write_bytes(HEADERS.read_bytes())
    (tmp_path / "ort").mkdir()
    (tmp_path / "ort" / "a.wasm").write_bytes(b"\0asm")
    return tmp_path


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    server = site_server(site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_answer_isolates_the_page(address: str) -> None:
    for path in ("", "ort/a.wasm"):
        with urllib.request.urlopen(address + path) as response:
            assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
            assert "connect-src 'self'" in response.headers["Content-Security-Policy"]


def test_wasm_has_the_type_that_browsers_stream(address: str) -> None:
    with urllib.request.urlopen(f"{address}ort/a.wasm") as response:
        assert response.headers["Content-Type"] == "application/wasm"


@pytest.mark.parametrize("path", ["ort/", "../secret", "%2e%2e/secret", "missing"])
def test_nothing_but_the_sites_files_is_served(address: str, site: Path, path: str) -> None:
    (site.parent / "secret").write_text("secret")
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(address + path)
    assert raised.value.code == 404


def test_the_policy_allows_no_other_origin_and_no_evaluated_code() -> None:
    policy = read_headers(HEADERS)["Content-Security-Policy"]
    rules = dict(part.split(" ", 1) for part in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert not any("http" in rule or rule == "*" for name, rule in rules.items() if name != "frame-ancestors")


def test_without_a_site_one_sentence_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="npm run build"):
        site_server(tmp_path)


def test_a_taken_port_is_named(site: Path) -> None:
    with site_server(site) as server, pytest.raises(SiteError, match=f"Port {server.server_address[1]} is taken"):
        site_server(site, port=server.server_address[1])


def test_ending_it_is_no_failure(site: Path) -> None:
    command = [sys.executable, "-m", "vivant", "web", "--site", str(site), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://localhost:")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
