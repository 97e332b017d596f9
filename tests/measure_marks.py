"""Prints what marks cost and what they catch: `python tests/measure_marks.py [PHOTO] [--motion NAME]` (about a minute).

For every kind of clip: what signing takes and adds, whether the reference library's own reader accepts it, in how many
of 200 places a flipped bit of the media is found, and how many of 250 damaged files `inspect` fails on.
"""

import argparse
import dataclasses
import random
import statistics
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

SAMPLE = BUNDLED.parent / "samples" / "astronaut.jpg"
FLIPS, DAMAGED, RUNS = 200, 250, 3


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of clip: sizes in bytes, times in milliseconds; of a folder's pictures, of one of them."""

    kind: str
    frames: int
    size: int
    added: int
    signing: float
    job: float
    accepted: str
    found: int
    failures: int


def measure(bundle: Bundle, photo: Path, motion_name: str, folder: Path, name: str) -> Row:
    """Makes a clip several times and examines the last."""
    motion, times = load_motion(bundle, motion_name), []
    for _ in range(RUNS if "." in name else 1):
        start = time.perf_counter()
        summary = animate(bundle, photo, motion, folder / name, folder="." not in name)
        job = 1e3 * (time.perf_counter() - start)
        times.append(summary.milliseconds["sign"])
    clip = folder / name if "." in name else folder / name / "00000.png"
    beside = clip.with_suffix(".c2pa") if name.endswith(".webm") else None
    content = clip.read_bytes()
    manifest = beside.read_bytes() if beside else None
    with clip.open("rb") as stream, Context() as context, Reader(KINDS[name], stream, manifest, context) as reader:
        accepted = reader.get_validation_state() or "?"
    store = manifest or content[content.index(b"jumb") - 4 :]  # JUMBF: a box begins with its length
    added = int.from_bytes(store[:4], "big")
    chance = random.Random(name)
    found = sum(_state_of(clip, _flipped(content, chance)) == "broken" for _ in range(FLIPS))
    failures = 0
    for _ in range(DAMAGED):
        try:
            _state_of(clip, damaged(content, chance))
        except Exception:
            failures += 1
    return Row(name, summary.frames, len(content), added, statistics.median(times), job, accepted, found, failures)


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
    parser.add_argument("--motion", default="nod")
    options = parser.parse_args()
    bundle = Bundle()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(bundle, options.photo, options.motion, Path(folder), name) for name in KINDS]
    titles = (
        "clip",
        "frames",
        "kB",
        "manifest, kB",
        "signing, ms",
        "whole job, ms",
        "reader says",
        "flips found",
        "failures",
    )
    table = Table(*titles, box=None, header_style="bold")
    for row in rows:
        cells = (row.frames, f"{row.size / 1e3:.1f}", f"{row.added / 1e3:.1f}", f"{row.signing:.1f}", f"{row.job:.0f}")
        table.add_row(row.kind, *map(str, cells), row.accepted, f"{row.found}/{FLIPS}", f"{row.failures}/{DAMAGED}")
    console = Console()
    console.print(table)
    console.print(f"c2pa-rs {sdk_version()}, onnxruntime {onnxruntime.__version__}, Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
