"""What a file says of itself: its Content Credentials (C2PA), whether they still fit it, and its metadata's note.

Everything here comes from the file and is whatever its maker wished it to be; only `state` is checked. Any bytes may be
given: what cannot be read is reported, not raised.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import av
from av.error import FFmpegError
from PIL import Image

from .errors import CredentialsError
from .marks import MARKS
from .provenance import DETAILS, hash_of_uri
from .signing import MEDIA_TYPES, OFFLINE, SIDECAR_ENDING, problems_of, uninterrupted
from .stills import stills_of
from .watermark import Reading, WatermarkReader

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

State = Literal["trusted", "valid", "self-signed", "broken", "absent", "unreadable"]
INTACT: Final[frozenset[State]] = frozenset({"trusted", "valid", "self-signed"})
PATIENCE: Final = 60.0  # seconds for any file: some that are made to do harm would keep the library busy for hours
HASHED: Final = 20e6  # bytes a second that the slowest machine hashes; large files get more time by it
HEAD: Final = 16  # bytes that tell a file's kind
LONGEST: Final[int] = MARKS["longest"]  # characters that are kept of any text in a file
SIGNATURES: Final = tuple((start, bytes.fromhex(magic), kind) for start, magic, kind in MARKS["signatures"])


@dataclass(frozen=True)
class Ingredient:
    """What a file was made of: a title, the SHA-256 (hex) that is stated of it, whether a picture of it is kept."""

    title: str
    sha256: str | None
    thumbnail: bool


@dataclass(frozen=True)
class Claims:
    """What a manifest says.

    Attributes:
        generator: the program's name and version; when: its clock's time (ISO 8601).
        signer, issuer: names in the certificate; serial: its number in hex.
        actions: what was done, such as c2pa.created; source_types: last parts of their digitalSourceType.
        motion: of vivant's clips, the motion's name.
        label: "AI-animated" or whatever every frame shows; "removed" if the user left it out; None if nothing is said.
        ingredients: what it was made of.
        watermark: what the invisible mark in the pictures says according to the manifest, in hex.
    """

    generator: str | None = None
    when: str | None = None
    signer: str | None = None
    issuer: str | None = None
    serial: str | None = None
    actions: tuple[str, ...] = ()
    source_types: tuple[str, ...] = ()
    motion: str | None = None
    label: str | None = None
    ingredients: tuple[Ingredient, ...] = ()
    watermark: str | None = None


@dataclass(frozen=True)
class Inspection:
    """One file's report.

    Attributes:
        file: its path; media_type: what its first bytes say that it is.
        state: trusted (a certificate that the caller trusts issued the signer's), valid (intact, signed with a
            certificate of somebody else), self-signed (intact, signed with a certificate that nobody vouches for),
            broken (changed after it was signed, or the manifest is damaged), absent (no manifest), unreadable.
        reasons: why it is broken or unreadable.
        manifest: where the manifest is: "embedded", or the sidecar's path.
        claims: what the manifest says; not to be believed if it is broken.
        comment: the note in the file's metadata, which anybody can change.
        watermark: what was found in the pictures themselves; None if nobody looked or they cannot be decoded.
    """

    file: str
    state: State
    media_type: str | None = None
    reasons: tuple[str, ...] = ()
    manifest: str | None = None
    claims: Claims = field(default_factory=Claims)
    comment: str | None = None
    watermark: Reading | None = None


def files_of(path: Path) -> Iterator[Path]:
    """The path itself, or if it is a folder that can be read the files in it in the order of their names."""
    try:
        entries = sorted(path.iterdir())
    except OSError:
        yield path
    else:
        yield from (file for file in entries if file.is_file() and file.suffix != SIDECAR_ENDING)


def inspect_file(path: Path, trust: Path | None = None, reader: WatermarkReader | None = None) -> Inspection:
    """Reads a file's marks.

    Args:
        path: any file.
        trust: PEM certificates of issuers, or of signers, that are trusted.
        reader: looks for the invisible watermark, too.

    Raises:
        CredentialsError: `trust` cannot be used.
    """
    anchors = _anchors(trust)
    try:
        with path.open("rb") as stream:
            media_type = _media_type(stream.read(HEAD))
        sidecar = _sidecar(path, media_type)
        manifest = sidecar.read_bytes() if sidecar is not None else None
        seconds = PATIENCE + path.stat().st_size / HASHED
    except OSError as error:
        return Inspection(str(path), "unreadable", reasons=(error.strerror or str(error),))
    if media_type is None:
        return Inspection(str(path), "unreadable", reasons=("not a picture or video of a known kind",))
    comment = _comment(path, media_type)
    try:
        with Source(path) as source:
            look = partial(_credentials, source, media_type, manifest, anchors)
            state, reasons, claims = uninterrupted(look, seconds, source.cancel)
    except TimeoutError:
        return Inspection(str(path), "unreadable", media_type, (f"not done after {seconds:.0f} seconds",))
    except OSError as error:
        return Inspection(str(path), "unreadable", media_type, (error.strerror or str(error),))
    found = None if state == "absent" else str(sidecar or "embedded")
    watermark = _watermark(path, media_type, reader, seconds) if reader else None
    return Inspection(str(path), state, media_type, reasons, found, claims, comment, watermark)


def _watermark(path: Path, media_type: str, reader: WatermarkReader, seconds: float) -> Reading | None:
    """What the pictures themselves say; None if they cannot be decoded in time."""
    look = partial(stills_of, path, media_type, reader.search.frames)
    try:
        pictures = uninterrupted(look, seconds)
    except TimeoutError:
        return None
    return reader.read(pictures) if pictures else None


def _anchors(trust: Path | None) -> str | None:
    if trust is None:
        return None
    from cryptography import x509

    try:
        content = trust.read_bytes()
        x509.load_pem_x509_certificates(content)
    except OSError as error:
        raise CredentialsError(f"{trust} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise CredentialsError(f"{trust} holds no certificate in PEM format.") from None
    return content.decode("ascii", "ignore")


def _media_type(head: bytes) -> str | None:
    return next((kind for start, magic, kind in SIGNATURES if head[start : start + len(magic)] == magic), None)


def _sidecar(path: Path, media_type: str | None) -> Path | None:
    """The file with the manifest of a WebM, which can hold none."""
    beside = path.with_suffix(SIDECAR_ENDING)
    return beside if media_type == MEDIA_TYPES[".webm"] and beside.is_file() else None


class Source(io.BufferedReader):
    """A file that can be made to fail, to stop somebody who reads it in another thread."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        if self._cancelled:
            raise OSError("given up")
        return super().readinto(buffer)


def _credentials(
    stream: Source, media_type: str, manifest: bytes | None, anchors: str | None
) -> tuple[State, tuple[str, ...], Claims]:
    from c2pa import C2paError, Context, Reader

    if manifest is None and media_type == MEDIA_TYPES[".webm"]:
        return "absent", (), Claims()
    settings = OFFLINE if anchors is None else OFFLINE | {"trust": OFFLINE["trust"] | {"user_anchors": anchors}}
    try:
        with Context.from_dict(settings) as context:
            reader = Reader.try_create(media_type, stream, manifest, context)
            if reader is None:
                return "absent", (), Claims()
            with reader:
                validation = reader.get_validation_state()
                problems = problems_of(reader.get_validation_results(), validation)
                certificate, claims = _claims(json.loads(reader.crjson()), reader.get_active_manifest() or {})
    except C2paError as error:
        return "broken", (_plain(str(error)),), Claims()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return "broken", (f"the manifest is not built as it should be ({type(error).__name__})",), Claims()
    if problems:
        return "broken", tuple(_plain(problem) for problem in problems), claims
    if validation == "Trusted":
        return "trusted", (), claims
    return ("self-signed" if certificate.get("subject") == certificate.get("issuer") else "valid"), (), claims


def _claims(report: dict[str, Any], active: dict[str, Any]) -> tuple[dict[str, Any], Claims]:
    """The certificate's data and what the active manifest says, from the library's two forms of it."""
    label = active.get("label")
    full = next((one for one in report.get("manifests") or [] if one.get("label") == label), {})
    certificate = (full.get("signature") or {}).get("certificateInfo") or {}
    assertions = active.get("assertions") or []
    lists = [one["data"]["actions"] for one in assertions if str(one.get("label")).startswith("c2pa.actions")]
    actions = [action for one in lists for action in one]
    generator = next(iter(active.get("claim_generator_info") or []), {})
    details = next((a["parameters"][DETAILS] for a in actions if DETAILS in (a.get("parameters") or {})), {})
    kinds = (str(action["digitalSourceType"]).rsplit("/", 1)[-1] for action in actions if "digitalSourceType" in action)
    stated = (one["data"] for one in assertions if one.get("label") == MARKS["watermark"]["label"])
    return certificate, Claims(
        generator=_joined(generator.get("name"), generator.get("version"), " "),
        when=_text(next((action.get("when") for action in actions if action.get("when")), None)),
        signer=_person(certificate.get("subject")),
        issuer=_person(certificate.get("issuer")),
        serial=_text(certificate.get("serialNumber")),
        actions=tuple(_plain(str(action.get("action"))) for action in actions),
        source_types=tuple(dict.fromkeys(_plain(kind) for kind in kinds)),
        motion=_text(details.get("motion")),
        label=_text(details["label"]) or "removed" if "label" in details else None,
        ingredients=tuple(_ingredient(one) for one in active.get("ingredients") or []),
        watermark=next(filter(None, map(_binding, stated)), None),
    )


def _binding(data: dict[str, Any]) -> str | None:
    """The watermark that a soft binding states, if it is one of vivant's."""
    return _text(data["blocks"][0]["value"]) if data.get("alg") == MARKS["watermark"]["algorithm"] else None


def _ingredient(one: dict[str, Any]) -> Ingredient:
    digest = hash_of_uri(str(one.get("instance_id")))
    return Ingredient(_plain(str(one.get("title"))), digest, bool(one.get("thumbnail")))


def _person(name: dict[str, Any] | None) -> str | None:
    return _joined((name or {}).get("O"), (name or {}).get("CN"), ", ")


def _joined(first: object, second: object, between: str) -> str | None:
    return between.join(_plain(str(part)) for part in (first, second) if part) or None


def _text(value: object) -> str | None:
    return None if value is None else _plain(str(value))


def _plain(text: str) -> str:
    """Text from a file, made harmless: one line, no control characters (terminals obey them), not endless."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"


def _comment(path: Path, media_type: str) -> str | None:
    """The comment in a file's metadata; None if there is none or the file is damaged."""
    if media_type in ("image/png", "image/jpeg", "image/webp"):
        return _picture_comment(path)
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            tags = {key.lower(): value for key, value in container.metadata.items()}
    except (FFmpegError, OSError, ValueError):
        return None
    return _text(tags.get("comment"))


def _picture_comment(path: Path) -> str | None:
    try:
        with Image.open(path) as image:
            value = image.info.get("Comment", image.info.get("comment"))
    except Exception:  # damaged pictures raise whatever their decoder stumbles over
        return None
    return _text(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
