"""Features of VGG19 and VGGFace, which the paper's content loss compares. Their weights are not ours to ship: the user
names their files, and a hash says that they are the right ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

# VGG's convolutions by number; the paper takes the ReLUs behind these.
_VGG19_WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512)
_VGG16_WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)
VGG19_LAYERS = (1, 6, 11, 20, 29)
VGGFACE_LAYERS = (1, 6, 11, 18, 25)


class WeightsError(ValueError):
    """Weights that cannot be used, and why."""


class VggFeatures(nn.Module):
    """Features of a VGG network's convolutions, as the paper counts them: activations `layers` of torchvision's list.

    Args:
        path: `.safetensors`, or `.pth` that holds tensors alone (no code is ever unpickled); names `features.N.weight`.
        sha256: the file's SHA-256, 64 hexadecimal digits.
        layers: which places of torchvision's `features` are compared. caffe: 0..255 BGR minus its mean colour, as the
            networks that the paper uses were trained; else torchvision's normalisation.

    Raises:
        WeightsError: no such file, another hash, or tensors of another network.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, path: Path, sha256: str, layers: tuple[int, ...], deep: bool = True, caffe: bool = True) -> None:
        super().__init__()
        tensors = _checked_tensors(path, sha256)
        self.taken, self.caffe = layers, caffe
        self.features = nn.ModuleList()
        channels = 3
        for width in _VGG19_WIDTHS if deep else _VGG16_WIDTHS:
            added = [nn.Conv2d(channels, width, 3, 1, 1), nn.ReLU()] if width else [nn.MaxPool2d(2)]
            self.features.extend(added)
            channels = width or channels
        kept = {k: v for k, v in tensors.items() if k.startswith("features.") and k in self.state_dict()}
        try:
            self.load_state_dict(kept, strict=True)
        except RuntimeError as error:
            raise WeightsError(f"{path} holds no VGG network of this depth.") from error
        mean = [103.939, 116.779, 123.68] if caffe else [0.485, 0.456, 0.406]
        deviation = [1.0, 1.0, 1.0] if caffe else [0.229, 0.224, 0.225]
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).reshape(1, 3, 1, 1))
        self.requires_grad_(False)

    def forward(self, pictures: Tensor, points: Tensor) -> list[Tensor]:
        """pictures [B, 3, S, S] 0..1 → features at `layers`."""
        x = pictures.flip(1) * 255.0 if self.caffe else pictures
        x = (x - self.mean) / self.deviation
        features = []
        for number, layer in enumerate(self.features):
            if number > max(self.taken):
                break
            x = layer(x)
            if number in self.taken:
                features.append(x)
        return features


def _checked_tensors(path: Path, sha256: str) -> dict[str, Tensor]:
    if not path.is_file():
        raise WeightsError(f"There is no file {path}.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256.lower():
        raise WeightsError(f"{path} is not the file that was asked for: its SHA-256 differs from {sha256}.")
    try:
        return load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
    except Exception as error:
        raise WeightsError(f"{path} holds no weights that can be read: {error}.") from error
