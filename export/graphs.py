"""The student as graphs: thin modules that take what a host has (uint8 images, pixels) and give what it shows."""

from __future__ import annotations

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.canonical_face import canonical_face
from ..models.compose import Maps, render_doubled
from ..models.student import Encoded, Student
from .to_onnx import export_graph

ENCODED_NAMES = Encoded._fields


class EncodeGraph(nn.Module):
    """image uint8 [H, W, 3], landmarks [478, 3], region [4], matte [1, 1, 256, 256], size int64 [] → `Encoded`."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, image: Tensor, landmarks: Tensor, region: Tensor, matte: Tensor, size: Tensor) -> Encoded:
        photo = image.permute(2, 0, 1).unsqueeze(0).float() * (1.0 / 255.0)
        return self.student.encode(photo, landmarks, region, matte, size)  # type: ignore[arg-type] (traced)


class RenderGraph(nn.Module):
    """`Encoded` and target [478, 3] → frame uint8 [S, S, 4]."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, *inputs: Tensor) -> Tensor:
        encoded = Encoded(*inputs[:-1])
        maps = self.student.maps(encoded, inputs[-1])
        # In grey levels already where the maps are small; the half rounds.
        maps = Maps(maps.flow, maps.keep * 255.0, maps.add * 255.0 + 0.5)
        picture = render_doubled(encoded.texture, maps).clamp(0.0, 255.0)
        rgba = torch.cat([picture, encoded.alpha * 255.0 + 0.5], 1)
        return rgba[0].permute(1, 2, 0).to(torch.uint8)


def to_bytes(picture: Tensor) -> Tensor:
    """[1, C, h, w] 0..1 → uint8 [h, w, C], rounded half up."""
    return (picture[0].permute(1, 2, 0) * 255.0 + 0.5).clamp(0.0, 255.0).to(torch.uint8)


class PasteGraph(nn.Module):
    """frame uint8 [S, S, 4], backdrop uint8 [P, P, 3] → picture uint8 [P, P, 3]."""

    def forward(self, frame: Tensor, backdrop: Tensor) -> Tensor:
        layer = frame.permute(2, 0, 1).unsqueeze(0).float() * (1.0 / 255.0)
        behind = backdrop.permute(2, 0, 1).unsqueeze(0).float() * (1.0 / 255.0)
        layer = F.interpolate(layer, size=behind.shape[-2:], mode="bilinear", align_corners=False)
        return to_bytes(behind + layer[:, 3:] * (layer[:, :3] - behind))


def build_student_graphs(student: Student) -> dict[str, onnx.ModelProto]:
    """The graphs `encode`, `render` and `paste`, with the inputs and outputs that docs/architecture.md lists."""
    face = canonical_face().points * 64.0 + 128.0
    image = torch.randint(0, 255, (300, 280, 3), dtype=torch.uint8)
    inputs = {
        "image": image,
        "landmarks": face,
        "region": torch.tensor([128.0, 128.0, 256.0, 0.0]),
        "matte": torch.rand(1, 1, 256, 256),
        "size": torch.tensor(288),
    }
    with torch.no_grad():
        encoded = EncodeGraph(student)(*inputs.values())
    texture_axes = {"texture": {2: "T", 3: "T"}, "alpha": {2: "S", 3: "S"}}  # T = 2 S - 1
    return {
        "encode": export_graph(
            EncodeGraph(student), inputs, ENCODED_NAMES, {"image": {0: "H", 1: "W"}, **texture_axes}
        ),
        "render": export_graph(
            RenderGraph(student),
            dict(zip(ENCODED_NAMES, encoded, strict=True)) | {"target": face},
            ["frame"],
            {**texture_axes, "frame": {0: "S", 1: "S"}},
        ),
        "paste": export_graph(
            PasteGraph(),
            {"frame": torch.zeros(288, 288, 4, dtype=torch.uint8), "backdrop": image[:280]},
            ["picture"],
            {"frame": {0: "S", 1: "S"}, "backdrop": {0: "P", 1: "P"}, "picture": {0: "P", 1: "P"}},
        ),
    }
