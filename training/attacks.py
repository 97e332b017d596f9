"""What happens to a clip on its way: real codecs, scaling, cropping, noise. A watermark has to survive it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal, NamedTuple

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageEnhance, ImageFilter

Codec = Literal["none", "h264", "vp9", "jpeg"]
CODECS = {
    "h264": ("libx264", "mp4", {"preset": "veryfast"}),
    "vp9": ("libvpx-vp9", "webm", {"deadline": "realtime", "cpu-used": "8", "b": "0", "lag-in-frames": "0"}),
}


@dataclass(frozen=True)
class Attack:
    """One way to treat a clip, in this order.

    Attributes:
        size: by which factor it is scaled. crop: share of its area that is cut off, the shape kept; where: the place of
            what stays, 0..1 down and across. blur: standard deviation of a Gaussian blur, pixels. saturation: factor of
            all colour. noise: standard deviation of Gaussian noise, grey levels. codec: and its quality: CRF of a video
            codec, quality of JPEG (the last frame).
    """

    size: float = 1.0
    crop: float = 0.0
    where: tuple[float, float] = (0.5, 0.5)
    blur: float = 0.0
    saturation: float = 1.0
    noise: float = 0.0
    codec: Codec = "none"
    quality: int = 0


class Window(NamedTuple):
    """The part of the uncropped picture that is left, in shares of its longer side: its centre's offset from the
    picture's centre, across and down, and by how much the longer side shrank."""

    across: float
    down: float
    scale: float


def random_attack(rng: np.random.Generator) -> Attack:
    """A treatment as clips meet it: mostly compressed, often made smaller, now and then cut, blurred or grainy."""
    codec: Codec = rng.choice(np.array(["h264", "vp9", "jpeg", "none"]), p=[0.6, 0.1, 0.15, 0.15])
    ranges = {"h264": (20, 33), "vp9": (24, 45), "jpeg": (35, 95), "none": (0, 1)}
    return Attack(
        size=float(rng.choice([1.0, 0.5, rng.uniform(0.45, 1.1)])),
        crop=float(rng.uniform(0.0, 0.4)) if rng.random() < 0.35 else 0.0,
        where=(float(rng.random()), float(rng.random())),
        blur=float(rng.uniform(0.0, 0.9)) if rng.random() < 0.25 else 0.0,
        saturation=float(rng.uniform(0.5, 1.5)) if rng.random() < 0.25 else 1.0,
        noise=float(rng.uniform(0.0, 6.0)) if rng.random() < 0.25 else 0.0,
        codec=codec,
        quality=int(rng.integers(*ranges[codec])),
    )


def apply_attack(frames: np.ndarray, attack: Attack, rng: np.random.Generator) -> tuple[np.ndarray, Window]:
    """Treats a clip: uint8 [T, H, W, 3] → uint8 [T, h, w, 3], and which part of it is left."""
    height, width = frames.shape[1:3]
    small_height, small_width = (max(32, round(x * attack.size)) for x in (height, width))
    share = (1.0 - attack.crop) ** 0.5
    kept_height, kept_width = max(16, round(small_height * share)), max(16, round(small_width * share))
    top, left = (
        round((whole - kept) * at)
        for whole, kept, at in zip((small_height, small_width), (kept_height, kept_width), attack.where, strict=True)
    )
    treated = []
    for frame in frames:
        picture = Image.fromarray(frame)
        if (small_width, small_height) != (width, height):
            picture = picture.resize((small_width, small_height), Image.Resampling.BICUBIC)
        picture = np.asarray(picture.crop((left, top, left + kept_width, top + kept_height)))
        treated.append(_spoil(picture, attack, rng))
    longest = max(small_height, small_width)
    window = Window(
        (left + 0.5 * (kept_width - small_width)) / longest,
        (top + 0.5 * (kept_height - small_height)) / longest,
        max(kept_height, kept_width) / longest,
    )
    return _compress(np.stack(treated), attack), window


def _spoil(picture: np.ndarray, attack: Attack, rng: np.random.Generator) -> np.ndarray:
    if not attack.blur and not attack.noise and attack.saturation == 1.0:
        return picture
    blurred = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(attack.blur))
    coloured = ImageEnhance.Color(blurred).enhance(attack.saturation)
    spoilt = np.asarray(coloured) + rng.normal(0.0, attack.noise, picture.shape)
    return (spoilt + 0.5).clip(0, 255).astype(np.uint8)


def _compress(frames: np.ndarray, attack: Attack) -> np.ndarray:
    if attack.codec == "none":
        return frames
    if attack.codec == "jpeg":
        buffer = io.BytesIO()
        Image.fromarray(frames[-1]).save(buffer, "JPEG", quality=attack.quality)
        return np.asarray(Image.open(buffer).convert("RGB"))[None]
    return encode_and_decode(frames, attack.codec, attack.quality)


def encode_and_decode(frames: np.ndarray, codec: Literal["h264", "vp9"], crf: int, fps: int = 25) -> np.ndarray:
    """A clip through a video codec at a constant quality, 4:2:0: uint8 [T, H, W, 3] → the same shape."""
    name, container_format, options = CODECS[codec]
    height, width = frames.shape[1:3]
    padded = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container_format) as container:
        stream = container.add_stream(name, rate=fps, options={**options, "crf": str(crf)})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = padded.shape[2], padded.shape[1], "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in padded:
            container.mux(stream.encode(VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r") as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(decoded)[:, :height, :width]
