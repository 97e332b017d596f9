"""The weights that come with vivant. Each is checked against its SHA-256 before anything of it is read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().with_name("weights")
STUDENT: Final = FOLDER / "student.safetensors"
WATERMARK: Final = FOLDER / "watermark.safetensors"
TEACHER: Final = FOLDER / "teacher.safetensors"
SUMS: Final = "SHA256SUMS"  # as the tool sha256sum writes and checks it


def checked(path: Path) -> Path:
    """The path itself, once the file is known to be whole: beside released weights lies a list of their SHA-256.

    A file without such a list beside it, as training writes them, is what its owner says it is.

    Raises:
        ValueError: the list does not name the file, or names another SHA-256. OSError: the file cannot be read.
    """
    sums = path.with_name(SUMS)
    if sums.is_file():
        lines = [line.split(maxsplit=1) for line in sums.read_text("utf-8").splitlines() if len(line.split()) > 1]
        known = {name.lstrip("*"): digest for digest, name in lines}
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if known.get(path.name) != digest:
            raise ValueError(f"{path} is not the file that {sums.name} beside it names; get it anew.")
    return path
