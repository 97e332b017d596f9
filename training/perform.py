"""Clips of a person's own teacher, marked as every clip of this project is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..models.person import Person
from ..runtime.clips import open_clip
from ..runtime.credentials import find_credentials
from ..runtime.driver import Progress, no_progress
from ..runtime.label import LABEL_TEXT, make_label
from ..runtime.motions import load_motion
from ..runtime.outputs import check_sidecar, check_target, sha256_of
from ..runtime.provenance import Origin, Source, container_tags
from ..runtime.session import Bundle
from ..runtime.signing import ClipSigner, sidecar_of
from ..runtime.stopwatch import Stopwatch
from ..runtime.tracks import MotionFrame
from ..runtime.watermark import Watermark


def perform(
    person: Person,
    source: Path,
    bundle: Bundle,
    wanted: str,
    target: Path,
    folder: bool = False,
    with_label: bool = True,
    progress: Progress = no_progress,
) -> list[str]:
    """Writes a clip of the person's square, moved from the first photo by a relative motion; returns notes.

    Args:
        source: the person's file, named in the clip's manifest. wanted: as for `load_motion`.

    Raises:
        MotionError, VideoError, OutputError, CredentialsError: see there.
    """
    check_target(target, folder)
    check_sidecar(None if folder else sidecar_of(target), target)
    motion = load_motion(bundle, wanted)
    credentials = find_credentials()
    size = person.teacher.config.size
    points = (person.photos.points[0, 0].cpu() * (0.5 * size) + torch.tensor([0.5 * size, 0.5 * size, 0.0])).numpy()
    box = np.concatenate([points[:, :2].min(0), points[:, :2].max(0)])
    label = make_label(size, size, [box]) if with_label else None
    digest = bytes.fromhex(sha256_of(source))
    watermark = Watermark(bundle)
    text = LABEL_TEXT if label else None
    origin = Origin(
        Source(source.name, digest, "application/octet-stream"), motion.name, text, watermark=watermark.message
    )
    signer = ClipSigner(credentials, origin, Stopwatch())
    retarget, gains = bundle.graph("retarget"), np.ones(5, np.float32)
    tags = container_tags(f"{source.stem}, {wanted}")
    with open_clip(target, folder, size, size, motion.fps, tags, signer, watermark.mark) as clip:
        for number in range(motion.frames):
            moment = motion.at(number)
            assert isinstance(moment, MotionFrame)  # `load_motion` transfers relatively unless asked otherwise
            moved = retarget({"source": points, **vars(moment), "gains": gains})["target"]
            canvas = person.picture(moved).copy()
            if label is not None:
                label.draw(canvas)
            clip.write(canvas)
            progress("rendering", number + 1, motion.frames)
    return [*motion.notes, *credentials.notes]
