"""The square of a photo that is animated: head, hair and some shoulders."""

import torch
from torch import Tensor, nn

from . import landmarks as lm

SIDE = 4.0  # the square's side, in outer-eye-corner distances
DROP = 0.08  # how far its centre lies below the temples' midpoint, in outer-eye-corner distances
_TEMPLES = [234, 454]  # their midpoint lies inside the head, so it hardly moves when the head turns
_FOREHEAD, _CHIN = 10, 152


def head_region(landmarks: Tensor) -> Tensor:
    """Where the head is.

    Args:
        landmarks: [478, 3], pixels (z too).

    Returns:
        float32[4]: centre x, centre y, side, angle. Centre, side and the square's corners are whole pixels, the side
        is even, the angle is 0. The square may reach over the picture's border.
    """
    # The eye distance is measured in 3-D, so a turned head gets the same square as a frontal one.
    corners = landmarks[lm.OUTER_EYE_CORNERS]
    unit = torch.linalg.vector_norm(corners[0] - corners[1])
    side = 2.0 * torch.ceil(0.5 * SIDE * unit)
    axis = landmarks[_CHIN] - landmarks[_FOREHEAD]
    down = axis / torch.linalg.vector_norm(axis).clamp(min=1e-6)
    centre = landmarks[_TEMPLES].mean(0) + DROP * unit * down
    return torch.cat([torch.floor(centre[:2] + 0.5), side.reshape(1), landmarks.new_zeros(1)])


class Head(nn.Module):
    """`head_region` as a graph."""

    def forward(self, landmarks: Tensor) -> Tensor:
        return head_region(landmarks)
