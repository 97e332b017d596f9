"""Signing clips with Content Credentials (C2PA): embedded in MP4, GIF and PNG, in a file beside a WebM.

The reference library is c2pa-rs, by way of c2pa-python. Nothing is asked of the network: no time stamp server, no
revocation lists, no remote manifests. The library is loaded when first needed (0.1 s).
"""

import io
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

from PIL import Image

from .credentials import Credentials
from .errors import CredentialsError, OutputError
from .marks import MARKS
from .provenance import THUMBNAIL, Origin, manifest_definition
from .stopwatch import Stopwatch

if TYPE_CHECKING:
    from c2pa import Context

MEDIA_TYPES: Final[dict[str, str]] = MARKS["media_types"]
BESIDE: Final[frozenset[str]] = frozenset(MARKS["beside"])  # C2PA does not say how a manifest goes into these
SIDECAR_ENDING: Final[str] = MARKS["sidecar"]
# Nothing is fetched. A signer's certificate may be for what C2PA allows: e-mail, documents, Microsoft's and C2PA's own.
OFFLINE: Final[dict[str, dict[str, Any]]] = MARKS["settings"]
GIVEN_UP: Final = 5.0  # seconds that a thread gets to stop
Result = TypeVar("Result")


def sidecar_of(clip: Path) -> Path | None:
    """Where a clip's manifest is if not in itself: for clip.webm in clip.c2pa, where C2PA's own tools look for it."""
    return clip.with_suffix(SIDECAR_ENDING) if clip.suffix.lower() in BESIDE else None


def uninterrupted(
    work: Callable[[], Result], seconds: float | None = None, cancel: Callable[[], None] | None = None
) -> Result:
    """Calls `work` in a thread of its own and waits for it.

    The library reads and writes through callbacks, in which ctypes would drop the exception of a Ctrl-C; Python handles
    signals in the main thread only. No such callback may come once Python ends, so a thread that is given up is asked
    to stop and given a moment for it.

    Args:
        work: what to do.
        seconds: how long to wait; then TimeoutError is raised.
        cancel: makes `work` fail soon.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=run, name="credentials", daemon=True)
    thread.start()
    try:
        return future.result(seconds)
    except BaseException:
        if cancel is not None:
            cancel()
        thread.join(GIVEN_UP)
        raise


class ClipSigner:
    """Signs a clip, or every picture of a folder, with one certificate.

    Args:
        credentials: who signs.
        origin: what the clip is made of.
        watch: measures the stage `sign`.

    Raises:
        CredentialsError: what is signed with this certificate would not be valid.
    """

    def __init__(self, credentials: Credentials, origin: Origin, watch: Stopwatch) -> None:
        self.credentials = credentials
        self._origin = origin
        self._watch = watch
        self._context = uninterrupted(partial(_proven_context, credentials, origin))

    def sign_file(self, clip: Path, title: str, sidecar: Path | None = None) -> None:
        """Signs a complete file; it is either signed or as it was.

        Args:
            clip: the file, which need not have its final name yet.
            title: its final name.
            sidecar: where the manifest goes if it is not to be embedded.

        Raises:
            OutputError: the file cannot be signed or written.
        """
        media_type = MEDIA_TYPES[clip.suffix.lower()]
        signed = clip.with_name(f"{clip.name}.signed")
        try:
            with self._watch("sign"), clip.open("rb") as source:
                if sidecar is not None:
                    sidecar.write_bytes(self._sign(title, media_type, source, io.BytesIO(), embed=False))
                    return
                with signed.open("w+b") as target:
                    self._sign(title, media_type, source, target)
            os.replace(signed, clip)
        finally:
            signed.unlink(missing_ok=True)

    def sign_picture(self, png: bytes, target: Path) -> None:
        """Writes a signed copy of a PNG.

        Raises:
            OutputError: it cannot be signed or written.
        """
        signed = io.BytesIO()
        with self._watch("sign"):
            self._sign(target.name, MEDIA_TYPES[".png"], io.BytesIO(png), signed)
        target.write_bytes(signed.getbuffer())

    def _sign(self, title: str, media_type: str, source: BinaryIO, target: BinaryIO, embed: bool = True) -> bytes:
        from c2pa import C2paError

        try:
            return _sign(self._context, self._origin, title, media_type, source, target, embed)
        except C2paError as error:
            raise OutputError(f"{title} cannot be signed: {str(error).rstrip('.')}.") from None


def _proven_context(credentials: Credentials, origin: Origin) -> "Context":
    """The library, ready to sign. A tiny picture is signed and read: a usable certificate is known by its signature."""
    from c2pa import C2paError, C2paSignerInfo, Context, Reader, Signer

    picture, signed = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (1, 1)).save(picture, "PNG")
    try:
        info = C2paSignerInfo(credentials.algorithm, credentials.chain, credentials.key, None)
        context = Context.from_dict(OFFLINE, signer=Signer.from_info(info))
        _sign(context, origin, "proof", MEDIA_TYPES[".png"], picture, signed)
        with Reader(MEDIA_TYPES[".png"], signed, context=context) as reader:
            problems = problems_of(reader.get_validation_results(), reader.get_validation_state())
    except C2paError as error:
        problems = [str(error)]
    if problems:
        reason = "; ".join(problems).rstrip(".")
        raise CredentialsError(f"The certificate of {credentials.subject} cannot sign clips: {reason}.")
    return context


def _sign(
    context: "Context",
    origin: Origin,
    title: str,
    media_type: str,
    source: BinaryIO,
    target: BinaryIO,
    embed: bool = True,
) -> bytes:
    from c2pa import Builder

    with Builder(manifest_definition(origin, title), context) as builder:
        if origin.thumbnail is not None:
            builder.add_resource(THUMBNAIL, io.BytesIO(origin.thumbnail))
        if not embed:
            builder.set_no_embed()
        source.seek(0)
        return builder.sign(media_type, source, target)


def problems_of(results: dict[str, Any] | None, state: str | None) -> list[str]:
    """Why a file's credentials are not valid, one clause each; that nobody vouches for the signer is no reason."""
    if state in ("Valid", "Trusted"):
        return []
    active = (results or {}).get("activeManifest") or {}
    failures = [
        failure for failure in active.get("failure") or [] if failure.get("code") != "signingCredential.untrusted"
    ]
    explained = [str(failure.get("explanation") or failure.get("code")) for failure in failures]
    return list(dict.fromkeys(explained)) or ["the credentials do not match the file"]
