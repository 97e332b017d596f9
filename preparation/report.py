"""The report of a preparation: what was found, kept and left out, and pictures of it."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from ..export.report_page import Section, Table, as_html
from ..runtime.outputs import replacing
from .charts import bar_chart, contact_sheet, people_chart
from .index import PersonTotal, Sample, people_of, samples_of
from .ledger import Ledger
from .one_file import BINS, Outcome

REPORT_FILE: Final = "report.html"
LISTED: Final = 10  # people with the most and with the fewest frames
LABELS: Final = {
    "yaw": "yaw, degrees (positive: turned to the person's own left)",
    "pitch": "pitch, degrees (positive: down)",
    "opening": "opening of the mouth, distances of the outer eye corners",
}


def write_report(output: Path, ledger: Ledger) -> None:
    """Writes `report.html` beside the shards: one page without anything from outside."""
    outcomes, samples = list(ledger.outcomes.values()), samples_of(ledger)
    people = people_of(samples)
    sections = [
        _counts(outcomes, samples, people),
        _frames(outcomes),
        _files(outcomes),
        _shards(output, ledger, samples),
    ]
    sections += [_runs(ledger, outcomes), _people(people)]
    page = as_html(
        f"Prepared: {output.resolve().name}", sections, _pictures(output, outcomes, samples, people), "Pictures"
    )
    with replacing(output / REPORT_FILE) as temporary:
        temporary.write_text(page, encoding="utf-8")


def summary(output: Path, ledger: Ledger) -> dict[str, Any]:
    """Everything that was ever prepared in a folder, in numbers, for scripts."""
    outcomes, samples = list(ledger.outcomes.values()), samples_of(ledger)
    people = people_of(samples)
    status = _by_status(outcomes)
    return {
        "files": len(outcomes),
        **{name: status[name] for name in ("kept", "rejected", "failed")},
        "people": len(people),
        "heldout_people": sum(person.split == "heldout" for person in people),
        "scenes": len(samples),
        "frames": sum(sample.frames for sample in samples),
        "seconds": round(sum(sample.seconds for sample in samples), 1),
        "shards": len(ledger.shards),
        "bytes": sum((output / packed.shard).stat().st_size for packed in ledger.shards),
        "files_left_out": dict(_file_reasons(outcomes).most_common()),
        "frames_left_out": dict(_frame_reasons(outcomes).most_common()),
        "processor_seconds_per_second_of_film": round(_work_per_second(outcomes), 3),
        "last_run": asdict(ledger.runs[-1]) if ledger.runs else None,
    }


def summary_lines(output: Path, ledger: Ledger) -> list[str]:
    """The same in a few sentences."""
    s = summary(output, ledger)
    lines = [
        f"{s['kept']} of {s['files']} files kept: {s['frames']} frames in {s['scenes']} scenes, "
        f"{s['seconds'] / 60:.1f} minutes, {s['people']} people ({s['heldout_people']} held out), "
        f"{s['bytes'] / 1e6:.1f} MB in {s['shards']} shards."
    ]
    for title, counts in (("Files left out", s["files_left_out"]), ("Frames left out", s["frames_left_out"])):
        if counts:
            lines.append(f"{title}: {', '.join(f'{count} {reason}' for reason, count in counts.items())}.")
    run = ledger.runs[-1] if ledger.runs else None
    if run:
        lines.append(
            f"Last run: {run.files} files, {run.looked} frames looked at in {run.seconds:.0f} s by {run.workers} "
            f"workers, {run.looked / max(run.seconds, 1e-3):.1f} a second."
        )
    if work := s["processor_seconds_per_second_of_film"]:
        lines.append(f"In all, a second of film took {work:.2f} seconds of one processor.")
    return lines


def _work_per_second(outcomes: Sequence[Outcome]) -> float:
    """Processor seconds for each second of film."""
    films = [outcome for outcome in outcomes if outcome.seconds > 0]
    return sum(film.working for film in films) / max(1e-3, sum(film.seconds for film in films))


def _by_status(outcomes: Sequence[Outcome]) -> Counter[str]:
    return Counter(outcome.status for outcome in outcomes)


def _file_reasons(outcomes: Sequence[Outcome]) -> Counter[str]:
    return Counter(outcome.reason for outcome in outcomes if outcome.status != "kept")


def _frame_reasons(outcomes: Sequence[Outcome]) -> Counter[str]:
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total.update(outcome.rejects)
    return total


def _counts(outcomes: Sequence[Outcome], samples: Sequence[Sample], people: Sequence[PersonTotal]) -> Section:
    rows = []
    for split in ("train", "heldout"):
        mine = [o for o in outcomes if o.source.split == split]
        scenes = [s for s in samples if s.split == split]
        status = _by_status(mine)
        rows.append([
            split, str(len(mine)), *(str(status[name]) for name in ("kept", "rejected", "failed")),
            str(sum(p.split == split for p in people)), str(len(scenes)), str(sum(s.frames for s in scenes)),
            f"{sum(s.seconds for s in scenes) / 60:.1f}",
        ])  # fmt: skip
    head = ["split", "files", "kept", "rejected", "failed", "people", "scenes", "frames", "minutes"]
    note = "Failed files (their worker died, or met something unforeseen) are tried again by the next run."
    return Section("Counts", [Table(head, rows)], note)


def _frames(outcomes: Sequence[Outcome]) -> Section:
    looked = sum(outcome.looked for outcome in outcomes)
    rows = [["kept", str(sum(outcome.kept for outcome in outcomes))]]
    rows += [[reason, str(count)] for reason, count in _frame_reasons(outcomes).most_common()]
    shares = [[*row, f"{100 * int(row[1]) / max(1, looked):.1f} %"] for row in rows]
    note = f"Of {looked} frames looked at. 'short': too few frames of their scene were left."
    return Section("Frames", [Table(["what became of them", "frames", "share"], shares)], note)


def _files(outcomes: Sequence[Outcome]) -> Section:
    rows = [[reason, str(count)] for reason, count in _file_reasons(outcomes).most_common()]
    damaged = sum(outcome.damaged > 0 and outcome.status == "kept" for outcome in outcomes)
    note = f"Which ones, and why: rejected.csv. {damaged} of the kept files are damaged in parts."
    return Section("Files left out", [Table(["reason", "files"], rows)] if rows else [], note)


def _shards(output: Path, ledger: Ledger, samples: Sequence[Sample]) -> Section:
    rows = []
    for split in ("train", "heldout"):
        mine = [packed for packed in ledger.shards if packed.split == split]
        size = sum((output / packed.shard).stat().st_size for packed in mine)
        frames = sum(sample.frames for sample in samples if sample.split == split)
        rows.append([split, str(len(mine)), f"{size / 1e6:.1f}", f"{size / 1e3 / max(1, frames):.1f}"])
    return Section("Shards", [Table(["split", "shards", "MB", "kB a frame"], rows)])


def _runs(ledger: Ledger, outcomes: Sequence[Outcome]) -> Section:
    rows = [
        [str(i), str(run.files), str(run.looked), str(run.kept), str(run.workers), f"{run.seconds:.0f}",
         f"{run.looked / max(run.seconds, 1e-3):.1f}"]
        for i, run in enumerate(ledger.runs, 1)
    ]  # fmt: skip
    head = ["run", "files", "frames looked at", "kept", "workers", "seconds", "frames looked at a second"]
    note = f"A second of film took {_work_per_second(outcomes):.2f} seconds of one processor."
    return Section("Runs", [Table(head, rows)], note)


def _people(people: Sequence[PersonTotal]) -> Section:
    ordered = sorted(people, key=lambda person: -person.frames)
    ends = ordered if len(ordered) <= 2 * LISTED else ordered[:LISTED] + ordered[-LISTED:]
    rows = [[p.person, p.split, str(p.files), str(p.frames), f"{p.seconds:.1f}"] for p in ends]
    note = f"All {len(people)}: people.csv. Seconds: of scenes, from first frame to last."
    return Section("People with the most and the fewest frames", [Table(PEOPLE_HEAD, rows)], note)


PEOPLE_HEAD: Final = ("person", "split", "files", "frames", "seconds")


def _pictures(
    output: Path, outcomes: Sequence[Outcome], samples: Sequence[Sample], people: Sequence[PersonTotal]
) -> list[tuple[str, str]]:
    if not samples:
        return []
    pictures = [("Random crops, darker where the matte says background", contact_sheet(output, samples))]
    for name, width in BINS.items():
        bins: Counter[int] = Counter()
        for outcome in outcomes:
            bins.update({int(number): count for number, count in outcome.bins[name].items()})
        pictures.append((LABELS[name], bar_chart(bins, width, LABELS[name])))
    chart = people_chart([p.frames for p in people], [p.seconds for p in people])
    pictures.append(("Frames and seconds of a person", chart))
    return [(caption, f"data:image/png;base64,{base64.b64encode(png).decode()}") for caption, png in pictures]
