"""Building blocks of the student: plain convolutions (fastest in WebAssembly) and foldable normalisation."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval


class ConvBlock(nn.Sequential):
    """Convolution, BatchNorm (folds into the convolution on export), ReLU."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, kernel, stride, (kernel - 1) // 2, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        )


class ResidualBlock(nn.Module):
    """Two convolutions around an identity: x + f(x)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvBlock(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class Up(nn.Module):
    """1×1 convolution, ×2 bilinear upsampling, plus the encoder's features: an addition costs less than a concat."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.project = ConvBlock(channels_in, channels_out, kernel=1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.project(x)
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False) + skip


def fold_norms(module: nn.Module) -> None:
    """Folds every BatchNorm into its convolution, in place, for inference; weights become float16 numbers in float32.

    So graphs can store them in half the bytes without a difference to torch.
    """
    for part in list(module.modules()):
        if isinstance(part, nn.Sequential) and len(part) > 1:
            convolution, norm = part[0], part[1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                part[0] = fuse_conv_bn_eval(convolution.eval(), norm.eval())
                part[1] = nn.Identity()
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            part.weight.data = part.weight.data.half().float()
