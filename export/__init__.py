"""From torch and TFLite to the ONNX graphs of a bundle, and the proof that they are equal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..runtime.session import Bundle
from .options import MAX_PHOTOS, ExportError, ExportOptions, Precision, Target

__all__ = ["ExportError", "ExportOptions", "Precision", "Target", "export"]


def export(
    checkpoint: Path | str | None,
    output: Path | str,
    *,
    precision: Precision | Sequence[Precision] = "fp32",
    target: Target = "all",
    size: int | None = None,
    photos: int = MAX_PHOTOS,
    calibration: Sequence[Path | str] = (),
    max_loss: float = 0.25,
) -> Bundle:
    """Export a student's checkpoint and open the bundle.

    Args:
        checkpoint: what `vivant.models.student.save_student` wrote; None takes the shipped weights.
        output: the bundle's folder; replaced only when the new bundle is complete.
        precision, target, size, photos, calibration, max_loss: see `ExportOptions`.

    Returns:
        the bundle, ready to run: `bundle.graph("render")`.

    Raises:
        ExportError: the combination is impossible. ValueError: the checkpoint is no student.
        FaceError, PictureError: a calibration picture cannot serve. BundleError: the shipped tracker cannot be used.

    Example:
        >>> from vivant.export import export
        >>> bundle = export("student.safetensors", "my-bundle", precision=["fp16", "int8"])  # doctest: +SKIP
        >>> bundle.graph("render").inputs  # doctest: +SKIP
        ['texture', 'alpha', 'features', ...]
    """
    from .bundle import export_bundle  # torch: only for those who export

    options = ExportOptions(
        precisions=(precision,) if isinstance(precision, str) else tuple(precision),
        target=target,
        size=size,
        photos=photos,
        calibration=[Path(path) for path in calibration],
        max_loss=max_loss,
    )
    export_bundle(Path(checkpoint) if checkpoint is not None else None, Path(output), options=options)
    return Bundle(Path(output))
