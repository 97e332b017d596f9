"""Where clips go: kinds by the ending, checks before any work is done, a temporary name until all is well."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .errors import OutputError

VIDEO_ENDINGS: Final = (".mp4", ".webm", ".gif")
FRAME_NAME: Final = re.compile(r"\d{5,}\.png")


def is_folder(target: str | Path) -> bool:
    """Whether an OUT means a folder: it ends with a slash, has no ending, or is a folder already."""
    text = str(target)
    return text.endswith(("/", os.sep)) or Path(text).is_dir() or not Path(text).suffix


def check_target(target: Path, folder: bool) -> None:
    """Raises OutputError when a clip cannot be written to `target`, as far as that can be known beforehand."""
    if not folder and target.suffix.lower() not in VIDEO_ENDINGS:
        known = ", ".join(VIDEO_ENDINGS)
        raise OutputError(f"{target} has an unknown ending: use {known}, or a folder/ for single pictures.")
    check_writable(target)
    if folder and target.exists():
        if not target.is_dir():
            raise OutputError(f"{target} is a file; pictures need a folder.")
        if not all(FRAME_NAME.fullmatch(entry.name) for entry in target.iterdir()):
            raise OutputError(f"The folder {target} holds other files than a clip's pictures; name a new folder.")
    elif not folder and target.is_dir():
        raise OutputError(f"{target} is a folder, not a file.")


def check_sidecar(sidecar: Path | None, clip: Path) -> None:
    """Raises OutputError when a clip's manifest cannot go to `sidecar` because something else is there."""
    if sidecar is None or not sidecar.exists():
        return
    if sidecar.is_dir():
        raise OutputError(f"{sidecar}, where the manifest of {clip.name} goes, is a folder; name another file.")
    if not clip.exists():  # else it is the manifest of the clip that is replaced
        raise OutputError(f"{sidecar}, where the manifest of {clip.name} goes, belongs to another file; name another.")


def check_writable(target: Path) -> None:
    """Raises OutputError unless the folder that `target` goes into exists and may be written."""
    parent = target.absolute().parent
    if not parent.is_dir():
        reason = "is a file" if parent.exists() else "does not exist"
        raise OutputError(f"{target} cannot be written: the folder {parent} {reason}.")
    if not os.access(parent, os.W_OK):
        raise OutputError(f"{target} cannot be written: no permission to write in {parent}.")


@contextmanager
def replacing(target: Path, folder: bool = False) -> Iterator[Path]:
    """Gives a temporary path beside `target` that takes its place if the block succeeds and vanishes if it does not.

    Raises:
        OutputError: the temporary file or folder cannot be made, or cannot take its place.
    """
    try:
        if folder:
            temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
        else:
            # The ending stays last: FFmpeg tells the container by it.
            handle, name = tempfile.mkstemp(prefix=f".{target.stem}.partial.", suffix=target.suffix, dir=target.parent)
            os.close(handle)
            temporary = Path(name)
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror}.") from None
    try:
        yield temporary
        _put_in_place(temporary, target, folder)
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror or error}.") from None
    finally:
        if folder:
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _put_in_place(temporary: Path, target: Path, folder: bool) -> None:
    mask = os.umask(0)
    os.umask(mask)
    temporary.chmod((0o777 if folder else 0o666) & ~mask)  # temporary files are private; a clip is like any other file
    if folder and target.exists():
        shutil.rmtree(target)  # checked before: it holds nothing but an earlier clip's pictures
    temporary.replace(target)


def sha256_of(path: Path) -> str:
    """SHA-256 in hex of a file, or of all files of a folder in the order of their names, one after the other."""
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
