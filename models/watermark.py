"""An invisible watermark: a pattern that carries 32 bits, laid over a picture's blue–yellow differences, and a network
that finds it again after compression, scaling and cropping.

Brightness stays as it is. The eye tells fine blue–yellow patterns far worse than fine light–dark ones (Mullen, "The
contrast sensitivity of human colour vision to red-green and blue-yellow chromatic gratings", 1985), and faces and their
backgrounds have little of their own there, so that a coarse pattern of some grey levels is both unseen and easily read.

The pattern is a tile of 32 × 32 cells (see `watermark_code`) as large as the picture's longer side, centred. Scaling a
picture changes nothing of that; cropping moves the tile, and a picture of which a share was cut off shows fewer cells:
a reader tries several scales and takes the tile's place from the pilot cells.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from .released import checked
from .watermark_code import TILE, Decoded, WatermarkCode
from .watermark_raster import BLUE, CANVAS, COLOURS, PERIOD, RASTER, blue, enlarged, reduced

FORMAT = "vivant-watermark-2"


@dataclass(frozen=True)
class WatermarkConfig:
    """widths: channels of the two networks. depth: layers of the reader. distortion: the largest root mean square
    blue difference that the mark may make on the raster, grey levels, as if white were marked like the rest. (At a
    picture's own size, where the pattern is smoother, 2.4 becomes 1.9.) limit: the same with white as it is marked, of
    what the picture can hold: it keeps the PSNR above 40 dB."""

    embedder_width: int = 12
    reader_width: int = 24
    depth: int = 6
    distortion: float = 2.75
    limit: float = 2.95


def local_variance(picture: Tensor) -> Tensor:
    """Around every pixel of a raster, 7 × 7: [B, 1, n, n] → the same, grey levels squared."""
    mean = F.avg_pool2d(picture, 7, 1, 3, count_include_pad=False)
    return F.avg_pool2d((picture - mean).square(), 7, 1, 3, count_include_pad=False)


def unnoticed(variance: Tensor, luma: Tensor) -> Tensor:
    """Grey levels by which a coarse pattern may change a picture's blue difference while one hardly sees it: less where
    the picture is dark, more in its texture. The numbers were chosen by eye. All [B, 1, n, n]; luma 0..255."""
    light = 0.5 + 0.5 * (luma / 64.0).clamp(0.0, 1.0)
    return light * (2.8 + 0.4 * variance.clamp_min(0.0).sqrt()).clamp_max(8.0)


def for_white(luma: Tensor) -> Tensor:
    """How much stronger white is marked: its blue can only become less, so that half of the pattern is lost there.
    luma [B, 1, n, n] 0..255 → factors."""
    return 1.0 + 0.6 * ((luma - 235.0) / 15.0).clamp(0.0, 1.0)


def held(marked: Tensor, picture: Tensor) -> Tensor:
    """What is left of a residual where blue ends at 0 and 255: marked [B, 1, n, n], picture [B, 3, n, n], planes as
    from `reduced`."""
    shade = picture[:, :1] / BLUE[2] + picture[:, 1:2]  # blue, in grey levels of blue difference
    return torch.minimum(torch.maximum(marked, -shade), 255.0 / BLUE[2] - shade)


def bounded(marked: Tensor, seen: Tensor, covered: Tensor, most: float) -> Tensor:
    """A residual, weakened until the root mean square of what is seen of it is at most so many grey levels.

    marked, seen, covered: [B, 1, n, n].
    """
    power = seen.square().sum((1, 2, 3), keepdim=True) / covered.sum((1, 2, 3), keepdim=True)
    return marked * (most / (power + 1e-6).sqrt()).clamp_max(1.0)


class WatermarkEmbedder(nn.Module):
    """Says how strongly each part of a picture can be marked, and lays the pattern over it."""

    def __init__(self, config: WatermarkConfig) -> None:
        super().__init__()
        self.config = config
        self.code = WatermarkCode()
        width = config.embedder_width
        # The shape of one cell: 4 × 4 raster pixels, of which it owns the middle four.
        self.pulse = nn.Parameter(torch.tensor([0.25, 0.75, 0.75, 0.25]).outer(torch.tensor([0.25, 0.75, 0.75, 0.25])))
        self.strength = nn.Sequential(
            nn.Conv2d(1 + COLOURS, width, 3, 1, 1), nn.ReLU(), nn.Conv2d(width, width, 3, 1, 1), nn.ReLU(),
            nn.Conv2d(width, 1, 3, 1, 1),
        )  # fmt: skip

    def tile(self, message: Tensor) -> Tensor:
        """message int64 [B, 4] → one period of the pattern [B, 1, 64, 64], about ±1."""
        cells = F.pad(self.code.encode(message), (1, 1, 1, 1), mode="circular")
        return F.conv_transpose2d(cells, self.pulse[None, None], stride=2, padding=3)

    def residual(self, picture: Tensor, message: Tensor, covered: Tensor) -> Tensor:
        """What is to be added to the blue difference, in grey levels, on the raster: [B, 1, 64, 64].

        Args:
            picture: [B, 3, 64, 64], planes as from `reduced`. message: int64 [B, 4].
            covered: [B, 1, 64, 64], 1 where the raster shows the picture.
        """
        luma = picture[:, :1]
        activity = local_variance(luma)
        seen = torch.cat([luma / 128.0 - 1.0, picture[:, 1:] / 32.0, activity.add(1.0).log() * 0.25 - 0.5], 1)
        # The network says where half of what is hardly noticed is enough. Free to choose, it marks plain backgrounds
        # alone, which are easiest to read and where the eye is keenest.
        strength = (0.5 + torch.sigmoid(self.strength(seen))).clamp_max(1.0) * unnoticed(activity, luma)
        marked = strength * self.tile(message) * covered
        marked = bounded(marked, marked, covered, self.config.distortion) * for_white(luma)
        return bounded(marked, held(marked, picture), covered, self.config.limit)

    def forward(self, image: Tensor, message: Tensor) -> Tensor:
        """Marks a picture.

        Args:
            image: [H, W, C] grey levels 0..255, RGB or RGBA, any size. message: int64 [1, 4], bytes.

        Returns:
            [H, W, C], float, not rounded; opacity stays as it is.
        """
        height, width, channels = image.shape
        small, covered = reduced(image, RASTER, float(RASTER))
        residual = self.residual(small[None], message, covered[None, None])[0, 0]
        flat = image.reshape(height, -1).float() + enlarged(residual, height, width, blue(channels))
        return flat.reshape(image.shape)


class WatermarkReader(nn.Module):
    """Tells the mark from the picture. Convolutions alone: wherever the pattern lies, it is seen."""

    def __init__(self, config: WatermarkConfig) -> None:
        super().__init__()
        self.config = config
        self.code = WatermarkCode()
        width = config.reader_width
        layers: list[nn.Module] = [nn.Conv2d(COLOURS, width, 3, 1, 1), nn.ReLU()]
        for _ in range(config.depth - 2):
            layers += [nn.Conv2d(width, width, 3, 1, 1), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(width, 1, 3, 1, 1))

    def see(self, picture: Tensor, covered: Tensor) -> Tensor:
        """The pattern as the network sees it. picture [B, 3, n, n], planes as from `reduced`; covered, result
        [B, 1, n, n]."""
        share = F.avg_pool2d(covered, 9, 1, 4)
        mean = F.avg_pool2d(picture * covered, 9, 1, 4) / share.clamp_min(1e-3)
        detail = (picture - mean) * covered
        # Where a picture is lively, the same difference says less.
        spread = (F.avg_pool2d(detail.square(), 9, 1, 4) / share.clamp_min(1e-3) + 1.0).sqrt()
        return self.body(detail / spread) * covered

    def forward(self, image: Tensor, scale: Tensor) -> Tensor:
        """An estimate of one period of the pattern, all its repetitions added: [64, 64].

        Args:
            image: [H, W, C] 0..255. scale: [] the share of the marked picture's longer side that this one's shows.
        """
        small, covered = reduced(image, CANVAS, scale * RASTER)
        return fold(self.see(small[None], covered[None, None]))[0, 0]

    def decode(self, estimate: Tensor) -> Decoded:
        """estimate [64, 64], perhaps the mean over several frames → the message, wherever the tile lies."""
        return self.code.decode(self.settle(estimate))

    def settle(self, estimate: Tensor) -> Tensor:
        """The cells [1, 1, 32, 32] of an estimate [64, 64], turned to where the pilot fits best.

        Places are tried in steps of half a cell: the four phases of the estimate are circularly correlated with the
        pilot.
        """
        phases = torch.stack([sampled(torch.roll(estimate, (-y, -x), (0, 1))) for y in (0, 1) for x in (0, 1)])
        wrapped = F.pad(phases[:, None], (0, TILE - 1, 0, TILE - 1), mode="circular")
        fit = F.conv2d(wrapped, self.code.get_buffer("pilot")[None, None])
        best = fit.flatten().argmax()
        phase, place = best // (TILE * TILE), best % (TILE * TILE)
        down, across = place // TILE, place % TILE
        tile = wrapped[phase, 0]
        index = torch.arange(TILE)
        return tile[(down + index)[:, None], (across + index)[None]][None, None]


def sampled(estimate: Tensor) -> Tensor:
    """One value a cell, the mean of its 2 × 2 pixels: [64, 64] → [32, 32]."""
    return F.avg_pool2d(estimate[None, None], 2)[0, 0]


def fold(seen: Tensor) -> Tensor:
    """All repetitions of the pattern added: [B, 1, n, n], n even → [B, 1, 64, 64]. Their middles coincide."""
    beyond = -(-(seen.shape[-1] // 2 - PERIOD // 2) // PERIOD)  # periods that begin on each side of the middle one
    count = 2 * beyond + 1
    grown = F.pad(seen, [(count * PERIOD - seen.shape[-1]) // 2] * 4)
    return grown.reshape(-1, 1, count, PERIOD, count, PERIOD).sum((2, 4))


class Watermark(nn.Module):
    """Embedder and reader: they are trained, stored and shipped together."""

    def __init__(self, config: WatermarkConfig = WatermarkConfig()) -> None:
        super().__init__()
        self.config = config
        self.embedder = WatermarkEmbedder(config)
        self.reader = WatermarkReader(config)


def save_watermark(watermark: Watermark, path: Path, record: str) -> None:
    """Half-precision safetensors with the configuration and the training record (JSON text) as metadata."""
    temporary = path.with_suffix(".tmp")
    metadata = {"format": FORMAT, "config": json.dumps(asdict(watermark.config)), "record": record}
    save_file({name: value.half().contiguous() for name, value in watermark.state_dict().items()}, temporary, metadata)
    temporary.replace(path)


def load_watermark(path: Path) -> tuple[Watermark, str]:
    """The networks for inference, float32, and their training record.

    Raises:
        ValueError: the file is no watermark, or not the released one of its name.
    """
    with safe_open(checked(path), "pt") as file:
        metadata = file.metadata() or {}
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path} holds no vivant watermark.")
    watermark = Watermark(WatermarkConfig(**json.loads(metadata["config"])))
    watermark.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return watermark.eval(), metadata.get("record", "{}")
