"""Visitors and their files: each has a folder of its own that nobody can guess, and it goes when they go."""

import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from ..runtime.driver import Progress
from ..runtime.errors import VivantError

KEPT_RESULTS: Final = 3  # of each visitor: the page shows one, and may still be fetching the one before
IDLE_SECONDS: Final = 1800
SWEEP_SECONDS: Final = 20
STRAY_SECONDS: Final = 60  # an upload that was broken off is a file that nobody writes to any more
Identity = tuple[int, int] | None  # of a file: its inode and when it was written, nanoseconds


class Cancelled(VivantError):
    """The visitor pressed Stop or left."""


@dataclass
class Session:
    """One visitor's page (or API client).

    Attributes:
        folder: holds one folder for each job.
        uploads: files that the web server stored for this visitor, as they were then.
        seen: when the visitor last asked for something, `time.monotonic`.
        jobs: how many are running.
        cancelled: set when running jobs shall end; a new job clears it.
    """

    folder: Path
    uploads: dict[Path, Identity] = field(default_factory=dict)
    seen: float = field(default_factory=time.monotonic)
    jobs: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)

    def watched(self, progress: Progress) -> Progress:
        """A Progress that raises Cancelled as soon as the visitor stopped the job or left."""

        def check(stage: str, done: int, total: int) -> None:
            if self.cancelled.is_set():
                raise Cancelled("Stopped; nothing was kept.")
            progress(stage, done, total)

        return check


class Job:
    """A folder for one job's files, in a `with` statement; it is emptied when the job fails.

    Args:
        sessions: where the visitor is registered.
        key: the visitor's session hash, as the web server gave it. It is never part of a path.
        uploads: the files that the visitor sent.
    """

    def __init__(self, sessions: "Sessions", key: str | None, uploads: list[Path]) -> None:
        self._sessions, self._key, self._uploads = sessions, key or secrets.token_urlsafe(), uploads

    def __enter__(self) -> Self:
        self.session = self._sessions.begin(self._key, self._uploads)
        self.folder = self.session.folder / f"{time.monotonic_ns():020d}-{secrets.token_urlsafe(16)}"
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._sessions.end(self._key, self.session)


class Sessions:
    """All visitors of a running demo.

    Args:
        root: the folder that the web server may serve files from; uploads lie in it, too.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._closed = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="sweeper", daemon=True)
        self._sweeper.start()

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def busy(self) -> bool:
        """Whether any visitor's job is running."""
        return any(session.jobs for session in list(self._sessions.values()))

    def begin(self, key: str, uploads: list[Path]) -> Session:
        """Registers a job of a visitor, who may be new."""
        with self._lock:
            if key not in self._sessions:
                self._sessions[key] = Session(Path(tempfile.mkdtemp(prefix="session-", dir=self._root)))
            session = self._sessions[key]
            session.seen = time.monotonic()
            session.uploads.update(identities(uploads))
            if session.jobs == 0:
                session.cancelled.clear()
            session.jobs += 1
            return session

    def end(self, key: str, session: Session) -> None:
        """A job is over: results beyond the latest few go; if the visitor left meanwhile, everything goes."""
        with self._lock:
            session.jobs -= 1
            gone = self._sessions.get(key) is not session
        if gone:
            shutil.rmtree(session.folder, ignore_errors=True)
        else:
            for old in sorted(session.folder.iterdir())[:-KEPT_RESULTS]:
                shutil.rmtree(old, ignore_errors=True)

    def note_uploads(self, key: str | None, uploads: list[Path]) -> None:
        """Remembers files that a visitor sent before any job uses them, so that they go with the visitor."""
        if key is not None:
            with self._lock:
                if key in self._sessions:
                    self._sessions[key].uploads.update(identities(uploads))
                    return
            self.end(key, self.begin(key, uploads))

    def cancel(self, key: str | None) -> None:
        """Ends the visitor's running jobs at their next frame."""
        with self._lock:
            session = self._sessions.get(key or "")
        if session is not None:
            session.cancelled.set()

    def leave(self, key: str | None) -> None:
        """Forgets a visitor: ends the jobs, deletes results and those uploads that nobody else sent, too."""
        with self._lock:
            session = self._sessions.pop(key or "", None)
            if session is None:
                return
            session.cancelled.set()
            shared = {path for other in self._sessions.values() for path in other.uploads}
            mine = {path: known for path, known in session.uploads.items() if path not in shared}
        for path, known in mine.items():
            # Gradio names a file after its content: somebody who just sent the same, and whose job has not begun yet,
            # has put another file in its place.
            if path.is_relative_to(self._root) and identity(path) == known:
                path.unlink(missing_ok=True)
                with suppress(OSError):  # gone already, or another upload of the same content lies there
                    path.parent.rmdir()
        shutil.rmtree(session.folder, ignore_errors=True)

    def close(self) -> None:
        """Forgets everybody."""
        self._closed.set()
        for key in list(self._sessions):
            self.leave(key)

    def _sweep(self) -> None:
        while not self._closed.wait(SWEEP_SECONDS):
            before = time.monotonic() - IDLE_SECONDS
            with self._lock:
                idle = [key for key, session in self._sessions.items() if session.seen < before and not session.jobs]
            for key in idle:
                self.leave(key)
            self.remove_strays(STRAY_SECONDS)

    def remove_strays(self, seconds: float) -> None:
        """Deletes files right in the root that are older: what Gradio leaves there when an upload is broken off."""
        for path in self._root.iterdir():
            with suppress(OSError):  # it may just be renamed
                if path.is_file() and path.stat().st_mtime < time.time() - seconds:
                    path.unlink()


def identity(path: Path) -> Identity:
    """What tells a file from another that later takes its place; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def identities(paths: Iterable[Path]) -> dict[Path, Identity]:
    """Files with their identities."""
    return {path.resolve(): identity(path) for path in paths}


def plain_name(path: str | Path, otherwise: str) -> str:
    """What a visitor's file is called in messages and results: its name without anything that could do harm."""
    stem = re.sub(r"[^\w\-]+", "-", Path(path).stem, flags=re.ASCII).strip("-_")
    return stem[:40] or otherwise
