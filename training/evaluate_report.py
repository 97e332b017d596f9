"""The report of an evaluation: `report.json` with every number, `report.md` with tables."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..runtime.outputs import replacing
from . import metrics
from .camera import STILL_CAMERA
from .evaluate_cross import CrossResult
from .evaluate_measures import Scores
from .evaluate_self import SelfResult, mean_scores

FORMAT = "vivant-evaluation-1"
BASELINE = "geometry"


@dataclass(frozen=True)
class Evaluation:
    """Everything that was measured.

    Attributes:
        bundle: name and version of the bundle whose tracker was used (and whose student, if it took part).
        precision: of the student's frames.
        methods: names, in the order of the report's columns.
        size: side of the compared square, pixels.
        frame_step: every which frame was a target; None: a fixed number spread over each clip.
        clips: results of self-reenactment. cross: results of cross-reenactment.
        skipped: clips that could not be evaluated, with the reason.
        seconds: how long it took.
    """

    bundle: str
    precision: str
    methods: tuple[str, ...]
    size: int
    frame_step: int | None
    clips: list[SelfResult]
    cross: list[CrossResult]
    skipped: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class Aim:
    """What a method should reach: in words, and as a test of its value and geometry's."""

    text: str
    reached: Callable[[float, float], bool]


@dataclass(frozen=True)
class Measure:
    """A row of the tables: its key in the scores, title (the arrow shows what is better), decimals, meaning, aim."""

    key: str
    title: str
    decimals: int
    meaning: str
    aim: Aim | None = None


MEASURES = (
    Measure("l1", "L1 ↓", 4, "mean absolute difference of the pixels, 0 to 1",
            Aim("30 % lower", lambda value, base: value <= 0.70 * base)),
    Measure("psnr", "PSNR ↑", 2, "peak signal-to-noise ratio, dB",
            Aim("2.5 dB higher", lambda value, base: value >= base + 2.5)),
    Measure("ssim", "SSIM ↑", 3, "structural similarity, 11-pixel Gaussian window, colour channels averaged",
            Aim(".04 higher", lambda value, base: value >= base + 0.04)),
    Measure("ms_ssim", "MS-SSIM ↑", 3, "SSIM on five scales"),
    Measure("flip", "FLIP ↓", 4, "NVIDIA's perceived difference, 0 to 1, on every third target"),
    Measure("mouth_l1", "mouth L1 ↓", 4,
            f"L1 over the true outer lips and {metrics.MOUTH_MARGIN:g} outer-eye-corner distances around them",
            Aim("22 % lower", lambda value, base: value <= 0.78 * base)),
    Measure("eye_l1", "eye L1 ↓", 4,
            f"L1 over the true eye openings and {metrics.EYE_MARGIN:g} outer-eye-corner distances around them",
            Aim("18 % lower", lambda value, base: value <= 0.82 * base)),
    Measure("identity", "identity ↑", 3, "1 − distance of dlib's face descriptors (under .4 would be somebody else)",
            Aim("higher", lambda value, base: value > base)),
    Measure("identity_cosine", "identity, cosine ↑", 4, "cosine similarity of the same descriptors"),
    Measure("landmarks", "landmarks px ↓", 2, "mean distance of the 478 tracked landmarks, pixels of the square",
            Aim("≤ 1.1", lambda value, base: value <= 1.1)),
    Measure("sharpness", "sharpness → 1", 2,
            "Laplacian energy inside the true face oval, generated / true; median over a clip's targets",
            Aim(".8 to 1.2", lambda value, base: 0.8 <= value <= 1.2)),
    Measure("jitter", "jitter → 1", 2,
            "second-difference energy of the tracked landmarks over consecutive frames, generated / true"),
    Measure("gaze", "gaze, pooled ↑", 2,
            "Pearson's correlation of the irises' horizontal offset with the true one, all clips' deviations together",
            Aim("≥ .8", lambda value, base: value >= 0.8)),
    Measure("gaze_median", "gaze, median ↑", 2, "the same correlation clip by clip, where the true gaze moves; median",
            Aim("≥ .8", lambda value, base: value >= 0.8)),
    Measure("face", "face found ↑", 3, "share of targets with a detectable face, where the true frame has one",
            Aim("1", lambda value, base: value >= 1.0)),
)  # fmt: skip
CROSS_KEYS = ("identity", "identity_cosine", "landmarks", "sharpness", "face")


def write_report(evaluation: Evaluation, output: Path) -> None:
    """Writes ``report.json`` and ``report.md`` into a folder, each complete or not at all."""
    document = json.dumps(as_json(evaluation), indent=1, ensure_ascii=False, allow_nan=False)
    for name, text in (("report.json", document + "\n"), ("report.md", as_markdown(evaluation))):
        with replacing(output / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def summarise(clips: Sequence[SelfResult], method: str) -> Scores:
    """A method's mean over clips, every clip counting the same, and how well the gaze follows."""
    summary = mean_over_clips([clip.scores[method] for clip in clips])
    gazes = [clip.gaze[method] for clip in clips]
    deviations = [
        (gaze.generated - gaze.generated.mean(), gaze.true - gaze.true.mean()) for gaze in gazes if gaze.moves
    ]
    if deviations:
        generated, true = (np.concatenate(series) for series in zip(*deviations, strict=True))
        summary["gaze"] = metrics.correlation(generated, true)
    correlations = [gaze.correlation for gaze in gazes if math.isfinite(gaze.correlation)]
    summary["gaze_median"] = float(np.median(correlations)) if correlations else float("nan")
    return summary


def mean_over_clips(scores: Sequence[Scores]) -> Scores:
    """Mean of each measure over clips; median for those that are ratios."""
    names = {name: None for clip in scores for name in clip}
    ratios = {"jitter"}
    complete = [{name: clip.get(name, float("nan")) for name in names} for clip in scores]
    summary = mean_scores(complete)
    for name in ratios & names.keys():
        values = [clip[name] for clip in complete if math.isfinite(clip[name])]
        summary[name] = float(np.median(values)) if values else float("nan")
    return summary


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """The report as a JSON document; values that could not be measured are null."""
    still, moving = split_by_camera(evaluation.clips)
    return {
        "format": FORMAT,
        "bundle": evaluation.bundle,
        "precision": evaluation.precision,
        "methods": list(evaluation.methods),
        "size": evaluation.size,
        "frame_step": evaluation.frame_step,
        "seconds": round(evaluation.seconds, 1),
        "measures": {measure.key: measure.meaning for measure in MEASURES},
        "still_camera": {method: finite(summarise(still, method)) for method in evaluation.methods if still},
        "moving_camera": {method: finite(summarise(moving, method)) for method in evaluation.methods if moving},
        "cross": {name: finite(scores) for name, scores in cross_summary(evaluation.cross).items()},
        "clips": [clip_as_json(clip) for clip in evaluation.clips],
        "pairs": [
            {"source": pair.source, "driver": pair.driver} | {name: finite(s) for name, s in pair.scores.items()}
            for pair in evaluation.cross
        ],
        "skipped": evaluation.skipped,
    }


def clip_as_json(clip: SelfResult) -> dict[str, Any]:
    return {
        "name": clip.name,
        "person": clip.person,
        "camera_px": finite({"": clip.camera})[""],
        "still_camera": clip.still_camera,
        "targets": clip.targets,
        "true_faces": clip.true_faces,
        "notes": list(clip.notes),
        "scores": {
            name: finite(scores | {"gaze": clip.gaze[name].correlation}) for name, scores in clip.scores.items()
        },
    }


def finite(scores: Scores) -> dict[str, float | None]:
    """The scores rounded to six decimals, with null for NaN."""
    return {name: round(value, 6) if math.isfinite(value) else None for name, value in scores.items()}


def split_by_camera(clips: Sequence[SelfResult]) -> tuple[list[SelfResult], list[SelfResult]]:
    """Clips with a still camera, clips with a moving one."""
    return [clip for clip in clips if clip.still_camera], [clip for clip in clips if not clip.still_camera]


def cross_summary(pairs: Sequence[CrossResult]) -> dict[str, Scores]:
    """Each method's mean over pairs."""
    names = pairs[0].scores if pairs else {}
    return {name: mean_over_clips([pair.scores[name] for pair in pairs]) for name in names}


def as_markdown(evaluation: Evaluation) -> str:
    """The report as Markdown."""
    still, moving = split_by_camera(evaluation.clips)
    step = f"every {evaluation.frame_step}. frame" if evaluation.frame_step else "frames spread over each clip"
    parts = [
        "# Evaluation",
        f"Bundle {evaluation.bundle}, {evaluation.precision}; squares of {evaluation.size} pixels; {step}; "
        f"{evaluation.seconds:.0f} s.",
    ]
    for title, clips in (("still", still), ("moving", moving)):
        if clips:
            people, targets = len({clip.person for clip in clips}), sum(clip.targets for clip in clips)
            parts.append(
                f"## Self-reenactment, {title} camera (clips {len(clips)}, people {people}, targets {targets})"
            )
            parts.append(self_table(evaluation.methods, clips, with_aims=title == "still"))
    if evaluation.cross:
        parts.append(f"## Cross-reenactment (pairs {len(evaluation.cross)})")
        parts.append("Identity and sharpness against the source photo, landmarks against the asked target.")
        parts.append(cross_table(evaluation.cross))
    parts += ["## Clips", clip_table(evaluation)]
    if evaluation.skipped:
        rows = [[name, reason] for name, reason in sorted(evaluation.skipped.items())]
        parts += ["## Left out", table(["clip", "reason"], rows)]
    meanings = [f"- **{measure.title}** {measure.meaning}." for measure in MEASURES]
    meanings.append(f"- A camera counts as still if the background moves by less than {STILL_CAMERA:g} px (at 256).")
    parts += ["## What is measured", "\n".join(meanings)]
    return "\n\n".join(parts) + "\n"


def self_table(methods: Sequence[str], clips: Sequence[SelfResult], with_aims: bool) -> str:
    """One row a measure, one column a method; the last method is compared with geometry if both took part."""
    summaries = {method: summarise(clips, method) for method in methods}
    compared = methods[-1] if BASELINE in methods and methods[-1] != BASELINE else None
    header = ["", *methods]
    if compared:
        header += [f"{compared} against {BASELINE}", *(["aim", "reached"] if with_aims else [])]
    rows = []
    for measure in MEASURES:
        values = {method: summaries[method].get(measure.key, float("nan")) for method in methods}
        row = [measure.title, *(number(value, measure.decimals) for value in values.values())]
        if compared:
            value, base = values[compared], values[BASELINE]
            row.append(comparison(measure, value, base))
            if with_aims:
                row += [measure.aim.text, verdict(measure.aim, value, base)] if measure.aim else ["", ""]
        rows.append(row)
    return table(header, rows)


def comparison(measure: Measure, value: float, base: float) -> str:
    """The change in per cent where less is better, else the difference."""
    if not (math.isfinite(value) and math.isfinite(base)):
        return "–"
    if measure.title.endswith("↓"):
        return f"{100 * (value / base - 1):+.0f} %" if base else "–"
    return f"{value - base:+.{measure.decimals}f}"


def verdict(aim: Aim, value: float, base: float) -> str:
    if not math.isfinite(value):
        return "not measured"
    return "yes" if aim.reached(value, base) else "no"


def cross_table(pairs: Sequence[CrossResult]) -> str:
    summaries = cross_summary(pairs)
    rows = [
        [measure.title, *(number(scores[measure.key], measure.decimals) for scores in summaries.values())]
        for measure in MEASURES
        if measure.key in CROSS_KEYS
    ]
    return table(["", *summaries], rows)


def clip_table(evaluation: Evaluation) -> str:
    """One row a clip, with the last method's main scores."""
    method = evaluation.methods[-1]
    shown = [
        measure for measure in MEASURES if measure.key in ("l1", "psnr", "identity", "landmarks", "sharpness", "face")
    ]
    header = ["clip", "person", "camera px", "targets", *(f"{measure.title}" for measure in shown), "notes"]
    rows = [
        [
            clip.name,
            clip.person,
            number(clip.camera, 1),
            str(clip.targets),
            *(number(clip.scores[method][measure.key], measure.decimals) for measure in shown),
            "; ".join(clip.notes),
        ]
        for clip in evaluation.clips
    ]
    return f"Scores of {method}.\n\n" + table(header, rows)


def number(value: float, decimals: int, unit: str = "") -> str:
    return f"{value:.{decimals}f}{unit}" if math.isfinite(value) else "–"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; numbers are aligned by the reader's renderer."""
    cells = [list(header), ["---"] * len(header), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)
