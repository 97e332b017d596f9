"""What the tabs have in common: the photos, the consent, and how a job's progress and errors are told."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

import gradio as gr

from ..runtime.driver import Progress
from ..runtime.errors import PictureError, VivantError
from .limits import MB, Limits, check_count
from .sessions import Cancelled

STEPS: Final = 50  # how often a stage's progress is sent to the page
STAGES: Final = {
    "tracking": "Following the face",
    "rendering": "Drawing",
    "comparing": "Comparing",
    "looking": "Looking at the photos",
}
Uploaded = list[tuple[str, str | None]] | None  # what a gallery hands over: paths and captions


@dataclass(frozen=True)
class Shared:
    """Parts of the page that all tabs read; `moving` holds the path of the photo that the visitor picked, if any."""

    photos: gr.Gallery
    moving: gr.State
    consent: gr.Checkbox


def paths_of(photos: Uploaded, moving: str | None = None) -> list[Path]:
    """The files of a gallery; the one that is to move, if it is still among them, comes first."""
    paths = [Path(path) for path, _ in photos or []]
    return sorted(paths, key=lambda path: str(path) != moving)


def photos_hint(paths: Sequence[str], moving: str | None, limits: Limits) -> str:
    """What more photos are good for, and of several in the gallery, which one moves; Markdown."""
    text = (
        f"One photo is enough; add more of the same person, up to {limits.photos}, and the first takes mouth and eyes "
        f"from whichever fits the moment. JPEG, PNG, WebP, AVIF, up to {limits.photo_bytes // MB} MB each."
    )
    try:
        check_count(len(paths), limits)
    except PictureError as error:
        return f"{text}\n\n**{error}**"
    if len(paths) < 2:
        return text
    number = paths.index(moving) + 1 if moving in paths else 1
    return f"{text}\n\n**Photo {number} of {len(paths)} moves**; click another to let that one move."


def key_of(request: gr.Request | None) -> str | None:
    """Which visitor asks."""
    return None if request is None else request.session_hash


@contextmanager
def told() -> Iterator[None]:
    """Shows what a visitor can cure as a message on the page; anything else is our fault, and goes to the log."""
    try:
        yield
    except Cancelled as error:
        raise gr.Error(str(error), title="Stopped", duration=4, print_exception=False) from None
    except VivantError as error:
        raise gr.Error(str(error), title="That does not work", duration=12, print_exception=False) from None
    except MemoryError:
        raise gr.Error("There is not enough memory for this just now; try a smaller one.") from None


def shown_by(progress: gr.Progress) -> Progress:
    """A runtime's Progress that moves the page's bar, in few steps."""

    def show(stage: str, done: int, total: int) -> None:
        step = max(1, total // STEPS)
        if done % step == 0 or done == total:
            unit = "photos" if stage == "looking" else "frames"
            progress((done, max(total, done)), desc=STAGES.get(stage, stage), unit=unit)

    return show


def facts_html(facts: dict[str, str], notes: list[str]) -> str:
    """Named figures, then notes, as HTML; both are escaped."""
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in facts.items())
    lines = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<dl class="facts">{cells}</dl>' + (f'<ul class="notes">{lines}</ul>' if lines else "")
