"""Prints what marks cost and what they catch: `python tests/measure_marks.py [PHOTO] [--motion NAME] [--site]`.

For every kind of clip: what signing takes and adds, whether the reference library's own reader accepts it, in how many
of 200 places a flipped bit of the media is found, and how many of 250 damaged files `inspect` fails on.
"""

import argparse
import dataclasses
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import onnxruntime
from c2pa import Context, Reader, sdk_version
from marked import KINDS, damaged
from rich.console import Console
from rich.table import Table
from vivant.runtime.animate import animate
from vivant.runtime.inspection import inspect_file
from vivant.runtime.motions import load_motion
from vivant.runtime.session import BUNDLED, Bundle
from vivant.runtime.signing import MEDIA_TYPES, sidecar_of

SITE = Path(__file__).parent.parent / "webapp"
SAMPLE = BUNDLED.parent / "samples" / "astronaut.jpg"
FLIPS, DAMAGED, RUNS = 200, 250, 3


@dataclasses.dataclass(frozen=True)
class Made:
    """A clip that was made; times in milliseconds, `marking` of a frame (watermark), `signing` of a file."""

    producer: str
    kind: str
    clip: Path
    sidecar: Path | None
    marking: float
    signing: float
    job: float


@dataclasses.dataclass(frozen=True)
class Row:
    """One clip, examined: sizes in bytes; of a folder's pictures, of one of them."""

    made: Made
    size: int
    added: int
    accepted: str
    found: int
    failures: int


def by_command(bundle: Bundle, photo: Path, motion_name: str, folder: Path, name: str) -> Made:
    """Makes a clip as `vivant animate` does, several times."""
    motion, times, marking = load_motion(bundle, motion_name), [], 0.0
    for _ in range(RUNS if "." in name else 1):
        start = time.perf_counter()
        summary = animate(bundle, photo, motion, folder / name, folder="." not in name)
        job = 1e3 * (time.perf_counter() - start)
        times.append(summary.milliseconds["sign"])
        marking = summary.milliseconds["watermark"]
    clip = folder / name if "." in name else folder / name / "00000.png"
    return Made("vivant", name, clip, sidecar_of(clip), marking, statistics.median(times), job)


def by_site(photo: Path, motion_name: str, folder: Path) -> list[Made]:
    """Has the site's code make the clips in Chromium: see webapp/scripts/marks.mjs."""
    command = ["node", SITE / "scripts" / "marks.mjs", folder, photo.resolve(), motion_name]
    subprocess.run(command, check=True, cwd=SITE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return [
        Made(
            producer="site",
            kind=one["file"],
            clip=folder / one["file"],
            sidecar=folder / one["sidecar"] if one["sidecar"] else None,
            marking=statistics.median(one["marking"]),
            signing=statistics.median(one["signing"]),
            job=one["job"],
        )
        for one in json.loads((folder / "marks.json").read_text())
    ]


def examined(made: Made) -> Row:
    """What readers say of a clip, and of copies of it that were changed."""
    clip, content = made.clip, made.clip.read_bytes()
    manifest = made.sidecar.read_bytes() if made.sidecar else None
    media_type = MEDIA_TYPES[clip.suffix]
    with clip.open("rb") as stream, Context() as context, Reader(media_type, stream, manifest, context) as reader:
        accepted = reader.get_validation_state() or "?"
    store = manifest or content[content.index(b"jumb") - 4 :]  # JUMBF: a box begins with its length
    added = int.from_bytes(store[:4], "big")
    chance = random.Random(made.kind)
    found = sum(_state_of(clip, _flipped(content, chance)) == "broken" for _ in range(FLIPS))
    failures = 0
    for _ in range(DAMAGED):
        try:
            _state_of(clip, damaged(content, chance))
        except Exception:
            failures += 1
    return Row(made, len(content), added, accepted, found, failures)


def _state_of(clip: Path, content: bytes) -> str:
    clip.write_bytes(content)
    return inspect_file(clip).state


def _flipped(content: bytes, chance: random.Random) -> bytes:
    """One bit changed in the last nine tenths, where the media is and the manifest is not."""
    changed = bytearray(content)
    changed[chance.randrange(len(content) // 10, len(content))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def main() -> None:
    """Measures every kind and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("photo", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--motion", default="nod", help="a preset")
    parser.add_argument("--site", action="store_true", help="also what the site saves; needs Node.js and Chromium")
    options = parser.parse_args()
    bundle = Bundle()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = [by_command(bundle, options.photo, options.motion, folder, name) for name in KINDS]
        if options.site:
            clips += by_site(options.photo, options.motion, folder)
        rows = [examined(clip) for clip in clips]
    titles = ("producer", "clip", "kB", "manifest, kB", "marking, ms", "signing, ms", "whole job, ms", "reader says")
    table = Table(*titles, "flips found", "failures", box=None, header_style="bold")
    for row in rows:
        made = row.made
        sizes = (f"{row.size / 1e3:.1f}", f"{row.added / 1e3:.1f}")
        times = (f"{made.marking:.1f}", f"{made.signing:.1f}", f"{made.job:.0f}")
        found, failures = f"{row.found}/{FLIPS}", f"{row.failures}/{DAMAGED}"
        table.add_row(made.producer, made.kind, *sizes, *times, row.accepted, found, failures)
    console = Console(width=120)
    console.print(table)
    console.print(f"c2pa-rs {sdk_version()}, onnxruntime {onnxruntime.__version__}, Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
