"""All discriminators of a teacher as one module: the projection discriminator of the head, and, where the configuration
asks for them, patch discriminators of the mouth and the eyes in face-aligned frames."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from . import landmarks as lm
from .discriminator import PatchDiscriminator
from .geometry import pixel_grid, sample
from .patch import PatchFrame, eye_frame, eye_shape, mouth_frame
from .polygon import fill_polygon
from .projection_discriminator import ProjectionDiscriminator
from .teacher_config import TeacherConfig


class Verdict(NamedTuple):
    """One discriminator's scores, any shape with a leading B, and its features."""

    scores: Tensor
    features: list[Tensor]


class Judges(nn.Module):
    """D of the paper, and the patch discriminators."""

    def __init__(self, config: TeacherConfig, videos: int) -> None:
        super().__init__()
        self.patches = config.discriminator.patches
        self.head = ProjectionDiscriminator(config.discriminator, videos, config.embedder.embedding)
        if self.patches:
            self.mouth = PatchDiscriminator(2, config.discriminator.patch_width)
            self.eye = PatchDiscriminator(2, config.discriminator.patch_width)

    def forward(self, picture: Tensor, drawn: Tensor, points: Tensor, person: Tensor) -> list[Verdict]:
        """picture, drawn [B, 3, S, S] 0..1; points [B, 478, 3] normalised.

        person: number of the video [B] (int64), or a vector [B, N] in place of W_i (fine-tuning).
        """
        person = person if person.is_floating_point() else self.head.people(person)
        verdicts = [Verdict(*self.head(picture, drawn, person))]
        return verdicts + self.parts(picture, points) if self.patches else verdicts

    def parts(self, picture: Tensor, points: Tensor) -> list[Verdict]:
        """Of mouth and eyes alone, where there are discriminators of them. Arguments as for `forward`."""
        flat = points[..., :2]
        frame = mouth_frame(flat)
        own = frame.to_patch(flat)
        rings = torch.stack([own[:, lm.LIPS_INNER], own[:, lm.LIPS_OUTER]], 1).flatten(0, 1)
        lips = fill_polygon(rings, self.patches).unflatten(0, (-1, 2)).squeeze(2)
        eyes, shapes = [], []
        for left in (False, True):
            at = eye_frame(flat, left)
            eyes.append(self._cut(picture, at))
            shapes.append(eye_shape(at.to_patch(flat), self.patches, left))
        eye = _paired(self.eye(torch.cat(eyes), torch.cat(shapes)))
        return [Verdict(*self.mouth(self._cut(picture, frame), lips)), eye]

    def _cut(self, picture: Tensor, frame: PatchFrame) -> Tensor:
        size = self.patches
        where = frame.from_patch(pixel_grid(size, picture.device)).reshape(-1, size, size, 2)
        return sample(picture.float(), where)


def _paired(verdict: tuple[Tensor, list[Tensor]]) -> Verdict:
    """Right and left eyes, one after the other along the batch, side by side instead: a leading B again."""
    scores, features = verdict
    return Verdict(*(_side_by_side(scores), [_side_by_side(f) for f in features]))


def _side_by_side(x: Tensor) -> Tensor:
    return torch.cat(x.chunk(2), -1)
