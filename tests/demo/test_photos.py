"""Of several photos the first moves; all of them are read, bounded and named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the demo needs the extra: pip install 'vivant[demo]'")
from vivant.demo.limits import Limits
from vivant.demo.page import paths_of, photos_hint
from vivant.demo.photos import PhotoReader, faces_of
from vivant.demo.studio import save_photo
from vivant.runtime.errors import FaceError, PictureError
from vivant.runtime.session import Bundle

LIMITS = Limits(photos=4, photo_side=512)


@pytest.fixture
def reader(bundle: Bundle) -> PhotoReader:
    return PhotoReader(bundle, LIMITS)


@pytest.fixture
def photos(astronaut: Path, tmp_path: Path) -> dict[str, Path]:
    """A face, the same face smaller, and no face at all."""
    with Image.open(astronaut) as image:
        whole = image.convert("RGB")
    small = Image.new("RGB", whole.size, "grey")
    small.paste(whole.resize((256, 256)), (0, 0))
    pictures = {"whole": whole, "small": small, "empty": Image.fromarray(np.full((300, 300, 3), 128, np.uint8))}
    paths = {name: tmp_path / f"{name}.png" for name in pictures}
    for name, picture in pictures.items():
        picture.save(paths[name])
    return paths


@pytest.mark.parametrize("order", [["whole", "small", "whole"], ["small", "whole"]])
def test_the_first_photo_moves_and_the_note_says_what_the_others_do(
    reader: PhotoReader, photos: dict[str, Path], order: list[str]
) -> None:
    paths = [photos[name] for name in order]
    first = reader.first(paths)
    assert first.name == f"{order[0]}.png"
    assert first.notes[0].startswith(f"{order[0]}.png moves; mouth and eyes come from whichever of the ")
    told: list[tuple[str, int, int]] = []
    others = list(reader.others(paths, lambda *step: told.append(step)))
    assert [other.name for other in others] == [f"{name}.png" for name in order[1:]]
    assert told == [("looking", i, len(others)) for i in range(1, len(paths))]
    for (pixels, face), other in zip(faces_of(others), others, strict=True):
        assert pixels is other.photo.pixels and face.size > 40


def test_one_photo_needs_no_note_and_is_reduced(reader: PhotoReader, photos: dict[str, Path]) -> None:
    with Image.open(photos["whole"]) as image:
        image.resize((1024, 1024)).save(photos["whole"])
    first = reader.first([photos["whole"]])
    assert first.photo.pixels.shape == (512, 512, 3)
    assert [note for note in first.notes if "moves" in note] == []
    assert list(reader.others([photos["whole"]])) == []


def test_what_cannot_be_used_is_told_without_the_servers_paths(
    reader: PhotoReader, photos: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(FaceError, match=r"^No face was found in empty.png\.$"):
        reader.first([photos["empty"], photos["whole"]])
    with pytest.raises(FaceError, match=r"^No face was found in empty.png\.$"):
        list(reader.others([photos["whole"], photos["small"], photos["empty"]]))
    cut = tmp_path / "cut.png"
    cut.write_bytes(photos["whole"].read_bytes()[:20_000])
    with pytest.raises(PictureError, match=r"^cut.png is damaged"):
        list(reader.others([photos["whole"], cut]))
    with pytest.raises(PictureError, match="Add a photo"):
        reader.first([])
    with pytest.raises(PictureError, match=r"^5 photos are too many; up to 4 can be given\.$"):
        reader.first([photos["whole"]] * 5)


def test_photos_of_the_same_name_do_not_replace_each_other(
    reader: PhotoReader, photos: dict[str, Path], tmp_path: Path
) -> None:
    first = reader.first([photos["whole"]])
    job = tmp_path / "job"
    job.mkdir()
    saved = [save_photo(first, job) for _ in range(3)]
    assert [path.name for path in saved] == ["whole.png", "whole-2.png", "whole-3.png"]


def test_the_photo_that_was_clicked_comes_first_as_long_as_it_is_there() -> None:
    gallery: list[tuple[str, str | None]] = [(name, None) for name in ("a.png", "b.png", "c.png")]
    assert [path.name for path in paths_of(gallery, "b.png")] == ["b.png", "a.png", "c.png"]
    for moving in (None, "gone.png", "/etc/passwd"):
        assert [path.name for path in paths_of(gallery, moving)] == ["a.png", "b.png", "c.png"]
    assert paths_of(None, "b.png") == []


def test_the_page_says_which_photo_moves_and_when_there_are_too_many() -> None:
    for paths in ([], ["a"]):
        hint = photos_hint(paths, "a", LIMITS)
        assert "up to 4," in hint and "up to 20 MB" in hint and "moves" not in hint
    assert "Photo 1 of 2 moves" in photos_hint(["a", "b"], None, LIMITS)
    assert "Photo 2 of 2 moves" in photos_hint(["a", "b"], "b", LIMITS)
    assert "Photo 1 of 2 moves" in photos_hint(["a", "b"], "gone", LIMITS)
    assert "5 photos are too many; up to 4 can be given." in photos_hint(["a"] * 5, None, LIMITS)
