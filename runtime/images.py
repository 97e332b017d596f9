"""Photos: any picture that Pillow reads becomes an upright 8-bit sRGB array of bounded size."""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageCms
from PIL.Image import Transpose

from .errors import PictureError

MAX_SIDE: Final = 2048  # longest side of what is animated, pixels
MAX_MEGAPIXELS: Final = 50  # most that is decoded into memory (a JPEG is decoded at 1/2, 1/4 or 1/8 where that helps)
FORMATS: Final = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "PPM", "JPEG2000", "TGA", "ICO")
ORIENTATION: Final = 0x0112  # the EXIF tag
UPRIGHT: Final = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_DAMAGED: Final = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


@dataclass(frozen=True)
class Photo:
    """A decoded photo.

    Attributes:
        pixels: uint8 RGB [H, W, 3], both sides at most `MAX_SIDE`.
        notes: what was done to the file's picture, one sentence each.
    """

    pixels: np.ndarray
    notes: tuple[str, ...] = ()


def load_photo(path: Path, max_side: int | None = MAX_SIDE) -> Photo:
    """Reads a picture: first frame, upright by its EXIF orientation, alpha laid on white, sRGB, 8 bits a channel.

    Args:
        path: the picture's file.
        max_side: longest side to keep; larger pictures are reduced and a note says so. None keeps the size.

    Raises:
        PictureError: the file is missing, empty, damaged, too large or not a picture.
    """
    content = _read(path)
    notes: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures and odd metadata; the size is bounded here
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                picture = _decode(image, path, max_side, notes)
    except (Image.UnidentifiedImageError, Image.DecompressionBombError) as error:
        if isinstance(error, Image.DecompressionBombError):
            raise PictureError(f"{path} is too large: {error}") from None
        raise PictureError(f"{path} is not a picture of a known format.") from None
    except _DAMAGED as error:
        raise PictureError(f"{path} is damaged: {str(error).rstrip('.') or type(error).__name__}.") from None
    return Photo(np.ascontiguousarray(picture, np.uint8), tuple(notes))


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise PictureError(f"{path} does not exist.") from None
    except IsADirectoryError:
        raise PictureError(f"{path} is a folder, not a picture.") from None
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error.strerror}.") from None
    if not content:
        raise PictureError(f"{path} is empty.")
    return content


def _decode(image: Image.Image, path: Path, max_side: int | None, notes: list[str]) -> Image.Image:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # the further pictures of an MPO are previews and depth maps
        image.seek(0)
        notes.append(f"{path.name} holds {frames} pictures; the first is used.")
    full = image.size
    if image.format in ("JPEG", "MPO") and max_side and not image.info.get("progressive"):
        image.draft(None, (max_side, max_side))  # decodes at a fraction of the size, never below what is asked for
    if image.width * image.height > MAX_MEGAPIXELS * 1_000_000:
        raise PictureError(
            f"{path} has {full[0]}×{full[1]} pixels; pictures of up to {MAX_MEGAPIXELS} megapixels can be decoded."
        )
    image.load()
    profile = image.info.get("icc_profile")
    reduced = _reduce(image, max_side)
    picture = _to_srgb(_to_rgb(reduced), profile, reduced.mode)
    upright = UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    if upright is not None:
        picture = picture.transpose(upright)
    if max_side and max(full) > max_side:
        longest = f"longest side {max(full)} → {max(picture.size)} pixels"
        notes.append(f"{path.name} is reduced to {picture.width}×{picture.height} ({longest}).")
    return picture


def _reduce(image: Image.Image, max_side: int | None) -> Image.Image:
    """The picture within `max_side`, in a mode that can be averaged; alpha is weighed correctly by Pillow."""
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode == "PA":
        image = image.convert("RGBA")
    if max_side and max(image.size) > max_side:
        scale = max_side / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    """8 bits a channel without alpha, still in the picture's own colour space (RGB, L or CMYK)."""
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep(image)
    if "transparency" in image.info and image.mode in ("L", "RGB"):
        image = image.convert("RGBA")
    if image.mode in ("RGBA", "LA", "RGBa", "La"):
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(ground, image).convert("RGB")
    return image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and floating-point grey pictures: full range 65535, 255 or 1, whichever holds the values."""
    values = np.asarray(image, np.float32)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    top = float(values.max(initial=0.0))
    if image.mode.startswith("I;16") or top > 255:
        full = 65535.0 if top <= 65535 else top
    else:
        full = 1.0 if image.mode == "F" and top <= 1 else 255.0
    return Image.fromarray(np.clip(values * (255.0 / full) + 0.5, 0, 255).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None, mode: str) -> Image.Image:
    """The picture in sRGB: by its embedded colour profile if that fits its mode, else by Pillow's own conversion."""
    if profile and mode in ("RGB", "RGBA", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None  # a damaged or unfitting profile is common and no reason to refuse a photo
        if converted is not None:
            return converted
    return image.convert("RGB")
