"""The tab "Live": the visitor's camera drives the photo."""

from pathlib import Path
from typing import Any, Final

import gradio as gr

from ..runtime.errors import VivantError
from .live import Seats
from .page import Shared, Uploaded, paths_of, told
from .studio import Studio

FOLDER: Final = Path(__file__).parent


def live_tab(studio: Studio, seats: Seats, shared: Shared) -> None:
    """Puts the tab's content where it is called."""
    gr.Markdown(
        "Your camera moves the portrait. Frames are small, stay in memory and are forgotten one after the other. "
        "Look calmly into the camera and press **Neutral face** whenever the portrait is not at rest when you are.",
        elem_classes="hint",
    )
    stage = gr.HTML(
        value="",
        html_template=(FOLDER / "live.html").read_text(encoding="utf-8"),
        js_on_load=(FOLDER / "live.js").read_text(encoding="utf-8"),
        server_functions=_server_functions(seats),
        elem_id="live",
    )
    with gr.Row():
        start = gr.Button("Start the camera", variant="primary", size="lg", elem_id="live-start")
        gr.Button("Neutral face", size="lg", elem_id="live-neutral")
        gr.Button("Stop", size="lg", elem_id="live-stop")

    def take_seat(photos: Uploaded, consent: bool, old: str | None, moving: str | None, request: gr.Request) -> str:
        paths = paths_of(photos, moving)
        with told(), studio.job(request.session_hash, consent, paths):
            return seats.take(studio.photos.first(paths), list(studio.photos.others(paths)), old or "")

    start.click(
        take_seat,
        [shared.photos, shared.consent, stage, shared.moving],
        stage,
        api_visibility="private",
        concurrency_limit=1,
        concurrency_id="seats",
    )


def _server_functions(seats: Seats) -> list[Any]:
    """What the page's script calls; errors are answers, because an exception would reach it without its sentence."""

    def show_frame(call: list[Any]) -> dict[str, Any]:
        try:
            key, frame = call
            shown = seats.seat(str(key)).show(frame)
        except (VivantError, ValueError) as error:
            return {"error": str(error)}
        return {"picture": shown.picture, "face": shown.face, "milliseconds": shown.milliseconds}

    def take_neutral(key: str) -> dict[str, Any]:
        try:
            seats.seat(str(key)).take_neutral()
        except VivantError as error:
            return {"error": str(error)}
        return {}

    def leave_seat(key: str) -> dict[str, Any]:
        seats.leave(str(key))
        return {}

    return [show_frame, take_neutral, leave_seat]
