"""The student as graphs: thin modules that take what a host has (uint8 images, pixels) and give what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..models.canonical_face import canonical_face
from ..models.compose import Maps, render_doubled
from ..models.encoded import Encoded, Referred
from ..models.student import Student
from .to_onnx import export_graph

ENCODED_NAMES = Encoded._fields
REFERRED_NAMES = tuple(f"all_{name}" for name in Referred._fields)  # outputs may not be called as inputs are


class EncodeGraph(nn.Module):
    """image uint8 [H, W, 3], landmarks [478, 3], region [4], matte [1, 1, 256, 256], size int64 [] → `Encoded`."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, image: Tensor, landmarks: Tensor, region: Tensor, matte: Tensor, size: Tensor) -> Encoded:
        photo = image.permute(2, 0, 1).unsqueeze(0).float() * (1.0 / 255.0)
        return self.student.encode(photo, landmarks, region, matte, size)  # type: ignore[arg-type] (traced)


class ReferGraph(nn.Module):
    """image uint8 [H, W, 3], landmarks [478, 3] of one more photo, `Referred` of those before → `Referred` of all."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, image: Tensor, landmarks: Tensor, *known: Tensor) -> Referred:
        photo = image.permute(2, 0, 1).unsqueeze(0).float() * (1.0 / 255.0)
        return self.student.refer(photo, landmarks, Referred(*known))


class _Rounded(torch.autograd.Function):
    """See `rounded`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, step: float) -> Tensor:
        return (x / step).round().clamp(0.0, 255.0).to(torch.uint8)

    @staticmethod
    def symbolic(graph: Any, x: Any, step: float) -> Any:
        scale = graph.op("Constant", value_t=torch.tensor(step))
        zero = graph.op("Constant", value_t=torch.tensor(0, dtype=torch.uint8))
        return graph.op("QuantizeLinear", x, scale, zero)


def rounded(x: Tensor, step: float) -> Tensor:
    """x / step, rounded (halves to even) and kept in 0..255: any shape, uint8. A graph does it by one QuantizeLinear
    instead of Add, Clip and Cast."""
    return _Rounded.apply(x, step)  # pyright: ignore[reportReturnType]


class RenderGraph(nn.Module):
    """`Encoded` and target [478, 3] → frame uint8 [S, S, 4]."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, *inputs: Tensor) -> Tensor:
        encoded = Encoded(*inputs[:-1])
        maps = self.student.maps(encoded, inputs[-1])
        maps = Maps(maps.flow, maps.keep * 255.0, maps.add * 255.0)  # in grey levels where the maps are small
        picture = rounded(render_doubled(encoded.texture, maps), 1.0)
        return torch.cat([picture, rounded(encoded.alpha, 1.0 / 255.0)], 1).squeeze(0).permute(1, 2, 0)


class GpuRenderGraph(nn.Module):
    """`RenderGraph` for WebGPU: the same picture without one computed shape or place.

    ONNX Runtime computes shapes on the CPU, and whatever depends on them waits for it. So the output's size is counted
    (a running sum of ones), and the maps are enlarged by sampling them on the output's raster instead of by a Resize.
    """

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, *inputs: Tensor) -> Tensor:
        encoded = Encoded(*inputs[:-1])
        maps = self.student.maps(encoded, inputs[-1], whole=True)
        index = torch.cumsum(encoded.alpha[0, 0, 0] * 0.0 + 1.0, 0)
        axis = (2.0 * index - 1.0) / index.amax() - 1.0
        x, y = axis.reshape(1, 1, -1), axis.reshape(1, -1, 1)
        raster = torch.stack([x + 0.0 * y, y + 0.0 * x], -1)
        small = torch.cat([maps.flow, maps.keep * 255.0, maps.add * 255.0 + 0.5], 1)
        large = F.grid_sample(small, raster, padding_mode="border", align_corners=False)
        # The doubled texture's borders lie half a pixel further in, at the centres of the outermost pixels: see
        # `render_doubled`. Its `wider` is 2 S / (2 S - 1), whose inverse is the mean of 1 and the last centre.
        wider = 2.0 / (1.0 + axis.amax())
        where = (large[:, :2].permute(0, 2, 3, 1) + raster) * wider
        limit = axis.amax() * wider
        where = torch.minimum(torch.maximum(where, -limit), limit)
        warped = F.grid_sample(encoded.texture, where, padding_mode="zeros", align_corners=False)
        picture = (warped * large[:, 2:3] + large[:, 3:]).clamp(0.0, 255.0)
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


TEXTURE_AXES = {"texture": {2: "T", 3: "T"}, "alpha": {2: "S", 3: "S"}}  # T = 2 S - 1
PHOTO_AXES = {
    "mouth": {0: "K"}, "eyes": {0: "E"}, "mouth_mask": {0: "K"}, "eye_mask": {0: "E"}, "mouth_points": {0: "K"},
    "eye_points": {0: "E"}, "slopes": {0: "K"}, "unlike": {1: "K"},
}  # fmt: skip
"""Of K photos; E = 2 K."""


def build_student_graphs(student: Student) -> dict[str, onnx.ModelProto]:
    """The graphs `encode`, `refer`, `render`, `paste`, with the inputs and outputs that docs/architecture.md lists."""
    inputs = _example()
    return {
        "encode": export_graph(
            EncodeGraph(student), inputs, ENCODED_NAMES, {"image": {0: "H", 1: "W"}, **TEXTURE_AXES}
        ),
        "refer": export_graph(
            ReferGraph(student),
            _example_of_another(student),
            REFERRED_NAMES,
            {"image": {0: "H", 1: "W"}} | PHOTO_AXES | _one_more(PHOTO_AXES),
        ),
        "render": _export_render(RenderGraph(student), student),
        "paste": export_graph(
            PasteGraph(),
            {"frame": torch.zeros(288, 288, 4, dtype=torch.uint8), "backdrop": inputs["image"][:280]},
            ["picture"],
            {"frame": {0: "S", 1: "S"}, "backdrop": {0: "P", 1: "P"}, "picture": {0: "P", 1: "P"}},
        ),
    }


def build_gpu_render(student: Student) -> onnx.ModelProto:
    """`render` as `GpuRenderGraph` computes it; its inputs and outputs are those of `render`."""
    return _export_render(GpuRenderGraph(student), student)


def _example() -> dict[str, Tensor]:
    """Inputs of `encode`. They decide nothing but shapes, yet are the same every time."""
    generator = torch.Generator().manual_seed(0)
    return {
        "image": torch.randint(0, 255, (300, 280, 3), dtype=torch.uint8, generator=generator),
        "landmarks": canonical_face().points * 64.0 + 128.0,
        "region": torch.tensor([128.0, 128.0, 256.0, 0.0]),
        "matte": torch.rand(1, 1, 256, 256, generator=generator),
        "size": torch.tensor(288),
    }


def _example_of_another(student: Student) -> dict[str, Tensor]:
    """Inputs of `refer`, with two photos known."""
    inputs = _example()
    return {"image": inputs["image"], "landmarks": inputs["landmarks"], **_two_photos(student)._asdict()}


def _two_photos(student: Student) -> Referred:
    """One photo twice: sizes of 1 would be taken for ones that never change."""
    inputs = _example()
    with torch.no_grad():
        encoded = Encoded(*EncodeGraph(student)(*inputs.values()))
        known = Referred(*(getattr(encoded, name) for name in Referred._fields))
        return Referred(*ReferGraph(student)(inputs["image"], inputs["landmarks"], *known))


def _one_more(axes: Mapping[str, Mapping[int, str]]) -> dict[str, dict[int, str]]:
    """The axes of `refer`'s outputs: of K photos before, K + 1."""
    return {f"all_{name}": {axis: f"{size}_all" for axis, size in named.items()} for name, named in axes.items()}


def _export_render(module: nn.Module, student: Student) -> onnx.ModelProto:
    inputs = _example()
    with torch.no_grad():
        encoded = Encoded(*EncodeGraph(student)(*inputs.values()))
    encoded = encoded._replace(**_two_photos(student)._asdict())
    named = encoded._asdict() | {"target": inputs["landmarks"]}
    return export_graph(module, named, ["frame"], {**TEXTURE_AXES, **PHOTO_AXES, "frame": {0: "S", 1: "S"}})
