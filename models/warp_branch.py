"""The warp branch of the `full` teacher: photos moved by the geometry, and an attention that picks among them.

Every photo is moved to the target's landmarks as the student moves it, mouth and eyes painted. Which photo a spot is
taken from is a softmax over the photos: one whose mouth is open there lends its teeth to a target with an open mouth.
It starts from what the geometry alone can tell (how much the expression, the pose and the place differ) and learns on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .adversarial_layers import instance_norm
from .anchors import FACE
from .compose import render_doubled, resized
from .geometry import assigned, fit_affine, pixel_grid, sample
from .patch import EYE, MOUTH, head_slopes
from .refiner import RefinerConfig
from .student import Encoded, Student
from .teacher_config import WarpConfig

REACH = 0.06  # of an anchor's difference of expression, normalised
SEEN = 128  # side of the mattes, and of the pictures that the flow is estimated from


class Photos(NamedTuple):
    """K photos of each of B people, cut to squares of S pixels.

    pictures, drawn: [B, K, 3, S, S] 0..1, photos and their drawn landmarks. points: [B, K, 478, 3] normalised.
    mattes: [B, K, 1, 128, 128], share of person.
    """

    pictures: Tensor
    drawn: Tensor
    points: Tensor
    mattes: Tensor


class EncodedPhotos(NamedTuple):
    """What the warp branch needs to know of K photos of each of B people, whatever the target is.

    encoded: as the student keeps the B·K photos. features: [B·K, F, S/4, S/4]. points: [B, K, 478, 3] normalised.
    """

    encoded: Encoded
    features: Tensor
    points: Tensor


class Warped(NamedTuple):
    """picture [B, 3, S, S], matte and mismatch [B, 1, S, S], memory [B, F, S/4, S/4], share [B, K, 64, 64]."""

    picture: Tensor
    matte: Tensor
    mismatch: Tensor
    memory: Tensor
    share: Tensor


class PhotoEncoder(nn.Module):
    """Features of a photo and its drawn landmarks: [B, 6, S, S] → [B, F, S/4, S/4]."""

    def __init__(self, config: WarpConfig) -> None:
        super().__init__()
        a, b = config.widths
        self.first = nn.Conv2d(6, a, 4, 2, 1)
        self.second = nn.Conv2d(a, b, 4, 2, 1)
        self.third = nn.Conv2d(b, b, 3, 1, 1)
        self.out = nn.Conv2d(b, config.features, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(instance_norm(self.second(F.relu(self.first(x)))))
        return self.out(x + F.relu(instance_norm(self.third(x))))


class WarpBranch(nn.Module):
    """Moves K photos to the target's landmarks and merges them."""

    def __init__(self, config: WarpConfig) -> None:
        super().__init__()
        self.config = config
        self.student = Student(
            RefinerConfig(widths=config.refiner),
            replace(MOUTH, widths=config.mouth),
            replace(EYE, widths=config.eye),
        ).requires_grad_(config.learn_student)
        self.student.eval()  # see `train`, which nobody calls on a fresh module
        self.encoder = PhotoEncoder(config)
        self.query = nn.Sequential(
            nn.Conv2d(3, config.widths[0], 3, 1, 1), nn.ReLU(), nn.Conv2d(config.widths[0], config.features, 3, 1, 1)
        )
        last = self.query[-1]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        # Logits per unit of: difference of expression, of the head's slopes, and distance moved (normalised).
        self.prior = nn.Parameter(torch.tensor([400.0, 32.0, 16.0]).log())

    def train(self, mode: bool = True) -> WarpBranch:
        """The student's batch norms keep their statistics: batches are small, and processes must agree."""
        super().train(mode)
        self.student.eval()
        return self

    def encode(self, photos: Photos) -> EncodedPhotos:
        """Once per photo."""
        pictures, drawn, points, mattes = (x.flatten(0, 1) for x in photos)
        with self._exactly(pictures.device):
            encoded = self.student.encode_squares(pictures, mattes, points)
        return EncodedPhotos(encoded, self.encoder(torch.cat([pictures, drawn], 1) * 2.0 - 1.0), photos.points)

    def forward(self, photos: EncodedPhotos, drawn: Tensor, points: Tensor) -> Warped:
        """drawn [B, 3, S, S] and points [B, 478, 3] are the target's."""
        count, size = photos.points.shape[1], drawn.shape[-1]
        own, target = photos.points.flatten(0, 1), points.repeat_interleave(count, 0)
        # As the student moves them: picture [B·K, 3, S, S], flow [B·K, 2, 64, 64], matte [B·K, 1, 64, 64].
        with self._exactly(points.device):
            moved = self.student.move(photos.encoded, target)
            picture, flow, matte = render_doubled(photos.encoded.texture, moved.maps()), moved.coarse.flow, moved.matte
        raster, seen = photos.features.shape[-1], flow.shape[-1]
        grid = pixel_grid(raster, flow.device).reshape(1, raster, raster, 2)
        features = sample(photos.features.float(), grid + resized(flow, raster).permute(0, 2, 3, 1))
        expression, difference = self._difference(own, target, flow)
        weights = self.prior.exp()[:, None, None]
        query = self.query(resized(drawn, seen)).repeat_interleave(count, 0)
        learned = (query.float() * resized(features, seen)).sum(1) / features.shape[1] ** 0.5
        share = (learned - (difference * weights).sum(1)).unflatten(0, (-1, count)).softmax(1)
        return Warped(
            _merged(picture, share, size),
            _merged(matte, share, size),
            _merged(expression, share, size),
            _merged(features, share, raster),
            share,
        )

    @contextmanager
    def _exactly(self, device: torch.device) -> Iterator[None]:
        """In float32, since coordinates of a few digits move a picture by pixels; learning if it is to."""
        learn = torch.is_grad_enabled() and self.config.learn_student
        with torch.set_grad_enabled(learn), torch.autocast(device.type, enabled=False):
            yield

    @staticmethod
    def _difference(own: Tensor, target: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """What speaks against a photo: expression [N, 1, n, n], and with slopes and distance [N, 3, n, n]."""
        size = flow.shape[-1]
        before, after = own[:, FACE, :2], target[:, FACE, :2]
        matrix, offset = fit_affine(after, before)
        rest = (before - after @ matrix - offset).square().sum(-1, keepdim=True).add(1e-12).sqrt()
        expression = assigned(pixel_grid(size, flow.device), after, rest, REACH).unflatten(2, (size, size))
        turn = (head_slopes(own) - head_slopes(target)).abs().sum(-1).reshape(-1, 1, 1, 1).expand_as(expression)
        distance = flow.square().sum(1, keepdim=True).add(1e-12).sqrt()
        return expression, torch.cat([expression, turn, distance], 1)


def _merged(each: Tensor, share: Tensor, size: int) -> Tensor:
    """Weighted sum over the photos: each [B·K, C, n, n], share [B, K, m, m] → [B, C, size, size]."""
    batch, count = share.shape[:2]
    weights = resized(share, size).unsqueeze(2)
    return (resized(each, size).unflatten(0, (batch, count)) * weights).sum(1)
