"""Which files a folder offers, whose they are, and on which side of the split those people stand."""

from __future__ import annotations

import csv
import hashlib
import os
import random
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from .config import PeopleRule, PreparationConfig, PreparationError

VIDEO_ENDINGS: Final = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".mts", ".3gp", ".ogv",
    ".gif",
)  # fmt: skip
PHOTO_ENDINGS: Final = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".ppm", ".jp2")
VOXCELEB_PERSON: Final = re.compile(r"id\d{5}")
NOT_PEOPLE: Final = frozenset({"videos", "photos"})  # folders that sort by kind
INDEX_COLUMNS: Final = ("file", "person", "split")
Kind = Literal["video", "photo"]


@dataclass(frozen=True)
class Source:
    """One file to prepare: `path` relative to the folder, with slashes; `licence` as an index tells it, or nothing."""

    path: str
    person: str
    split: str
    kind: Kind
    licence: str = ""


def find_sources(folder: Path, config: PreparationConfig) -> list[Source]:
    """All videos and photos of a folder, in an order that mixes people but is the same every time.

    `index.csv` (columns file, person, split; licence_class or licence if there is one) decides about `videos/`, and
    all of `photos/` is for training. Otherwise the person is the folder named as VoxCeleb2 names them (`id00012`),
    else the top-level folder, else the file.

    Raises:
        PreparationError: there is no such folder, nothing in it, or its index is damaged.
    """
    if not folder.is_dir():
        raise PreparationError(f"{folder} is {'a file, not a folder' if folder.exists() else 'not there'}.")
    index = folder / "index.csv"
    sources = _indexed(folder, index) if index.is_file() else _found(folder, config)
    if not sources:
        raise PreparationError(f"{folder} holds no videos and no photos.")
    sources.sort(key=lambda source: source.path)
    random.Random(0).shuffle(sources)
    return sources


def person_of(path: PurePosixPath, rule: PeopleRule) -> str:
    """Whose file this is, by its path within the folder."""
    folders = path.parts[:-1]
    if rule == "auto":
        named = [part for part in folders if VOXCELEB_PERSON.fullmatch(part)]
        if named:
            return named[0]
        if folders and folders[0].lower() in NOT_PEOPLE:
            folders = folders[1:]
    if rule == "file" or not folders:
        return path.as_posix()
    return folders[0]


def split_of(person: str, heldout: float) -> str:
    """`heldout` for that share of all possible names, else `train`; always the same for a name."""
    drawn = int.from_bytes(hashlib.sha256(person.encode()).digest()[:8], "big") / 2**64
    return "heldout" if drawn < heldout else "train"


def _found(folder: Path, config: PreparationConfig) -> list[Source]:
    sources = []
    for path, kind in _walk(folder):
        person = person_of(path, config.people)
        sources.append(Source(path.as_posix(), person, split_of(person, config.heldout), kind))
    return sources


def _indexed(folder: Path, index: Path) -> list[Source]:
    try:
        with index.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PreparationError(f"{index} cannot be read: {error}.") from None
    missing = [name for name in INDEX_COLUMNS if rows and not rows[0].get(name)]
    if missing:
        raise PreparationError(f"{index} has no column {missing[0]!r}; it needs {', '.join(INDEX_COLUMNS)}.")
    films = []
    for number, row in enumerate(rows, 2):
        if row["split"] not in ("train", "heldout"):
            raise PreparationError(f"Line {number} of {index} has the split {row['split']!r}, not train or heldout.")
        licence = row.get("licence_class") or row.get("licence") or ""
        films.append(Source(f"videos/{row['file']}", row["person"], row["split"], "video", licence))
    photos = folder / "photos"
    found = [f"photos/{path}" for path, kind in _walk(photos) if kind == "photo"] if photos.is_dir() else []
    return films + [Source(path, f"photo:{path.removeprefix('photos/')}", "train", "photo") for path in found]


def _walk(folder: Path) -> list[tuple[PurePosixPath, Kind]]:
    """Videos and photos below a folder, relative to it; hidden ones and links to folders are left alone."""
    found: list[tuple[PurePosixPath, Kind]] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        relative = PurePosixPath(Path(parent).relative_to(folder).as_posix())
        for name in files:
            ending = os.path.splitext(name)[1].lower()
            if name.startswith("."):
                continue
            if ending in VIDEO_ENDINGS:
                found.append((relative / name, "video"))
            elif ending in PHOTO_ENDINGS:
                found.append((relative / name, "photo"))
    return found
