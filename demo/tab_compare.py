"""The tab "Compare": photo, driver, geometry only, student and teacher in one clip."""

from pathlib import Path
from typing import Any

import gradio as gr

from .choices import choose_motion
from .comparison import compare
from .methods import has_geometry, has_teacher
from .page import Shared, Uploaded, key_of, paths_of, shown_by, told
from .studio import MotionChoice, Studio


def compare_tab(studio: Studio, shared: Shared) -> None:
    """Puts the tab's content where it is called."""
    missing = "" if has_teacher() else " The *teacher* is not installed on this server."
    if not has_geometry():
        missing = " *Geometry only* and the *teacher* need torch, which this server does not have."
    gr.Markdown(
        "The same motion by different means, side by side: the photo, what drives it, the photo warped by its "
        "landmarks alone (no network), vivant's student, which runs in real time, and the few-shot teacher, which "
        f"does not: more photos of the person help it most.{missing} "
        f"At most {studio.limits.compare_seconds} s are compared.",
        elem_classes="hint",
    )
    titles = [(track.info.title, name) for name, track in studio.presets.items()]
    with gr.Row():
        preset = gr.Dropdown(titles, value=titles[0][1], label="Preset")
        video = gr.Video(label="Or a driving video", sources=["upload"], include_audio=True, height=180)
    run = gr.Button("Compare", variant="primary", size="lg", elem_id="compare")
    clip = gr.Video(
        label="Side by side", autoplay=True, loop=True, interactive=False, elem_id="compared", buttons=["download"]
    )
    notes = gr.JSON(label="What is compared", visible="hidden")

    def compare_methods(
        photos: Uploaded,
        preset: str | None = None,
        video: str | None = None,
        consent: bool = False,
        moving: str | None = None,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (Gradio's way to ask for a bar)
    ) -> tuple[str, dict[str, Any]]:
        """Compares methods on the first photo, driven by a video if there is one, else by a preset; see `animate`."""
        with told():
            choice: MotionChoice = choose_motion("video" if video else "preset", preset, video, None, "relative")
            paths = paths_of(photos, moving)
            with studio.job(key_of(request), consent, [*paths, *choice.uploads]) as job:
                made = compare(studio, job, paths, choice, shown_by(progress))
                return str(made.file), {"columns": made.columns, "notes": made.notes}

    run.click(
        compare_methods,
        [shared.photos, preset, video, shared.consent, shared.moving],
        [clip, notes],
        api_name="compare",
        concurrency_limit=2,
        concurrency_id="clips",
        show_progress_on=[clip],
    )

    def note(path: str | None, request: gr.Request) -> None:
        studio.sessions.note_uploads(request.session_hash, [Path(path)] if path else [])

    video.upload(note, video, queue=False, api_visibility="private")
