"""Living portraits: what becomes of pictures of all kinds under the motion of three performers, on one page to look at.

    python -m vivant.training.portraits PICTURES -o portraits.html          # a folder, or pictures one by one

A row a picture: the picture, then of every performer the moment in each third of the motion that differs most from
rest. Beside it stands what the tracker and an identity network that took no part in training find in those moments, and
what failed. Nothing is left out: pictures that cannot be animated are listed with the reason.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..export.report_page import Section, Table, as_html, as_strip
from ..runtime.errors import VivantError
from ..runtime.faces import Face, choose_faces, find_faces
from ..runtime.images import load_photo
from ..runtime.outputs import check_writable, replacing
from ..runtime.portrait import Portrait
from ..runtime.session import BUNDLED, Bundle
from ..runtime.stopwatch import Stopwatch
from ..runtime.tracks import MotionTrack
from .evaluate import progress_bar
from .evaluate_measures import Observer, SourcePhoto, face_energy, score_against_source
from .evaluate_self import mean_scores

DRIVERS: Final = ("speaker-calm", "speaker-lively", "speaker-expressive")
MOMENTS: Final = 3
CELL: Final = 200  # pixels
SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
# What counts as a failure, and is said on the page.
FAR: Final = 0.06  # mean distance of the landmarks from where they should be, of the outer eye corners' distance
STRANGER: Final = 0.4  # of `identity`: dlib holds two pictures for one person's from here on

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Living:
    """One picture: `cells`, it and its moments; `scores`, their means; `failures`, in words."""

    name: str
    cells: tuple[Pixels, ...]
    scores: dict[str, float]
    failures: tuple[str, ...]


def moments(track: MotionTrack, count: int = MOMENTS) -> list[int]:
    """In each of `count` equal parts of a track, the frame that differs most from rest."""
    moved = np.abs(track.expression @ track.basis.reshape(len(track.basis), -1)).mean(1)
    turned = np.abs(track.rotation - np.eye(3, dtype=np.float32)).mean((1, 2))
    away = moved / (moved.max() + 1e-9) + turned / (turned.max() + 1e-9)
    parts = np.array_split(np.arange(len(away)), min(count, len(away)))
    return [int(part[away[part].argmax()]) for part in parts]


def bring_to_life(bundle: Bundle, path: Path, tracks: Sequence[MotionTrack], observer: Observer) -> Living:
    """The largest face of a picture under every motion.

    Raises:
        PictureError: it cannot be read. FaceError: it shows no usable face.
    """
    photo = load_photo(path).pixels
    faces, _ = choose_faces(find_faces(bundle, photo), None, bundle.manifest.thresholds, path.name)
    face = faces[0]
    portrait = Portrait(bundle, photo, face, None, Stopwatch())
    energy = face_energy(photo, face.landmarks)
    source = SourcePhoto(photo, face.landmarks, observer.describe(photo, face.landmarks), energy)
    box = _box(bundle, face)
    cells, scores = [_cell(photo, box)], []
    for track in tracks:
        for moment in moments(track):
            canvas = photo.copy()
            target = portrait.target(track.frame(moment), np.ones(5, np.float32))
            portrait.draw(canvas, target)
            cells.append(_cell(canvas, box))
            scores.append(score_against_source(canvas, target, source, observer))
    means = mean_scores(scores)
    means["landmarks"] /= face.eye_distance
    return Living(path.name, tuple(cells), means, _failures(scores, face.eye_distance))


def _failures(scores: Sequence[dict[str, float]], unit: float) -> tuple[str, ...]:
    """What went wrong, with how many of the moments."""
    found = {
        "no face is found": [not score["face"] for score in scores],
        "the face is not where it should be": [not score["landmarks"] <= FAR * unit for score in scores],
        "it is taken for somebody else": [score["identity"] < STRANGER for score in scores],
    }
    return tuple(f"{what} ({sum(bad)} of {len(bad)})" for what, bad in found.items() if any(bad))


def _box(bundle: Bundle, face: Face) -> tuple[int, int, int, int]:
    x, y, side, _ = (float(v) for v in bundle.graph("head")({"landmarks": face.landmarks})["region"])
    return round(x - 0.42 * side), round(y - 0.42 * side), round(x + 0.42 * side), round(y + 0.42 * side)


def _cell(picture: Pixels, box: tuple[int, int, int, int]) -> Pixels:
    cut = Image.fromarray(picture).crop(box).resize((CELL, CELL), Image.Resampling.LANCZOS)
    return np.asarray(cut)


def portraits_page(rows: Sequence[Living], refused: Sequence[tuple[str, str]], drivers: Sequence[str]) -> str:
    """The page as HTML, with all pictures in it."""
    columns = (
        ("face", "face found"),
        ("identity", "identity"),
        ("landmarks", "landmarks off"),
        ("sharpness", "sharpness"),
    )
    table = Table(
        ["picture", *(title for _, title in columns), "failures"],
        [[row.name, *(f"{row.scores[key]:.3f}" for key, _ in columns), "; ".join(row.failures) or "–"] for row in rows],
    )
    failed = sum(bool(row.failures) for row in rows)
    note = (
        f"{len(rows)} picture{'s' * (len(rows) != 1)}, {failed} with a failure in at least one of "
        f"{MOMENTS * len(drivers)} moments. Identity: "
        f"1 less dlib's distance to the picture, somebody else below {STRANGER:g}. Landmarks: mean "
        f"distance from where they were sent, in distances of the outer eye corners, a failure beyond {FAR:g}. "
        "Sharpness: energy of detail in the face, of the picture's own."
    )
    sections = [Section("What was measured", [table], note)]
    if refused:
        sections.append(Section("Pictures that could not be animated", [Table(["picture", "why"], list(refused))]))
    order = f"The picture itself, then {', '.join(drivers)}: {MOMENTS} moments each, AI-made."
    sheet = [(f"{row.name}. {'; '.join(row.failures)}".strip(), as_strip(row.cells)) for row in rows]
    return as_html("Living portraits", sections, sheet, heading=order)


def pictures_in(paths: Sequence[Path]) -> list[Path]:
    """Pictures, and those in folders, in alphabetical order.

    Raises:
        VivantError: there are none.
    """
    found = [p for path in paths for p in (sorted(path.iterdir()) if path.is_dir() else [path])]
    named = [p for p in found if p.suffix.lower() in SUFFIXES]
    if not named:
        raise VivantError(f"There is no picture in {', '.join(map(str, paths))}.")
    return named


def make_portraits(paths: Sequence[Path], output: Path, bundle: Bundle, drivers: Sequence[str] = DRIVERS) -> int:
    """Writes the page; how many pictures are on it.

    Raises:
        VivantError: there is no picture, or the output cannot be written.
    """
    check_writable(output)
    tracks = [MotionTrack.load(bundle.preset(name)) for name in drivers]
    observer, rows, refused = Observer(bundle), [], []
    with progress_bar() as bar:
        for path in bar.track(pictures_in(paths), description="portraits"):
            try:
                rows.append(bring_to_life(bundle, path, tracks, observer))
            except VivantError as error:
                refused.append((path.name, str(error)))
    with replacing(output) as temporary:
        temporary.write_text(portraits_page(rows, refused, drivers), encoding="utf-8")
    return len(rows)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="*", default=[BUNDLED.parent / "samples"], help="default: samples")
    parser.add_argument("--output", "-o", type=Path, default=Path("portraits.html"))
    parser.add_argument("--bundle", type=Path, default=BUNDLED)
    parser.add_argument("--drivers", nargs="+", default=list(DRIVERS), metavar="PRESET")
    given = parser.parse_args()
    try:
        count = make_portraits(given.pictures, given.output, Bundle(given.bundle), given.drivers)
    except VivantError as error:
        sys.exit(f"error: {error}")
    print(f"{count} portraits: {given.output}")


if __name__ == "__main__":
    main()
