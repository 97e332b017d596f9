"""The page: `build_app` makes it, `serve` starts it. Importing this module does nothing."""

import os
import signal
import tempfile
import threading
from pathlib import Path
from typing import Final

import gradio as gr
from gradio.events import api

from ..runtime.provenance import CONSENT
from ..runtime.session import BUNDLED, Bundle
from .examples import Examples
from .limits import Limits
from .live import Seats
from .page import Shared, Uploaded, paths_of, photos_hint
from .studio import Studio
from .tab_about import about_tab
from .tab_animate import animate_tab
from .tab_compare import compare_tab
from .tab_export import export_tab
from .tab_live import live_tab
from .theme import CSS, make_theme

QUEUED: Final = 32  # visitors who may wait; more are told to come back
UNUSED_SECONDS: Final = (60, 1800)  # how often uploads are looked through, and how old the unused ones may get
NOTICE_SECONDS: Final = "2"  # how soon it is noticed that a visitor left, whose job then ends
HEADING: Final = """
<div id="heading"><h1>One photo, alive.</h1>
<p>vivant moves the photo of a face: with a preset, with a video, or live with your camera. It runs on this server's
ordinary processor, keeps nothing, and marks what it makes.</p></div>
"""


class Demo:
    """The page and everything behind it; `close` ends all jobs and deletes all files.

    Attributes:
        app: the page, to be launched.
        studio: what makes clips; seats: the live turns; examples: the clips that are ready.
        folder: holds all files of all visitors; url: the page's address once it was launched.
    """

    def __init__(self, bundle_folder: Path, limits: Limits, threads: int | None) -> None:
        self.bundle = Bundle(bundle_folder, threads, "auto")
        self._folder = tempfile.TemporaryDirectory(prefix="vivant-demo-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name).resolve()
        os.environ.setdefault("GRADIO_HEARTBEAT_INTERVAL", NOTICE_SECONDS)
        os.environ["GRADIO_TEMP_DIR"] = str(self.folder)  # where Gradio puts uploads, and what it may serve
        self.studio = Studio(self.bundle, self.folder, limits)
        self.seats = Seats(self.bundle)
        self.url = ""
        self.app = self._page()

    def _page(self) -> gr.Blocks:
        with gr.Blocks(title="vivant: one photo, alive", analytics_enabled=False, delete_cache=UNUSED_SECONDS) as app:
            gr.HTML(HEADING, padding=False)
            with gr.Row():
                with gr.Column(scale=3, min_width=280):
                    shared = self._shared()
                    self.examples = Examples(self.studio, self.seats, self.folder)
                with gr.Column(scale=8, min_width=320), gr.Tabs():
                    with gr.Tab("Animate"):
                        animate_tab(self.studio, shared, self.examples)
                    with gr.Tab("Live"):
                        live_tab(self.studio, self.seats, shared)
                    with gr.Tab("Compare"):
                        compare_tab(self.studio, shared)
                    with gr.Tab("Export"):
                        export_tab(self.studio)
                    with gr.Tab("About") as about:
                        about_tab(self.studio, about.select)
            app.unload(self._left)
            api(self._presets, api_name="presets", queue=False)
        app.queue(max_size=QUEUED, default_concurrency_limit=2)
        return app

    def _shared(self) -> Shared:
        limits = self.studio.limits
        photos = gr.Gallery(
            label="Photos", type="filepath", file_types=["image"], columns=2, height=300, object_fit="contain",
            interactive=True, sources=["upload", "webcam", "clipboard"], elem_id="photos",
        )  # fmt: skip
        hint = gr.Markdown(photos_hint([], None, limits), elem_id="hint", elem_classes="hint")
        moving = gr.State(None)
        consent = gr.Checkbox(label=CONSENT, value=False, elem_id="consent")

        def note(uploaded: Uploaded, request: gr.Request) -> None:
            self.studio.sessions.note_uploads(request.session_hash, paths_of(uploaded))

        def tell(uploaded: Uploaded, picked: str | None) -> str:
            return photos_hint([path for path, _ in uploaded or []], picked, limits)

        def pick(uploaded: Uploaded, clicked: gr.SelectData) -> tuple[str, str]:
            path = (uploaded or [])[clicked.index][0]
            return path, tell(uploaded, path)

        photos.upload(note, photos, queue=False, api_visibility="private")
        photos.change(tell, [photos, moving], hint, queue=False, api_visibility="private", show_progress="hidden")
        photos.select(pick, photos, [moving, hint], queue=False, api_visibility="private", show_progress="hidden")
        return Shared(photos, moving, consent)

    def _presets(self) -> list[str]:
        """Names of the preset motions."""
        return list(self.studio.presets)

    def _left(self, request: gr.Request) -> None:
        self.studio.sessions.leave(request.session_hash)

    def launch(self, host: str | None, port: int | None, open_browser: bool = False) -> str:
        """Starts the web server in the background and returns its address."""
        _, self.url, _ = self.app.launch(
            server_name=host, server_port=port, inbrowser=open_browser, prevent_thread_lock=True, quiet=True,
            share=False, ssr_mode=False, max_file_size=self.studio.limits.upload_bytes, theme=make_theme(),
            css_paths=CSS, footer_links=["api"], run_history=False,
        )  # fmt: skip
        self.examples.warm()
        return self.url

    def close(self) -> None:
        """Stops the web server, ends all jobs, deletes all files."""
        self.examples.close()
        self.app.close(verbose=False)
        self.studio.close()
        self._folder.cleanup()


def build_app(bundle_folder: Path = BUNDLED, limits: Limits | None = None, threads: int | None = None) -> Demo:
    """Makes the page; nothing listens yet.

    Raises:
        BundleError: the folder is no bundle.
    """
    return Demo(bundle_folder, limits or Limits(), threads)


def serve(demo: Demo, host: str | None = None, port: int | None = None, open_browser: bool = False) -> None:
    """Serves until the process is asked to end, then cleans up."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        print(f"vivant is at {demo.launch(host, port, open_browser)} (Ctrl-C ends it)", flush=True)
        ended.wait()
    finally:
        demo.close()
