"""Measures the watermark as it ships: what survives which treatment, how visible it is, how often it errs.

    python -m vivant.training.evaluate_watermark --data DATA --output report [--against-library]
    python -m vivant.training.evaluate_watermark --data DATA --output report --all-photos

Marked: held-out photos animated by the bundle, three seconds of each, and held-out films, twice 16 frames of each; of
both also single frames, and photos. Unmarked: frames of all films, and photos. With `--against-library` single frames
also go through invisible-watermark's DWT-DCT-SVD (pip install invisible-watermark). With `--all-photos` the two
treatments that must be survived are tried on every held-out photo instead, animated; a sixth of them is in the table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ..runtime.media import VideoReader
from ..runtime.session import Bundle
from ..runtime.stills import spread
from ..runtime.watermark import Reading, Watermark, WatermarkReader
from .attacks import Attack, apply_attack
from .watermark_data import animate_photos, films_of, fit, photos_of, resized

SIDE = 512  # films and photos are brought to this size, so that every figure is of the same one
FRAMES = 16  # of a film's clip; of longer ones so many are read
ANIMATED = 75  # frames of an animated photo
UNMARKED = 20_000
SEARCHED = 1_000  # of them, how many are also looked at in all scales
LIBRARY_LEAST = 256  # pixels; of smaller pictures the library reads nothing
PICTURES = 6  # of the contact sheet
ATTACKS = {
    "nothing": Attack(),
    "H.264, CRF 23": Attack(codec="h264", quality=23),
    "H.264, CRF 28, half size": Attack(size=0.5, codec="h264", quality=28),
    "H.264, CRF 33": Attack(codec="h264", quality=33),
    "VP9, CRF 35": Attack(codec="vp9", quality=35),
    "JPEG 50 (one frame)": Attack(codec="jpeg", quality=50),
    "noise, 4 grey levels": Attack(noise=4.0),
    "half the colour": Attack(saturation=0.5),
    "blur, then 0.7 × size": Attack(size=0.7, blur=0.8),
    "30 % cut off": Attack(crop=0.3, where=(0.2, 0.7)),
    "30 % cut off, H.264, CRF 23": Attack(crop=0.3, where=(0.8, 0.1), codec="h264", quality=23),
    "30 % cut off, half size, CRF 28": Attack(size=0.5, crop=0.3, where=(0.5, 0.5), codec="h264", quality=28),
}
MUST_SURVIVE = ("H.264, CRF 28, half size", "30 % cut off, H.264, CRF 23")
KINDS = ("animated", "films", "frames")  # columns of the table
Embed = Callable[[np.ndarray, bytes], np.ndarray]
Read = Callable[[Sequence[np.ndarray]], str | None]
Count = tuple[int, int]  # so many of so many


@dataclass(frozen=True)
class Survival:
    """Shares of animated photos, of films' clips (None: not looked at), and of single frames and photos, whose 32 bits
    are all read."""

    treatment: str
    animated: float | None
    films: float | None
    frames: float


@dataclass(frozen=True)
class Mistakes:
    """Marks that were seen where there is none: in so many pictures read at one scale, and in so many at all scales."""

    pictures: int
    seen: int
    highest: float
    searched: int
    seen_searching: int
    highest_searching: float


def clips_of(data: Path, bundle: Bundle) -> list[np.ndarray]:
    """Animated held-out photos, twice sixteen frames of every held-out film, and other held-out photos as clips of one:
    uint8 [T, H, W, 3]."""
    clips = list(animate_photos(bundle, photos_of(data, "heldout")[3::6], SIDE, ANIMATED))
    for film in films_of(data, "heldout"):
        with VideoReader(film) as reader:
            frames = [resized(frame, SIDE) for frame in islice(reader, 2 * FRAMES)]
        clips += [np.stack(part) for part in (frames[:FRAMES], frames[FRAMES:]) if len(part) == FRAMES]
    for path in photos_of(data, "heldout")[::6]:
        clips.append(_still(path))
    return clips


def _still(photo: Path) -> np.ndarray:
    """A photo as a clip of one frame: uint8 [1, H, W, 3]."""
    with Image.open(photo) as image:
        return resized(np.asarray(image.convert("RGB")), SIDE)[None]


def survival(
    clips: Sequence[np.ndarray], embed: Embed, read: Read, treatments: dict[str, Attack], label: str
) -> list[Survival]:
    """Marks every clip, treats it, reads it: up to sixteen frames of it together, and the last one or a photo alone."""
    rng = np.random.default_rng(0)
    messages = [rng.bytes(4) for _ in clips]
    marked = [
        np.stack([embed(frame, message) for frame in clip])
        for clip, message in track(list(zip(clips, messages, strict=True)), f"{label}: marking")
    ]
    results = []
    for name, attack in track(treatments.items(), f"{label}: treating and reading"):
        whole: dict[int, list[bool]] = {ANIMATED: [], FRAMES: []}
        single = []
        for clip, message in zip(marked, messages, strict=True):
            treated, _ = apply_attack(clip, attack, rng)
            single.append(read([treated[-1]]) == message.hex())
            if len(clip) > 1:
                seen = [treated[i] for i in spread(len(treated), FRAMES)]
                whole[len(clip)].append(read(seen) == message.hex())
        animated, films = (float(np.mean(found)) if found else None for found in whole.values())
        results.append(Survival(name, animated, films, float(np.mean(single))))
    return results


def survivors(clips: Iterable[np.ndarray], embed: Embed, read: Read, treatments: dict[str, Attack]) -> dict[str, Count]:
    """Of how many clips all 32 bits are read, by treatment. Clips are looked at one by one: there may be any number."""
    rng = np.random.default_rng(0)
    found = {name: [0, 0] for name in treatments}
    for clip in clips:
        message = rng.bytes(4)
        marked = np.stack([embed(frame, message) for frame in clip])
        for name, attack in treatments.items():
            treated, _ = apply_attack(marked, attack, rng)
            seen = [treated[i] for i in spread(len(treated), FRAMES)]
            found[name][0] += read(seen) == message.hex()
            found[name][1] += 1
    return {name: (survived, tried) for name, (survived, tried) in found.items()}


def fidelity(clips: Sequence[np.ndarray], embed: Embed) -> np.ndarray:
    """PSNR of every clip's first frame, dB, least first."""
    values = []
    for clip in clips:
        marked = embed(clip[0], b"\x5a\x17\xc3\x88").astype(float)
        values.append(10 * np.log10(255**2 / np.mean((marked - clip[0]) ** 2)))
    return np.sort(np.array(values))


def unmarked(data: Path, wanted: int) -> Iterator[np.ndarray]:
    """Frames of all films, spread over them, and all photos, as they are."""
    films = films_of(data, "heldout") + films_of(data, "train")
    photos = photos_of(data, "heldout") + photos_of(data, "train")
    for path in photos[:wanted]:
        with Image.open(path) as image:
            yield fit(np.asarray(image.convert("RGB")))
    each = -(-(wanted - len(photos)) // len(films))
    for film in films:
        with VideoReader(film, SIDE) as reader:
            yield from islice(reader, 2 * each)


def mistakes(reader: WatermarkReader, bundle: Bundle, data: Path, wanted: int, searched: int) -> Mistakes:
    """Reads pictures without a mark."""
    first = WatermarkReader(bundle)
    first.search = replace(reader.search, scales=(1.0,))
    every = max(1, wanted // searched)
    single: list[Reading] = []
    all_scales: list[Reading] = []
    for number, picture in enumerate(track(islice(unmarked(data, wanted), wanted), "unmarked pictures", wanted)):
        single.append(first.read([picture]))
        if number % every == 0 and len(all_scales) < searched:
            all_scales.append(reader.read([picture]))
    return Mistakes(
        len(single),
        sum(one.found for one in single),
        max(one.confidence for one in single),
        len(all_scales),
        sum(one.found for one in all_scales),
        max(one.confidence for one in all_scales),
    )


def contact_sheet(clips: Sequence[np.ndarray], embed: Embed, path: Path) -> None:
    """Picture | marked | four times the difference, one row a clip."""
    rows = []
    for clip in clips[-PICTURES:]:
        frame, marked = clip[0], embed(clip[0], b"\x5a\x17\xc3\x88")
        difference = (128 + 4.0 * (marked.astype(float) - frame)).clip(0, 255).astype(np.uint8)
        row = np.concatenate([frame, marked, difference], axis=1)
        rows.append(np.pad(row, ((0, 0), (0, 3 * SIDE - row.shape[1]), (0, 0)), constant_values=255))
    Image.fromarray(np.concatenate(rows)).save(path)


def library() -> tuple[Embed, Read]:
    """invisible-watermark (MIT), the method of its that survives most: DWT-DCT-SVD. It reads one picture at a time."""
    module: Any = import_module("imwatermark")
    encoder, decoder = module.WatermarkEncoder(), module.WatermarkDecoder("bits", 32)

    def embed(frame: np.ndarray, message: bytes) -> np.ndarray:
        encoder.set_watermark("bytes", message)
        return encoder.encode(frame[..., ::-1], "dwtDctSvd")[..., ::-1]

    def read(frames: Sequence[np.ndarray]) -> str | None:
        if min(frames[0].shape[:2]) <= LIBRARY_LEAST:
            return None
        votes = [decoder.decode(frame[..., ::-1].copy(), "dwtDctSvd") for frame in frames]
        return np.packbits(np.mean(votes, axis=0) > 0.5).tobytes().hex()

    return embed, read


def milliseconds(work: Callable[[], object], runs: int = 30) -> float:
    """The median."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder of watermark.json and watermark.png")
    parser.add_argument("--bundle", type=Path, help="another bundle than the shipped one")
    parser.add_argument("--unmarked", type=int, default=UNMARKED, help="pictures for false alarms")
    parser.add_argument("--searched", type=int, default=SEARCHED, help="of them, how many at all scales")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every N-th clip only")
    parser.add_argument("--against-library", action="store_true")
    parser.add_argument("--all-photos", action="store_true", help="only what must be survived, on all held-out photos")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    bundle = Bundle(arguments.bundle, threads=1) if arguments.bundle else Bundle(threads=1)
    mark, reader = Watermark(bundle), WatermarkReader(bundle)
    graph = bundle.graph("watermark_embed")

    def embed(frame: np.ndarray, message: bytes) -> np.ndarray:
        return graph({"image": frame, "message": np.frombuffer(message, np.uint8)})["marked"]

    if arguments.all_photos:
        photos = photos_of(arguments.data, "heldout")[:: arguments.every]
        shown = track(animate_photos(bundle, photos, SIDE, ANIMATED), "photos", total=len(photos))
        treatments = {name: ATTACKS[name] for name in MUST_SURVIVE}
        counts = survivors(shown, embed, lambda frames: reader.read(frames).message, treatments)
        for name, (read, tried) in counts.items():
            print(f"{name}: {read} of {tried} animated photos")
        psnr = fidelity([_still(photo) for photo in photos], embed)
        print(f"PSNR of the photos: {psnr[0]:.1f} dB at least, {np.median(psnr):.1f} in the median")
        report = {**counts, "psnr": [psnr[0], float(np.median(psnr))]}
        (arguments.output / "watermark-photos.json").write_text(json.dumps(report, indent=1) + "\n")
        return
    clips = clips_of(arguments.data, bundle)[:: arguments.every]
    contact_sheet(clips, embed, arguments.output / "watermark.png")
    methods: dict[str, tuple[Embed, Read]] = {"vivant": (embed, lambda frames: reader.read(frames).message)}
    if arguments.against_library:
        methods["invisible-watermark"] = library()
    report: dict[str, object] = {"clips": len(clips)}
    console = Console()
    table = Table("treatment", *(f"{name}: {what}" for name in methods for what in KINDS), box=None)
    single = [clip[-1:] for clip in clips]  # the library takes a second for a frame
    taken = {name: clips if name == "vivant" else single for name in methods}
    found = {name: survival(taken[name], *functions, ATTACKS, name) for name, functions in methods.items()}
    for rows in zip(*found.values(), strict=True):
        shares = (
            "" if s is None else f"{100 * s:.1f} %" for row in rows for s in (row.animated, row.films, row.frames)
        )
        table.add_row(rows[0].treatment, *shares)
    console.print(table)
    for name, functions in methods.items():
        psnr = fidelity(clips, functions[0])
        console.print(f"{name}: PSNR {psnr[0]:.1f} dB at least, {np.median(psnr):.1f} in the median")
        report[name] = {"survival": [asdict(row) for row in found[name]], "psnr": [psnr[0], float(np.median(psnr))]}
    seen = mistakes(reader, bundle, arguments.data, arguments.unmarked, arguments.searched)
    report["mistakes"] = asdict(seen)
    console.print(
        f"unmarked: {seen.seen} of {seen.pictures} taken for marked (highest confidence {seen.highest:.3f}, from "
        f"{reader.search.threshold} on it counts); looking at all scales {seen.seen_searching} of {seen.searched} "
        f"({seen.highest_searching:.3f})"
    )
    frame = clips[0][0]
    cost = {"mark": milliseconds(lambda: mark.mark(frame)), "read": milliseconds(lambda: reader.read([frame]), 5)}
    report["milliseconds"] = cost
    console.print(
        f"{frame.shape[1]}×{frame.shape[0]}: marking {cost['mark']:.1f} ms, a full search {cost['read']:.0f} ms"
    )
    (arguments.output / "watermark.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
