"""Examples that play at once: made in the background after the start, while nobody else needs the processor."""

import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import gradio as gr

from ..runtime.animate import Settings, animate
from ..runtime.errors import VivantError
from ..runtime.motions import load_motion
from ..runtime.session import BUNDLED
from .live import Seats
from .page import told
from .sessions import Cancelled
from .studio import Clip, Studio, summary_of

SAMPLES: Final = BUNDLED.parent / "samples"
WANTED: Final = (
    ("astronaut.jpg", "talk"),
    ("grace_hopper.jpg", "smile"),
    ("astronaut.jpg", "laugh"),
    ("grace_hopper.jpg", "look-around"),
)
SIZE: Final = 512
REST_SECONDS: Final = 0.5


class Examples:
    """The row of examples, and the clips behind it; call it within the page.

    Args:
        studio: what makes clips.
        seats: the live turns, which go first.
        root: the folder that the web server may serve files from.
    """

    def __init__(self, studio: Studio, seats: Seats, root: Path) -> None:
        self._studio, self._seats = studio, seats
        self._folder = Path(tempfile.mkdtemp(prefix="examples-", dir=root))
        self._turn = threading.Lock()
        self._closed = threading.Event()
        self._worker: threading.Thread | None = None
        self._made: dict[int, tuple[str, dict[str, Any]]] = {}
        for name in {photo for photo, _ in WANTED}:  # Gradio shows files of its own folder only
            shutil.copyfile(SAMPLES / name, self._folder / name)
        self.rows = [(self._folder / photo, preset) for photo, preset in WANTED if preset in studio.presets]
        self.gallery = gr.Gallery(
            [(str(photo), studio.presets[preset].info.title) for photo, preset in self.rows],
            label="Or play an example", columns=2, height="auto", object_fit="cover", allow_preview=False,
            interactive=False, buttons=[], elem_id="examples",
        )  # fmt: skip

    def show(self, picked: gr.SelectData) -> tuple[list[str], str, list[str], dict[str, Any]]:
        """The photo, preset, clip and summary of an example; it is made now if it is not ready yet."""
        photo, preset = self.rows[picked.index]
        with told():
            file, summary = self._clip(picked.index)
        return [str(photo)], preset, [file], summary

    def warm(self) -> None:
        """Makes all clips in a thread of its own."""
        self._worker = threading.Thread(target=self._make_all, name="examples", daemon=True)
        self._worker.start()

    def close(self) -> None:
        """Ends that thread."""
        self._closed.set()
        if self._worker is not None:
            self._worker.join()

    def _make_all(self) -> None:
        for number in range(len(self.rows)):
            while self._studio.sessions.busy or len(self._seats):
                if self._closed.wait(REST_SECONDS):
                    return
            try:
                self._clip(number)
            except Cancelled:
                return
            except VivantError as error:  # told to whoever clicks on it; the demo itself goes on
                print(f"example {number + 1}: {error}", flush=True)

    def _clip(self, number: int) -> tuple[str, dict[str, Any]]:
        with self._turn:
            if number not in self._made:
                photo, preset = self.rows[number]
                target = self._folder / f"{photo.stem}-{preset}.mp4"
                start = time.perf_counter()
                motion = load_motion(self._studio.bundle, preset)
                settings = Settings(size=SIZE)
                summary = animate(self._studio.bundle, photo, motion, target, False, settings, self._unless_closed)
                seconds = time.perf_counter() - start
                self._made[number] = str(target), summary_of(Clip((target,), summary, tuple(summary.notes), seconds))
            return self._made[number]

    def _unless_closed(self, *_: object) -> None:
        if self._closed.is_set():
            raise Cancelled("The demo ends.")
