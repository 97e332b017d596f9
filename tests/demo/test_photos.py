"""Of several photos, the one with the best face is taken."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

pytest.importorskip("gradio", reason="the demo needs the extra: pip install 'vivant[demo]'")
from vivant.demo.limits import Limits
from vivant.demo.photos import PhotoReader
from vivant.runtime.errors import FaceError, PictureError
from vivant.runtime.session import Bundle


@pytest.fixture
def reader(bundle: Bundle) -> PhotoReader:
    return PhotoReader(bundle, Limits(photos=4, photo_side=512))


@pytest.fixture
def photos(astronaut: Path, tmp_path: Path) -> dict[str, Path]:
    """The same face sharp, blurred, small; and no face at all."""
    with Image.open(astronaut) as image:
        sharp = image.convert("RGB")
    small = Image.new("RGB", sharp.size, "grey")
    small.paste(sharp.resize((256, 256)), (0, 0))
    pictures = {
        "sharp": sharp,
        "blurred": sharp.filter(ImageFilter.GaussianBlur(3)),
        "small": small,
        "empty": Image.fromarray(np.full((300, 300, 3), 128, np.uint8)),
    }
    paths = {name: tmp_path / f"{name}.png" for name in pictures}
    for name, picture in pictures.items():
        picture.save(paths[name])
    return paths


@pytest.mark.parametrize("order", [["sharp", "blurred", "small"], ["small", "blurred", "sharp", "empty"]])
def test_the_large_sharp_face_wins_wherever_it_stands(
    reader: PhotoReader, photos: dict[str, Path], order: list[str]
) -> None:
    chosen = reader.best([photos[name] for name in order])
    assert chosen.name == "sharp.png"
    assert f"Of {len(order)} photos, number {order.index('sharp') + 1} (sharp.png)" in chosen.notes[0]


def test_one_photo_needs_no_note_and_is_reduced(reader: PhotoReader, photos: dict[str, Path]) -> None:
    with Image.open(photos["sharp"]) as image:
        image.resize((1024, 1024)).save(photos["sharp"])
    chosen = reader.best([photos["sharp"]])
    assert chosen.photo.pixels.shape == (512, 512, 3)
    assert [note for note in chosen.notes if "Of 1" in note] == []


def test_what_cannot_be_used_is_told_without_the_servers_paths(
    reader: PhotoReader, photos: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(FaceError, match=r"^No face was found in empty.png\.$"):
        reader.best([photos["empty"]])
    cut = tmp_path / "cut.png"
    cut.write_bytes(photos["sharp"].read_bytes()[:20_000])
    with pytest.raises(PictureError, match=r"^cut.png is damaged"):
        reader.best([cut, photos["empty"]])
    with pytest.raises(PictureError, match="Add a photo"):
        reader.best([])
    with pytest.raises(PictureError, match="5 photos are too many"):
        reader.best([photos["sharp"]] * 5)
