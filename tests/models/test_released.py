"""Released weights are read only as they were released."""

import hashlib
import shutil
from pathlib import Path

import pytest
from vivant.models.released import FOLDER, STUDENT, SUMS, WATERMARK, checked
from vivant.models.student import read_student
from vivant.models.watermark import load_watermark


def test_every_released_file_is_listed_and_whole() -> None:
    files = sorted(FOLDER.glob("*.safetensors"))
    assert {STUDENT, WATERMARK} <= set(files)
    assert [checked(file) for file in files] == files


def test_a_damaged_file_is_not_read(tmp_path: Path) -> None:
    for source, read in ((STUDENT, read_student), (WATERMARK, load_watermark)):
        damaged = tmp_path / source.name
        content = bytearray(source.read_bytes())
        content[-1] ^= 1  # a weight that would load without complaint
        damaged.write_bytes(content)
        read(damaged)
        shutil.copyfile(FOLDER / SUMS, tmp_path / SUMS)
        with pytest.raises(ValueError, match=f"not the file that {SUMS}"):
            read(damaged)
        (tmp_path / SUMS).unlink()


def test_lists_of_binary_files_and_names_with_spaces_are_understood(tmp_path: Path) -> None:
    shutil.copyfile(WATERMARK, tmp_path / WATERMARK.name)
    digest = hashlib.sha256(WATERMARK.read_bytes()).hexdigest()
    (tmp_path / SUMS).write_text(f"{'0' * 64}  notes on it.txt\n\n{digest} *{WATERMARK.name}\n")
    assert checked(tmp_path / WATERMARK.name) == tmp_path / WATERMARK.name


def test_a_file_that_is_not_listed_is_not_read(tmp_path: Path) -> None:
    shutil.copyfile(STUDENT, tmp_path / "other.safetensors")
    shutil.copyfile(FOLDER / SUMS, tmp_path / SUMS)
    with pytest.raises(ValueError, match="get it anew"):
        read_student(tmp_path / "other.safetensors")
