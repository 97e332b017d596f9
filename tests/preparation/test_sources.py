"""Whose file is whose, in all the layouts that folders come in."""

from pathlib import Path, PurePosixPath

import pytest
from vivant.preparation.config import PreparationConfig, PreparationError
from vivant.preparation.sources import Source, find_sources, person_of, split_of


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


@pytest.mark.parametrize(
    ("path", "rule", "person"),
    [
        ("id00012/21Uxsk56VDQ/00001.mp4", "auto", "id00012"),
        ("dev/mp4/id00012/21Uxsk56VDQ/00001.mp4", "auto", "id00012"),
        ("dev/mp4/id00012/21Uxsk56VDQ/00001.mp4", "folder", "dev"),
        ("anna/holiday/a.mp4", "auto", "anna"),
        ("a.mp4", "auto", "a.mp4"),
        ("videos/a.mp4", "auto", "videos/a.mp4"),
        ("videos/anna/a.mp4", "auto", "anna"),
        ("anna/a.mp4", "file", "anna/a.mp4"),
    ],
)
def test_the_path_tells_the_person(path: str, rule: str, person: str) -> None:
    assert person_of(PurePosixPath(path), rule) == person  # type: ignore[arg-type]


def test_a_tree_of_any_depth_is_found_and_other_files_are_not(tmp_path: Path) -> None:
    _touch(tmp_path, "id00001/v/00001.mp4", "id00001/v/00002.MP4", "id00002/w/1.mp4", "id00002/face.jpg")
    _touch(tmp_path, "notes.txt", ".hidden/x.mp4", "id00001/.part.mp4")
    found = find_sources(tmp_path, PreparationConfig())
    assert {(s.path, s.person, s.kind) for s in found} == {
        ("id00001/v/00001.mp4", "id00001", "video"),
        ("id00001/v/00002.MP4", "id00001", "video"),
        ("id00002/w/1.mp4", "id00002", "video"),
        ("id00002/face.jpg", "id00002", "photo"),
    }
    assert found == find_sources(tmp_path, PreparationConfig())


def test_an_index_decides_about_people_and_split(tmp_path: Path) -> None:
    _touch(tmp_path, "videos/a.mp4", "videos/unlisted.mp4", "photos/p.jpg")
    (tmp_path / "index.csv").write_text(
        "file,person,split,licence_class\na.mp4,p1,heldout,unclear\ngone.mp4,p2,train,free\n"
    )
    found = {source.path: source for source in find_sources(tmp_path, PreparationConfig())}
    assert found == {
        "videos/a.mp4": Source("videos/a.mp4", "p1", "heldout", "video", "unclear"),
        "videos/gone.mp4": Source("videos/gone.mp4", "p2", "train", "video", "free"),
        "photos/p.jpg": Source("photos/p.jpg", "photo:p.jpg", "train", "photo"),
    }


def test_people_are_split_by_name_alone_and_about_as_asked() -> None:
    names = [f"id{n:05d}" for n in range(4000)]
    held = [name for name in names if split_of(name, 0.1) == "heldout"]
    assert 320 < len(held) < 480
    assert [name for name in names if split_of(name, 0.2) == "heldout"] != held
    assert {split_of(name, 0.2) for name in held} == {"heldout"}
    assert {split_of(name, 0.0) for name in names} == {"train"}


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("file,person\na.mp4,p1\n", "has no column 'split'"),
        ("file,person,split\na.mp4,p1,test\n", "Line 2 of .* has the split 'test'"),
        ("file,person,split\n", "holds no videos and no photos"),
    ],
)
def test_a_damaged_index_is_told(tmp_path: Path, index: str, message: str) -> None:
    _touch(tmp_path, "videos/a.mp4")
    (tmp_path / "index.csv").write_text(index)
    with pytest.raises(PreparationError, match=message):
        find_sources(tmp_path, PreparationConfig())


def test_a_folder_without_anything_is_told(tmp_path: Path) -> None:
    with pytest.raises(PreparationError, match="holds no videos and no photos"):
        find_sources(tmp_path, PreparationConfig())
    with pytest.raises(PreparationError, match="is not there"):
        find_sources(tmp_path / "nowhere", PreparationConfig())
    _touch(tmp_path, "file")
    with pytest.raises(PreparationError, match="is a file, not a folder"):
        find_sources(tmp_path / "file", PreparationConfig())
