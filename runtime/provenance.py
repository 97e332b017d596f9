"""What every clip says about itself: that a machine made it, of what and how. See `signing` and `inspection`.

Content Credentials (C2PA 2.x): https://spec.c2pa.org; kinds of sources: https://cv.iptc.org/newscodes/digitalsourcetype
"""

import base64
import datetime
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from .. import __version__
from .marks import MARKS

AI_MADE: Final[str] = MARKS["note"]
# The one sentence that every interface asks its user to agree to.
CONSENT: Final[str] = MARKS["consent"]
SOURCE_TYPE: Final[str] = MARKS["source_type"]
GENERATOR: Final[str] = MARKS["generator"]
DETAILS: Final[str] = MARKS["details"]  # the parameter of the actions that holds motion and label
PHOTO: Final[str] = MARKS["photo"]["label"]
THUMBNAIL: Final = "photo-thumbnail.jpg"
THUMBNAIL_SIDE: Final = 256
HASH_URI: Final[str] = MARKS["hash_uri"]  # RFC 6920: a name made of a hash, base64url without padding


def container_tags(title: str) -> dict[str, str]:
    """Metadata for a clip's container: its title and the note that it is AI-made."""
    return {"title": title, "comment": AI_MADE}


@dataclass(frozen=True)
class Source:
    """A photo that a clip was made of: its file name, that file's SHA-256 (32 bytes), a type such as image/jpeg."""

    name: str
    sha256: bytes
    media_type: str


@dataclass(frozen=True)
class Origin:
    """What a clip was made of.

    Attributes:
        photo: what is animated. others: more photos of the same person.
        motion: the motion's name.
        label: the text of the label that every frame shows, None if the user had it left out.
        thumbnail: a small JPEG of the photo; None, the default, keeps the picture out of the manifest.
        watermark: what the invisible mark in every frame says (4 bytes); None if there is none.
    """

    photo: Source
    motion: str
    label: str | None
    thumbnail: bytes | None = None
    watermark: bytes | None = None
    others: tuple[Source, ...] = ()


def origin_of(photo: Path, motion: str, label: str | None, pixels: np.ndarray | None = None) -> Origin:
    """Describes a photo that was read before.

    Args:
        photo: its file.
        motion, label: see Origin.
        pixels: uint8 RGB [H, W, 3], the picture if a thumbnail of it is wanted.
    """
    return Origin(source_of(photo), motion, label, None if pixels is None else _thumbnail(pixels))


def source_of(photo: Path) -> Source:
    """Describes a photo that was read before."""
    content = photo.read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        media_type = Image.MIME.get(image.format or "", "application/octet-stream")
    return Source(photo.name, hashlib.sha256(content).digest(), media_type)


def manifest_definition(origin: Origin, title: str) -> dict[str, Any]:
    """The manifest of a clip named `title`, as c2pa's builder takes it."""
    agent = {"name": GENERATOR, "version": __version__}
    common = {
        "softwareAgent": agent,
        "digitalSourceType": SOURCE_TYPE,
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    ingredients = _ingredients(origin)
    created = common | {
        "action": "c2pa.created",
        "description": MARKS["created"].format(motion=origin.motion),
        "parameters": {
            "ingredientIds": [ingredient["label"] for ingredient in ingredients],
            DETAILS: {"motion": origin.motion, "label": origin.label},
        },
    }
    actions = [created]
    if origin.label is not None:
        actions.append(common | {"action": "c2pa.edited", "description": MARKS["edited"].format(label=origin.label)})
    assertions = [{"label": "c2pa.actions.v2", "data": {"actions": actions}, "created": True}]
    if origin.watermark is not None:
        mark = MARKS["watermark"]
        actions.append(common | {"action": mark["action"], "description": mark["description"]})
        # A soft binding: who finds the mark in a copy that lost its manifest can look this manifest up.
        blocks = [{"scope": {}, "value": origin.watermark.hex()}]
        assertions.append({"label": mark["label"], "data": {"alg": mark["algorithm"], "blocks": blocks}})
    return {
        "claim_generator_info": [agent],
        "title": title,
        "ingredients": ingredients,
        "assertions": assertions,
    }


def _ingredients(origin: Origin) -> list[dict[str, Any]]:
    """The photo that is animated, then the others, numbered from 2."""
    ingredients: list[dict[str, Any]] = [
        {
            **MARKS["photo"],
            "label": PHOTO if number == 1 else f"{PHOTO}-{number}",
            "title": source.name,
            "format": source.media_type,
            "instance_id": HASH_URI + base64.urlsafe_b64encode(source.sha256).rstrip(b"=").decode(),
        }
        for number, source in enumerate((origin.photo, *origin.others), 1)
    ]
    if origin.thumbnail is not None:
        ingredients[0]["thumbnail"] = {"format": "image/jpeg", "identifier": THUMBNAIL}
    return ingredients


def hash_of_uri(uri: str) -> str | None:
    """The SHA-256 in hex that an ingredient's instance ID states, None if it states none."""
    if not uri.startswith(HASH_URI):
        return None
    try:
        digest = base64.urlsafe_b64decode(uri.removeprefix(HASH_URI) + "=")
    except ValueError:
        return None
    return digest.hex() if len(digest) == hashlib.sha256().digest_size else None


def _thumbnail(pixels: np.ndarray) -> bytes:
    picture = Image.fromarray(pixels)
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=85)
    return stream.getvalue()
