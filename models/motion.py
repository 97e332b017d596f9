"""Motion without identity: what a driver's face does, taken from the driver and given to another face.

Both faces are seen as scaled, turned and shifted canonical faces (weak perspective). What the driver's landmarks do
beyond that, against the driver's own neutral picture, is the expression, measured in the face's own axes.
"""

import torch
from torch import Tensor, nn

from . import landmarks as lm
from .canonical_face import canonical_face
from .face_parts import face_parts, openings
from .rigid import Similarity, fit_similarity

# An eye's opening below this (in outer-eye-corner distances) counts as this, or a closed eye would divide by zero.
_LEAST_OPENING = 0.02
# Lips this far apart have no room left to open; what a closed mouth does is done less the less room there is, but
# never less than by this share.
_WIDEST_MOUTH = 0.25
_LEAST_ROOM = 0.35
# How far an iris may stand from the middle of its eye (across, up or down, in depth), in halves of the eye's width: a
# little farther than 99.5 % of tracked ones do. Where the source's iris stands farther out already, it may stay there.
_IRIS_REACH = (0.5, 0.35, 1.0)


class _Face(nn.Module):
    """What `Motion` and `Retarget` share: the pose of a face, its unit, and the openings of its eyes."""

    canonical: Tensor
    weights: Tensor
    eyes: Tensor
    lips: Tensor
    gap: Tensor
    opening: Tensor

    def __init__(self) -> None:
        super().__init__()
        face, parts = canonical_face(), face_parts()
        for name, value in (("canonical", face.points), ("weights", face.weights)):
            self.register_buffer(name, value, persistent=False)
        for name in ("eyes", "lips", "gap", "opening"):
            self.register_buffer(name, getattr(parts, name), persistent=False)

    def pose(self, landmarks: Tensor) -> tuple[Similarity, Tensor, Tensor]:
        """The head's pose, the face's unit d ([], pixels), and its landmarks in its own axes and unit ([478, 3])."""
        pose = fit_similarity(self.canonical, landmarks, self.weights)
        unit = eye_distance(landmarks)
        return pose, unit, pose.invert(landmarks) * (pose.scale / unit)

    def amplitude(self, shape: Tensor) -> Tensor:
        """How large this face's displacements are ([478, 3]) against those of the canonical face, which is at rest.

        Up and down around the eyes it is how far they open compared with the canonical ones, so that a blink closes any
        eye. Around the lips it is how much room they have left, so that a smile does not tear a mouth that smiles.
        """
        eyes, lips = openings(self.gap, shape)
        eyes = eyes.clamp(min=_LEAST_OPENING) / self.opening
        lips = (1.0 - lips / _WIDEST_MOUTH).clamp(_LEAST_ROOM, 1.0)
        across = 1.0 + (lips - 1.0) * self.lips
        return torch.stack([across, across + (eyes - 1.0) @ self.eyes, across], 1)


class Motion(_Face):
    """What the driver does, relative to the driver's own neutral picture."""

    def forward(self, neutral: Tensor, driver: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Motion from `neutral` to `driver`.

        Args:
            neutral: [478, 3], the driver at rest (eyes open, mouth closed), pixels.
            driver: [478, 3], the driver now, pixels of the same camera.

        Returns:
            rotation: [3, 3], how the head turned, in camera axes.
            translation: [3], shift of the head's centre over the neutral's d; its z is 0, which one camera cannot see.
            scale: [], natural log of the ratio of sizes.
            expression: [478, 3], displacements in the face's own axes, in units of d, over the neutral face's
                `amplitude`. All five points of an iris share one displacement: irises move, they do not deform.
        """
        pose_n, unit, shape_n = self.pose(neutral)
        pose_d = fit_similarity(self.canonical, driver, self.weights)
        rotation = pose_d.rotation @ pose_n.rotation.T
        shift = (pose_d.translation - pose_n.translation) / unit
        translation = torch.cat([shift[:2], torch.zeros_like(shift[2:])])
        shape_d = pose_d.invert(driver) * (pose_n.scale / unit)
        expression = (shape_d - shape_n) / self.amplitude(shape_n)
        right, left = (expression[iris].mean(0, keepdim=True).expand(5, 3) for iris in (lm.RIGHT_IRIS, lm.LEFT_IRIS))
        expression = torch.cat([expression[: lm.MESH_COUNT], right, left])
        return rotation, translation, torch.log(pose_d.scale / pose_n.scale), expression


class Retarget(_Face):
    """Gives a motion to another face."""

    part: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("part", face_parts().part, persistent=False)

    def forward(
        self, source: Tensor, rotation: Tensor, translation: Tensor, scale: Tensor, expression: Tensor, gains: Tensor
    ) -> Tensor:
        """The source's landmarks after the motion, [478, 3], pixels; the identity motion returns the source exactly.

        Args:
            source: [478, 3], landmarks of the photo, pixels.
            rotation, translation, scale, expression: as `Motion` returns them.
            gains: [5], factors (0 = none, 1 = as the driver) for the pose, all expression, and within it the eyes, the
                lips, and the irises' motion relative to their eyes (gaze).
        """
        pose, unit, shape = self.pose(source)
        turn = scale_rotation(rotation, gains[0])
        growth = torch.exp(gains[0] * scale)
        displacement = self._displacement(shape, expression, gains)
        turned = growth * turn
        # Written as a sum on top of the source, so that the identity changes no bit.
        arm = (source - pose.translation) @ (turned - torch.eye(3, dtype=turned.dtype, device=turned.device)).T
        return source + arm + unit * (displacement @ (turned @ pose.rotation).T + gains[0] * translation)

    def _displacement(self, shape: Tensor, expression: Tensor, gains: Tensor) -> Tensor:
        """The displacements ([478, 3]) that suit this face, with the gains applied, in its own axes and unit."""
        eyes = self.eyes.sum(0)
        part_gains = (1.0 + eyes * (gains[2] - 1.0)) * (1.0 + self.lips * (gains[3] - 1.0))
        moved = self._with_gaze(expression, gains[4]) * (gains[1] * part_gains)[:, None] * self.amplitude(shape)
        # Lids and lips that would cross meet half-way, or stay as they are in the photo if they cross there already.
        y = shape[:, 1]
        crossing = torch.relu(torch.clamp(self.gap @ y, max=0.0) - self.gap @ (y + moved[:, 1]))
        moved = torch.stack([moved[:, 0], moved[:, 1] + self.part @ crossing, moved[:, 2]], 1)
        irises = (
            _held_in_eye(shape, moved, eye, iris)
            for eye, iris in ((lm.RIGHT_EYE, lm.RIGHT_IRIS), (lm.LEFT_EYE, lm.LEFT_IRIS))
        )
        return torch.cat([moved[: lm.MESH_COUNT], *irises])

    @staticmethod
    def _with_gaze(expression: Tensor, gain: Tensor) -> Tensor:
        """The expression with the irises' motion relative to their eyes' corners multiplied by the gain."""
        parts = [expression[: lm.MESH_COUNT]]
        for eye, first in ((lm.RIGHT_EYE, lm.RIGHT_IRIS[0]), (lm.LEFT_EYE, lm.LEFT_IRIS[0])):
            base = expression[[eye[0], eye[8]]].mean(0, keepdim=True)
            parts.append(base + gain * (expression[first : first + 5] - base))
        return torch.cat(parts)


def _held_in_eye(shape: Tensor, moved: Tensor, eye: list[int], iris: list[int]) -> Tensor:
    """The displacements of an iris ([5, 3], in the landmarks' order), shortened where it would leave its eye."""
    corners = [eye[0], eye[8]]
    half = 0.5 * torch.linalg.vector_norm(shape[corners[0]] - shape[corners[1]])
    offset = shape[iris[0]] - shape[corners].mean(0)
    wanted = offset + moved[iris[0]] - moved[corners].mean(0)
    reach = torch.maximum(offset.abs(), half * half.new_tensor(_IRIS_REACH))
    return moved[iris[0] : iris[0] + 5] + (torch.maximum(torch.minimum(wanted, reach), -reach) - wanted)


def eye_distance(landmarks: Tensor) -> Tensor:
    """The unit of motion d: the outer eye corners' distance in 3-D, [], pixels."""
    corners = landmarks[lm.OUTER_EYE_CORNERS]
    return torch.linalg.vector_norm(corners[0] - corners[1])


def scale_rotation(rotation: Tensor, gain: Tensor) -> Tensor:
    """The rotation [3, 3] about the same axis by `gain` times the angle (below 180°); exact for the identity."""
    antisymmetric = 0.5 * (rotation - rotation.T)  # sin θ · [axis]×
    sine = torch.sqrt(0.5 * (antisymmetric * antisymmetric).sum())
    identity = torch.eye(3, dtype=rotation.dtype, device=rotation.device)
    cosine = 0.5 * ((rotation * identity).sum() - 1.0)
    angle = 2.0 * torch.atan(sine / (1.0 + cosine).clamp(min=1e-6)) * gain
    axis = antisymmetric / sine.clamp(min=1e-12)
    return identity + torch.sin(angle) * axis + (1.0 - torch.cos(angle)) * (axis @ axis)
