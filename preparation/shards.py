"""Samples in tar files: how a scene is written, how parts become shards, how both are read (WebDataset's layout).

A sample is a scene of T frames. Its key is FILE/SCENE; its members are

- ``json``: file, person, split, kind, licence, scene, width, height, and lists of T: times, yaw, pitch, opening;
- ``landmarks.npy`` float32 [T, 478, 3] and ``region.npy`` float32 [3], pixels of the file (`training.clips`);
- ``frame-NNN``, ``mouth-NNN``, ``eyes-NNN``: pictures, .jpg or (lossless) .webp; the eyes stand beside each other;
- ``matte-NNN.png``: share of person.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from webdataset.compat import WebDataset
from webdataset.writer import TarWriter

from ..runtime.errors import OutputError
from ..runtime.outputs import replacing
from .crops import Crops

END_OF_TAR: Final = bytes(2 * tarfile.BLOCKSIZE)
MATTE_COMPRESSION: Final = 4


@dataclass(frozen=True)
class Scene:
    """A decoded sample: T frames, see the module's text; `meta` is its json."""

    key: str
    meta: dict[str, Any]
    landmarks: NDArray[np.float32]
    region: NDArray[np.float32]
    crops: list[Crops]


def encode_scene(scene: Scene, quality: int | None) -> dict[str, Any]:
    """The sample as bytes by ending. quality: of JPEG, 1 to 100; None for lossless WebP."""
    sample: dict[str, Any] = {
        "__key__": scene.key,
        "json": json.dumps(scene.meta, ensure_ascii=False).encode(),
        "landmarks.npy": _npy(scene.landmarks),
        "region.npy": _npy(scene.region),
    }
    ending = "webp" if quality is None else "jpg"
    for number, crops in enumerate(scene.crops):
        eyes = np.concatenate(list(crops.eyes), axis=1)
        for name, picture in (("frame", crops.frame), ("mouth", crops.mouth), ("eyes", eyes)):
            sample[f"{name}-{number:03d}.{ending}"] = _picture(picture, quality)
        sample[f"matte-{number:03d}.png"] = _saved(crops.matte, format="PNG", compress_level=MATTE_COMPRESSION)
    return sample


def decode_scene(sample: dict[str, Any]) -> Scene:
    """What `encode_scene` made, from bytes by ending."""
    meta = json.loads(sample["json"])
    pictures = {name.split(".")[0]: name for name in sample if name.endswith((".jpg", ".webp", ".png"))}
    crops = []
    for number in range(len(meta["times"])):
        frame, mouth, eyes, matte = (
            _opened(sample[pictures[f"{name}-{number:03d}"]]) for name in ("frame", "mouth", "eyes", "matte")
        )
        crops.append(Crops(frame, mouth, np.stack(np.split(eyes, 2, axis=1)), matte))
    landmarks, region = (np.load(io.BytesIO(sample[f"{name}.npy"])) for name in ("landmarks", "region"))
    return Scene(sample["__key__"], meta, landmarks, region, crops)


class PartWriter:
    """Writes the samples of one file under a temporary name; `path` appears when the block succeeds.

    Raises:
        OutputError: it cannot be written; nothing stays.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.bytes = path, 0
        self._temporary = path.with_suffix(f".{os.getpid()}.partial")

    def __enter__(self) -> Self:
        self._file = self._temporary.open("wb")
        self._tar = TarWriter(self._file, encoder=False, mtime=0, format="PAX_FORMAT")
        return self

    def write(self, sample: dict[str, Any]) -> int:
        """Appends a sample; returns the offset at which it begins."""
        before = self.bytes
        self._tar.write(sample)
        self.bytes = self._tar.tarstream.offset
        return before

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None and self.bytes:
                self._tar.close()
                self._file.truncate(self.bytes)  # parts are joined: only the shard has an end
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
                self._temporary.replace(self.path)
        finally:
            with suppress(OSError):
                self._tar.close()  # or it would do so when it is collected
            with suppress(OSError):
                self._file.close()
            self._temporary.unlink(missing_ok=True)


def pack(parts: Sequence[Path], shard: Path) -> None:
    """Joins parts into a shard, which appears under its name when it is complete.

    Raises:
        OutputError: it cannot be written.
    """
    with replacing(shard) as temporary, temporary.open("wb") as target:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, target, 1 << 20)
        target.write(END_OF_TAR)
        target.flush()
        os.fsync(target.fileno())


def read_shards(shards: Sequence[Path]) -> Iterator[Scene]:
    """All scenes of the shards, one after the other."""
    for sample in WebDataset([str(path) for path in shards], shardshuffle=False, empty_check=False):
        yield decode_scene(sample)


def read_scene(shard: Path, offset: int) -> Scene:
    """The scene that begins at that byte of a shard.

    Raises:
        OutputError: there is no sample there.
    """
    sample: dict[str, Any] = {}
    with shard.open("rb") as file:
        file.seek(offset)
        try:
            with tarfile.open(fileobj=file, mode="r|") as tar:
                for member in tar:
                    folder, name = os.path.split(member.name)
                    base, ending = name.split(".", 1)
                    if sample.setdefault("__key__", f"{folder}/{base}") != f"{folder}/{base}":
                        break
                    content = tar.extractfile(member)
                    assert content is not None
                    sample[ending] = content.read()
        except (tarfile.TarError, ValueError):
            raise OutputError(
                f"{shard} holds no sample at byte {offset}: it is not the one that was prepared."
            ) from None
    return decode_scene(sample)


def _npy(values: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


def _picture(pixels: NDArray[np.uint8], quality: int | None) -> bytes:
    if quality is None:
        return _saved(pixels, format="WEBP", lossless=True, quality=0, method=0)
    return _saved(pixels, format="JPEG", quality=quality, subsampling=0)


def _saved(pixels: NDArray[np.uint8], format: str, **options: int | bool) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, format=format, **options)
    return stream.getvalue()


def _opened(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)
