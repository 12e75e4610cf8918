"""Transforms as (4, 4) matrices: from a frame to another one, in metres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

# TF takes the same for a rotation.
_QUATERNION_TOLERANCE: Final = 1e-2

Pose = NDArray[np.float64]


def pose_from(rotation: NDArray[np.float64], translation: NDArray[np.float64]) -> Pose:
    """The transform of a rotation, (3, 3) or a rotation vector (3,), and a translation (3,)."""
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(rotation)[0] if rotation.size == 3 else rotation
    pose[:3, 3] = np.reshape(translation, 3)
    return pose


def inverse(pose: Pose) -> Pose:
    """The transform back."""
    back = pose[:3, :3].T
    return pose_from(back, -back @ pose[:3, 3])


def moved(pose: Pose, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) points (N, 3) in the other frame."""
    return np.asarray(points @ pose[:3, :3].T + pose[:3, 3])


def angle_deg(a: Pose, b: Pose) -> float:
    """Between the rotations of two transforms, degrees."""
    # The norm is 2 sqrt(2) times the sine of half of the angle.
    half_sine = float(np.linalg.norm(a[:3, :3] - b[:3, :3])) / np.sqrt(8)
    return float(np.degrees(2 * np.arcsin(min(1.0, half_sine))))


def pose_values(pose: Pose) -> list[float]:
    """x y z qx qy qz qw, as the parameter ``<camera>.pose`` takes them; qw is not negative."""
    (a, b, c), (d, e, f), (g, h, i) = pose[:3, :3]
    # Four times the products of the quaternion's parts; the largest row is the most exact one.
    products = np.array(
        [
            [1 + a - e - i, b + d, c + g, h - f],
            [b + d, 1 - a + e - i, f + h, c - g],
            [c + g, f + h, 1 - a - e + i, d - b],
            [h - f, c - g, d - b, 1 + a + e + i],
        ]
    )
    quaternion = products[np.argmax(np.diag(products))]
    quaternion = quaternion / np.linalg.norm(quaternion) * (1 if quaternion[3] >= 0 else -1)
    return [float(value) for value in (*pose[:3, 3], *quaternion)]


def pose_of_values(values: Sequence[float]) -> Pose | None:
    """The transform of x y z qx qy qz qw; None where the rotation is none or a value not finite."""
    numbers = np.array(values, np.float64)
    quaternion = numbers[3:]
    length = float(np.linalg.norm(quaternion))
    if not np.isfinite(numbers).all() or abs(length - 1) > _QUATERNION_TOLERANCE:
        return None
    axis, cosine = quaternion[:3], float(quaternion[3]) / length
    sine = float(np.linalg.norm(axis)) / length
    angle = 2 * np.arctan2(sine, cosine)
    vector = axis / np.linalg.norm(axis) * angle if sine > 0 else np.zeros(3)
    return pose_from(vector, numbers[:3])


def cross(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3, 3) matrices that multiply like the cross product with each of ``vectors`` (N, 3)."""
    matrices = np.zeros((len(vectors), 3, 3))
    x, y, z = vectors.T
    matrices[:, 0, 1], matrices[:, 0, 2], matrices[:, 1, 2] = -z, y, -x
    matrices[:, 1, 0], matrices[:, 2, 0], matrices[:, 2, 1] = z, -y, x
    return matrices


def rotations(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3, 3) of rotation vectors (N, 3)."""
    angles = np.linalg.norm(vectors, axis=1)[:, None, None]
    axes = cross(vectors / np.maximum(angles[:, 0], 1e-12))
    return np.asarray(np.eye(3) + np.sin(angles) * axes + (1 - np.cos(angles)) * (axes @ axes))
