"""The tab "Animate": a preset, a driving video or a motion track moves the photo."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr
from gradio.blocks import BlockContext
from gradio.components import Component

from ..runtime.animate import Gains
from .choices import KINDS, SIZES, choose_motion, choose_settings
from .examples import Examples
from .page import Shared, Uploaded, facts_html, key_of, paths_of, shown_by, told
from .studio import FORMATS, Studio, Told, summary_of

GAINS: Final = ("Head", "Expression", "Eyes", "Lips", "Gaze")
MOST_TIMES: Final = 8


@dataclass(frozen=True)
class Results:
    """Where a clip is shown: `made` is what a job gives, `shown` what becomes of it on the page."""

    made: list[Component]
    shown: list[Component | BlockContext]
    video: gr.Video


def animate_tab(studio: Studio, shared: Shared, examples: Examples) -> None:
    """Puts the tab's content where it is called."""
    with gr.Row():
        with gr.Column(scale=5, min_width=300):
            motion, preset = _motion_inputs(studio)
            details = _detail_inputs()
            with gr.Row():
                run = gr.Button("Bring to life", variant="primary", size="lg", scale=3, elem_id="run")
                stop = gr.Button("Stop", size="lg", scale=1, min_width=80)
        with gr.Column(scale=4, min_width=300):
            results = _results()
    run.click(
        _handler(studio), [shared.photos, *motion, *details, shared.consent, shared.moving], results.made,
        api_name="animate", concurrency_limit=2, concurrency_id="clips", show_progress_on=[results.video],
    ).success(_present, results.made, results.shown, api_visibility="private")  # fmt: skip
    examples.gallery.select(
        examples.show, None, [shared.photos, preset, *results.made], api_visibility="private",
        concurrency_limit=1, concurrency_id="examples", show_progress_on=[results.video],
    ).success(_present, results.made, results.shown, api_visibility="private")  # fmt: skip

    def cancel(request: gr.Request) -> None:
        studio.sessions.cancel(request.session_hash)

    stop.click(cancel, queue=False, api_visibility="private")


def _motion_inputs(studio: Studio) -> tuple[list[Component], gr.Radio]:
    """Kind, preset, video, track and transfer, in this order; and the preset again."""
    kind = gr.Radio(
        [("Preset", "preset"), ("Video of a face", "video"), ("Motion track", "track")], value="preset", label="Motion",
        elem_classes="chips",
    )  # fmt: skip
    with gr.Group(visible=True) as with_preset:
        titles = [(track.info.title, name) for name, track in studio.presets.items()]
        first = "talk" if "talk" in studio.presets else titles[0][1]
        preset = gr.Radio(titles, value=first, label="Preset", elem_classes="chips", elem_id="preset")
    with gr.Group(visible=False) as with_video:
        seconds = studio.limits.video_seconds
        video = gr.Video(
            label=f"Video of one face, up to {seconds} s", sources=["upload", "webcam"], include_audio=True,
            elem_id="driver",
        )  # fmt: skip
        transfer = gr.Radio(
            [("Move as the driver moves", "relative"), ("Be where the driver is", "absolute")], value="relative",
            label="Transfer",
        )  # fmt: skip
    with gr.Group(visible=False) as with_track:
        label = "Motion track (.safetensors), as vivant motion extract makes it"
        track = gr.File(label=label, file_types=[".safetensors"], type="filepath", elem_id="track")
    groups = [with_preset, with_video, with_track]

    def choose(chosen: str) -> list[gr.Group]:
        return [gr.Group(visible=chosen == each) for each in KINDS]

    def note(path: str | None, request: gr.Request) -> None:
        studio.sessions.note_uploads(request.session_hash, [Path(path)] if path else [])

    kind.change(choose, kind, groups, api_visibility="private", queue=False)
    for upload in (video, track):
        upload.upload(note, upload, queue=False, api_visibility="private")
    return [kind, preset, video, track, transfer], preset


def _detail_inputs() -> list[Component]:
    """The five gains, size, times, format and who moves, in this order."""
    with gr.Row():
        sizes = [("Automatic" if size == "auto" else f"{size} px", size) for size in SIZES]
        size = gr.Dropdown(sizes, value="512", label="Detail", min_width=100)
        form = gr.Dropdown([(name.upper(), name) for name in FORMATS], value="mp4", label="Format", min_width=100)
        times = [(f"{n} ×", n) for n in range(1, MOST_TIMES + 1)]
        loop = gr.Dropdown(times, value=1, label="Times", min_width=80)
    with gr.Accordion("Strength of the motion, faces", open=False):
        gains = [gr.Slider(0, 2, value=1, step=0.05, label=label) for label in GAINS]
        face = gr.Radio([("The largest face", "largest"), ("All faces", "all")], value="largest", label="Who moves")
    return [*gains, size, loop, form, face]


def _results() -> Results:
    video = gr.Video(
        label="Living portrait", autoplay=True, loop=True, interactive=False, elem_id="clip", buttons=["download"],
        height=420,
    )  # fmt: skip
    picture = gr.Image(
        label="Living portrait", visible=False, interactive=False, type="filepath", elem_id="gif", height=420
    )
    facts = gr.HTML(elem_id="facts")
    files = gr.File(label="Download", interactive=False, visible=False, file_count="multiple", elem_id="download")
    with gr.Accordion("Summary", open=False, visible=False) as details:
        summary = gr.JSON(show_label=False)
    return Results([files, summary], [video, picture, files, facts, details], video)


def _handler(studio: Studio) -> Callable[..., tuple[list[str], Told]]:
    def animate(
        photos: Uploaded,
        motion: str = "preset",
        preset: str | None = None,
        video: str | None = None,
        track: str | None = None,
        transfer: str = "relative",
        pose: float = 1.0,
        expression: float = 1.0,
        eyes: float = 1.0,
        lips: float = 1.0,
        gaze: float = 1.0,
        size: str = "512",
        times: int = 1,
        form: str = "mp4",
        face: str = "largest",
        consent: bool = False,
        moving: str | None = None,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (Gradio's way to ask for a bar)
    ) -> tuple[list[str], Told]:
        """Animates the first photo. More photos must show the same person, one face each.

        Mouth and eyes are taken, frame by frame, from the photos that come nearest to the expression.
        Returns the clip (a WebM with its signed manifest beside it) and a summary. Clips are labelled and signed as
        AI-made. `consent` must be true: you may animate the picture, and will say that the result is AI-made.
        """
        with told():
            choice = choose_motion(motion, preset, video, track, transfer)
            settings = choose_settings(Gains(pose, expression, eyes, lips, gaze), size, times, face)
            paths = paths_of(photos, moving)
            with studio.job(key_of(request), consent, [*paths, *choice.uploads]) as job:
                progress((0, 1), desc="Looking at the photo")
                clip = studio.animate(job, paths, choice, settings, form, shown_by(progress))
                return [str(file) for file in clip.files], summary_of(clip)

    return animate


def _present(files: list[str] | None, summary: Told | None) -> tuple[Any, ...]:
    if not files or not summary:
        return (gr.skip(),) * 5
    file = files[0]
    is_gif = file.endswith(".gif")
    facts = {
        "all of it": f"{1e3 * summary['total_seconds']:.0f} ms",
        "one frame": f"{summary['milliseconds']['render']:.0f} ms",
        "speed": f"{summary['frames_per_second']:.0f} fps",
        "clip": f"{summary['frames'] / summary['fps']:.1f} s",
    }
    return (
        gr.Video(value=None if is_gif else file, visible=not is_gif),
        gr.Image(value=file if is_gif else None, visible=is_gif),
        gr.File(visible=True),
        facts_html(facts, summary["notes"]),
        gr.Accordion(visible=True),
    )
