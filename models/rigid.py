"""Fitting a similarity transform between two sets of 3-D points, without an SVD, so that it exports to plain ONNX.

Horn, *Closed-form solution of absolute orientation using unit quaternions* (1987): the best rotation is the quaternion
that belongs to the largest eigenvalue of a symmetric 4 × 4 matrix. Repeated squaring of that matrix, shifted so that
no other eigenvalue is larger in size, leaves the projector onto this quaternion, from which the rotation matrix can be
read without choosing the quaternion's sign.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

# Powers of two: the 256th power leaves less than 1e-9 of the other eigenvectors for any face, flat ones included.
_SQUARINGS = 8


def _rotation_forms() -> Tensor:
    """[3, 3, 4, 4]: the rotation matrix as quadratic forms of its unit quaternion, R[i, j] = qᵀ Q[i, j] q.

    With q = (w, v): R = (w² − v·v) · 1 + 2 v vᵀ + 2 w [v]×.
    """
    forms = torch.zeros(3, 3, 4, 4)
    for i in range(3):
        forms[i, i] += torch.diag(torch.tensor([1.0, -1.0, -1.0, -1.0]))
        for j in range(3):
            forms[i, j, 1 + i, 1 + j] += 1.0
            forms[i, j, 1 + j, 1 + i] += 1.0
        j, k = (i + 1) % 3, (i + 2) % 3
        for row, column, sign in ((j, k, -1.0), (k, j, 1.0)):
            forms[row, column, 0, 1 + i] += sign
            forms[row, column, 1 + i, 0] += sign
    return forms


_ROTATION_FORMS = _rotation_forms()


@dataclass(frozen=True)
class Similarity:
    """`scale · rotation @ p + translation`.

    Attributes:
        rotation: [3, 3], proper (determinant 1).
        translation: [3], where the origin goes.
        scale: [], positive.
    """

    rotation: Tensor
    translation: Tensor
    scale: Tensor

    def apply(self, points: Tensor) -> Tensor:
        """The transformed points, [N, 3]."""
        return self.scale * (points @ self.rotation.T) + self.translation

    def invert(self, points: Tensor) -> Tensor:
        """The points ([N, 3]) that `apply` would send to these."""
        return (points - self.translation) @ self.rotation / self.scale


def fit_similarity(reference: Tensor, points: Tensor, weights: Tensor) -> Similarity:
    """The similarity transform that takes `reference` closest to `points` in the weighted least-squares sense.

    Under weak perspective landmarks with depth are a scaled, turned and shifted face, so this is the head's pose.

    Args:
        reference: [N, 3], not all on one line.
        points: [N, 3].
        weights: [N], not negative; they sum to 1.
    """
    w = weights[:, None]
    reference_mean, points_mean = (w * reference).sum(0), (w * points).sum(0)
    a, b = reference - reference_mean, points - points_mean
    covariance = (w * a).T @ b
    rotation = _rotation(covariance)
    # The least-squares scale for a known rotation (Umeyama 1991).
    scale = (covariance * rotation.T).sum() / (w * a * a).sum()
    return Similarity(rotation, points_mean - scale * (rotation @ reference_mean), scale)


def _rotation(covariance: Tensor) -> Tensor:
    """The rotation R ([3, 3]) that maximises trace(R · covariance), covariance = Σ a bᵀ ([3, 3])."""
    forms = _ROTATION_FORMS.to(covariance).reshape(9, 16)
    horn = covariance.T.reshape(1, 9) @ forms  # trace(R · covariance) = qᵀ · horn · q
    projector = _dominant_projector(horn.reshape(4, 4))
    return (forms @ projector.reshape(16, 1)).reshape(3, 3)


def _dominant_projector(matrix: Tensor) -> Tensor:
    """q qᵀ for the unit eigenvector q of the largest (not: largest in size) eigenvalue of a symmetric [4, 4] matrix."""
    identity = torch.eye(4, dtype=matrix.dtype, device=matrix.device)
    # Half the Frobenius norm lifts every eigenvalue of Horn's matrix high enough that none exceeds the largest in size.
    norm = torch.sqrt((matrix * matrix).sum())
    power = matrix / norm + 0.5 * identity
    for _ in range(_SQUARINGS):
        power = power @ power
        power = power / (power * identity).sum()
    return power
