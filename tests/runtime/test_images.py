"""Photos of every kind become upright 8-bit RGB."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from vivant.runtime.errors import PictureError
from vivant.runtime.images import ORIENTATION, UPRIGHT, load_photo


@pytest.fixture
def picture() -> Image.Image:
    """A smooth picture that looks different from every side, 60×40."""
    y, x = np.mgrid[0:40, 0:60]
    return Image.fromarray(np.stack([x * 4, y * 6, 255 - x * 2 - y * 3], axis=-1).astype(np.uint8))


def difference(path: Path, expected: Image.Image) -> float:
    pixels = load_photo(path).pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape == (*expected.size[::-1], 3)
    return float(np.abs(pixels.astype(int) - np.asarray(expected.convert("RGB"), int)).mean())


@pytest.mark.parametrize("ending", ["png", "bmp", "tiff", "ppm", "tga", "webp", "jp2"])
def test_lossless_formats_are_read_exactly(picture: Image.Image, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"picture.{ending}"
    picture.save(path, lossless=True)  # WebP asks for it, the others do not mind
    assert difference(path, picture) == 0


def test_jpeg(picture: Image.Image, tmp_path: Path) -> None:
    picture.save(tmp_path / "picture.jpg", quality=95)
    assert difference(tmp_path / "picture.jpg", picture) < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(picture: Image.Image, tmp_path: Path, orientation: int) -> None:
    undo = {6: 8, 8: 6}.get(orientation, orientation)
    stored = picture.transpose(UPRIGHT[undo]) if orientation > 1 else picture
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored.save(tmp_path / "picture.png", exif=exif)
    assert difference(tmp_path / "picture.png", picture) == 0


def test_a_jpeg_turned_by_exif_is_upright(picture: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # taken with the camera turned: to be shown turned clockwise
    picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "picture.jpg", exif=exif, quality=98)
    assert difference(tmp_path / "picture.jpg", picture) < 3


def test_cmyk(picture: Image.Image, tmp_path: Path) -> None:
    picture.convert("CMYK").save(tmp_path / "picture.jpg", quality=98)
    assert difference(tmp_path / "picture.jpg", picture) < 3


def test_palette(picture: Image.Image, tmp_path: Path) -> None:
    indexed = picture.convert("P", palette=Image.Palette.ADAPTIVE)
    indexed.save(tmp_path / "picture.png")
    assert difference(tmp_path / "picture.png", indexed) == 0


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_and_bilevel(picture: Image.Image, tmp_path: Path, mode: str) -> None:
    picture.convert(mode).save(tmp_path / "picture.png")
    assert difference(tmp_path / "picture.png", picture.convert(mode)) == 0


def test_sixteen_bits_become_eight(picture: Image.Image, tmp_path: Path) -> None:
    grey = np.asarray(picture.convert("L"))
    for ending in ("png", "tiff"):
        Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / f"picture.{ending}")
        assert difference(tmp_path / f"picture.{ending}", picture.convert("L")) == 0


def test_floats_become_eight_bits(picture: Image.Image, tmp_path: Path) -> None:
    grey = np.asarray(picture.convert("L"))
    Image.fromarray(grey.astype(np.float32) / 255).save(tmp_path / "picture.tiff")
    assert difference(tmp_path / "picture.tiff", picture.convert("L")) < 1


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_kept_out(picture: Image.Image, tmp_path: Path, mode: str) -> None:
    """Transparent pixels become white, whatever colour hides behind them; opaque ones stay."""
    alpha = Image.fromarray(np.where(np.arange(60) < 30, 0, 255).astype(np.uint8)[None].repeat(40, 0))
    layered = picture.convert(mode)
    layered.putalpha(alpha)
    layered.save(tmp_path / "picture.png")
    pixels = load_photo(tmp_path / "picture.png").pixels
    assert (pixels[:, :30] == 255).all()
    assert (pixels[:, 30:] == np.asarray(picture.convert(mode).convert("RGB"))[:, 30:]).all()


def test_a_transparent_palette_colour_is_kept_out(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((0, 0), 0)
    image.save(tmp_path / "picture.png", transparency=0)
    pixels = load_photo(tmp_path / "picture.png").pixels
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[1, 1].tolist() == [200, 100, 50]


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "tiff"])
def test_the_first_of_several_pictures_is_used_and_said(picture: Image.Image, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"picture.{ending}"
    second = picture.transpose(Image.Transpose.ROTATE_180)
    picture.save(path, save_all=True, append_images=[second], lossless=True)
    photo = load_photo(path)
    assert photo.notes == (f"picture.{ending} holds 2 pictures; the first is used.",)
    assert np.abs(photo.pixels.astype(int) - np.asarray(picture, int)).mean() < 5


def test_a_large_picture_is_reduced_and_said(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 1500), (10, 200, 30)).save(tmp_path / "picture.png")
    photo = load_photo(tmp_path / "picture.png")
    assert photo.pixels.shape == (1024, 2048, 3)
    assert (photo.pixels == (10, 200, 30)).all()
    assert len(photo.notes) == 1
    assert "reduced to 2048×1024" in photo.notes[0]


def test_a_huge_jpeg_is_decoded_at_a_fraction(tmp_path: Path) -> None:
    """100 megapixels would take 300 MB; decoded at an eighth they take 5 MB."""
    Image.new("RGB", (10_000, 10_000), (10, 200, 30)).save(tmp_path / "picture.jpg")
    assert load_photo(tmp_path / "picture.jpg").pixels.shape == (2048, 2048, 3)


def test_an_embedded_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8), (200, 100, 50))
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    image.save(tmp_path / "same.png", icc_profile=lab.tobytes())
    assert difference(tmp_path / "same.png", image) <= 1


def test_a_broken_profile_is_no_reason_to_refuse(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8), (200, 100, 50))
    image.save(tmp_path / "picture.png", icc_profile=b"nonsense")
    assert difference(tmp_path / "picture.png", image) == 0


def test_text_chunks_do_not_matter(picture: Image.Image, tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("Comment", "x" * 10_000, zip=True)
    picture.save(tmp_path / "picture.png", pnginfo=info)
    assert difference(tmp_path / "picture.png", picture) == 0


def refusal(path: Path) -> str:
    with pytest.raises(PictureError) as caught:
        load_photo(path)
    return str(caught.value)


def test_what_is_no_picture_is_refused(picture: Image.Image, tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "missing.jpg")
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "empty.jpg").touch()
    assert "is empty" in refusal(tmp_path / "empty.jpg")
    (tmp_path / "text.jpg").write_text("this is not a picture")
    assert "not a picture" in refusal(tmp_path / "text.jpg")


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff", "bmp"])
def test_a_picture_cut_short_is_refused(tmp_path: Path, ending: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"picture.{ending}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "damaged" in refusal(path) or "not a picture" in refusal(path)


def test_a_hundred_megapixels_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    Image.new("1", (10_000, 10_000)).save(tmp_path / "huge.png")
    assert "10000×10000 pixels" in refusal(tmp_path / "huge.png")


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    Image.new("1", (40_000, 10_000)).save(tmp_path / "bomb.png")
    assert "too large" in refusal(tmp_path / "bomb.png")
