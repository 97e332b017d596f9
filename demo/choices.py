"""From the fields of a page to what the runtime takes; whatever the page does not offer is refused."""

from dataclasses import asdict
from pathlib import Path
from typing import Final

from ..runtime.animate import Gains, Settings
from .studio import MotionChoice, Refused

KINDS: Final = ("preset", "video", "track")
FACES: Final = ("largest", "all")
SIZES: Final = ("auto", "256", "512", "1024")
TRANSFERS: Final = ("relative", "absolute")
MOST_GAIN: Final = 3.0
MOST_LOOPS: Final = 100


def choose_motion(kind: str, preset: str | None, video: str | None, track: str | None, transfer: str) -> MotionChoice:
    """The motion that the page's fields name; raises Refused when the chosen kind's file is missing."""
    if transfer not in TRANSFERS:
        raise Refused(f"The transfer is one of {', '.join(TRANSFERS)}.")
    if kind == "preset":
        return MotionChoice(preset=preset)
    if kind == "video":
        if not video:
            raise Refused("Add a video of a face first, or choose a preset.")
        return MotionChoice(video=Path(video), transfer="absolute" if transfer == "absolute" else "relative")
    if kind == "track":
        if not track:
            raise Refused("Add a motion track first, or choose a preset.")
        return MotionChoice(track=Path(track))
    raise Refused(f"The motion is one of {', '.join(KINDS)}.")


def choose_settings(gains: Gains, size: str, loop: float, face: str) -> Settings:
    """The settings that the page's fields name; raises Refused for what the page does not offer."""
    if size not in SIZES:
        raise Refused(f"The detail is one of {', '.join(SIZES)}.")
    if face not in FACES:
        raise Refused(f"The face is one of {', '.join(FACES)}.")
    if not 1 <= loop <= MOST_LOOPS:
        raise Refused(f"A motion is played 1 to {MOST_LOOPS} times.")
    if not all(0 <= value <= MOST_GAIN for value in asdict(gains).values()):
        raise Refused(f"The strength of a motion lies between 0 and {MOST_GAIN:g}.")
    return Settings("all" if face == "all" else None, None if size == "auto" else int(size), gains, int(loop))
