"""The watermark as graphs: one that marks a frame, one that looks for the pattern, one that reads what it says."""

from __future__ import annotations

import onnx
import torch
from torch import Tensor, nn

from ..models.watermark import Watermark
from ..models.watermark_code import MESSAGE
from ..models.watermark_raster import PERIOD
from .to_onnx import export_graph


class EmbedGraph(nn.Module):
    """image uint8 [H, W, C], RGB or RGBA, and message uint8 [4] → the marked image; opacity stays as it is."""

    def __init__(self, watermark: Watermark) -> None:
        super().__init__()
        self.embedder = watermark.embedder

    def forward(self, image: Tensor, message: Tensor) -> Tensor:
        marked = self.embedder(image, message.long()[None])
        return (marked + 0.5).clamp(0.0, 255.0).to(torch.uint8)


class ReadGraph(nn.Module):
    """image uint8 [H, W, C] and scale [] → estimate [64, 64]: see `WatermarkReader.forward`."""

    def __init__(self, watermark: Watermark) -> None:
        super().__init__()
        self.reader = watermark.reader

    def forward(self, image: Tensor, scale: Tensor) -> Tensor:
        return self.reader(image, scale)


class DecodeGraph(nn.Module):
    """estimate [64, 64], the mean of one or more → message uint8 [4], confidence [], valid bool []."""

    def __init__(self, watermark: Watermark) -> None:
        super().__init__()
        self.reader = watermark.reader

    def forward(self, estimate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        decoded = self.reader.decode(estimate)
        return decoded.message.to(torch.uint8), decoded.confidence, decoded.valid


def build_watermark_graphs(watermark: Watermark) -> dict[str, onnx.ModelProto]:
    """The graphs `watermark_embed`, `watermark_read` and `watermark_decode`."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 255, (150, 130, 3), dtype=torch.uint8, generator=generator)
    message = torch.randint(0, 255, (MESSAGE,), dtype=torch.uint8, generator=generator)
    sizes = {0: "H", 1: "W", 2: "C"}
    return {
        "watermark_embed": export_graph(
            EmbedGraph(watermark), {"image": image, "message": message}, ["marked"], {"image": sizes, "marked": sizes}
        ),
        "watermark_read": export_graph(
            ReadGraph(watermark), {"image": image, "scale": torch.tensor(1.0)}, ["estimate"], {"image": sizes}
        ),
        "watermark_decode": export_graph(
            DecodeGraph(watermark),
            {"estimate": torch.randn(PERIOD, PERIOD, generator=generator)},
            ["message", "confidence", "valid"],
        ),
    }
