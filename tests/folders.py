"""Folders that others write to while a test looks."""

import os
from pathlib import Path


def files_under(folder: Path) -> list[Path]:
    """All files in a folder, also while folders disappear from it, which `Path.rglob` does not survive."""
    return [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
