"""Finding the support plane in one depth image, with items standing on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel
from damage_perception.station.plane import Plane, StationError
from damage_perception.station.region import RegionOfInterest

SAMPLES = 4000
HYPOTHESES = 256
SCORED = 600
REFINEMENTS = 4
# Depth noise of structured light and stereo is constant in 1/z; time of flight has the floor only.
NOISE_FLOOR_M = 0.0008
NOISE_PER_M = 0.0012
# Nothing lies under the support, but a floor may be seen beside it, further down than items rise.
BELOW_PENALTY = 1.5
TALLEST_ITEM_M = 0.3
# Cosine of the largest angle between the optical axis and the plane's normal, 75 degrees.
LEAST_FACING = 0.26

Depth = TypeVar("Depth", float, NDArray[np.float32], NDArray[np.float64])


@dataclass(frozen=True)
class PlaneFit:
    """A fitted plane, the RMS distance of its points, and the share of the readings on it."""

    plane: Plane
    rms_error_m: float
    inlier_share: float


def depth_noise_m(depth_m: Depth) -> Depth:
    """Standard deviation in metres of a depth camera's readings at that depth."""
    return NOISE_FLOOR_M + NOISE_PER_M * depth_m * depth_m


def fit_plane(
    depth_m: NDArray[np.float32],
    camera: CameraModel,
    roi: RegionOfInterest | None = None,
    min_inlier_share: float = 0.15,
) -> PlaneFit:
    """The plane under the items: RANSAC, then least squares on what lies on it.

    depth_m is (H, W) float32 in metres, 0 or not finite where there is no reading. Of two planes
    with many points the one is taken that has fewer points below it: nothing lies under the
    support. The same image gives the same plane.

    Raises StationError where the region has hardly any depth, or no plane holds
    ``min_inlier_share`` of the readings.
    """
    points = sample_points(depth_m, camera, roi or RegionOfInterest())
    noise = depth_noise_m(points[:, 2])
    normal, offset = _best_hypothesis(points, noise)
    scale = 1.0
    for _ in range(REFINEMENTS):
        inlier = np.abs(points @ normal + offset) < 3.0 * scale * noise
        if inlier.sum() < 3:
            break
        normal, offset = least_squares(points[inlier], noise[inlier])
        deviation = np.median(np.abs(points[inlier] @ normal + offset) / noise[inlier])
        scale = float(np.clip(1.4826 * deviation, 0.35, 1.5))
    distance = points @ normal + offset
    inlier = np.abs(distance) < 3.0 * scale * noise
    share = float(inlier.mean())
    if share < min_inlier_share:
        raise StationError(
            f"no plane in the depth image: the best one holds {share:.0%} of the readings, "
            f"{min_inlier_share:.0%} are needed: empty the station, or narrow the region of "
            "interest to the tray or belt"
        )
    rms = float(np.sqrt(np.mean(distance[inlier] ** 2)))
    return PlaneFit(Plane(normal, offset), rms, share)


def sample_points(
    depth_m: NDArray[np.float32],
    camera: CameraModel,
    roi: RegionOfInterest,
    samples: int = SAMPLES,
) -> NDArray[np.float64]:
    """(N, 3) points in metres of a regular grid over the region, about so many ``samples``.

    Raises StationError where the region has hardly any depth, or the sizes disagree.
    """
    if depth_m.shape != (camera.height, camera.width):
        raise StationError(
            f"depth image is {depth_m.shape[1]}x{depth_m.shape[0]}, camera is "
            f"{camera.width}x{camera.height}: use the camera_info of the depth image"
        )
    left, top, right, bottom = roi.pixels(camera.width, camera.height)
    stride = max(1, int(np.sqrt((right - left) * (bottom - top) / samples)))
    depth = depth_m[top:bottom:stride, left:right:stride]
    v, u = np.nonzero((depth > 0) & (depth < np.inf))
    if len(v) < max(30, 0.02 * depth.size):
        raise StationError(
            f"no plane in the depth image: {len(v) / depth.size:.1%} of the region of interest "
            "has a depth reading: check the depth topic, its range and the region of interest"
        )
    z = depth[v, u].astype(np.float64)
    x = (left + stride * u - camera.cx) / camera.fx * z
    y = (top + stride * v - camera.cy) / camera.fy * z
    return np.column_stack((x, y, z))


def _best_hypothesis(
    points: NDArray[np.float64], noise: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    random = np.random.default_rng(0)
    corners = points[random.integers(len(points), size=(HYPOTHESES, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    spread = lengths > 1e-9
    if not spread.any():
        raise StationError("no plane in the depth image: all readings lie on one line")
    normals = normals[spread] / lengths[spread, None]
    offsets = -np.einsum("ij,ij->i", normals, corners[spread, 0])
    turn = np.where(offsets < 0, -1.0, 1.0)
    normals *= turn[:, None]
    offsets *= turn
    # A support seen edge-on carries nothing that could be judged; a wall is such a plane.
    facing = -normals[:, 2] > LEAST_FACING
    if not facing.any():
        raise StationError("no plane in the depth image that faces the camera: look from above")
    normals, offsets = normals[facing], offsets[facing]
    chosen = random.permutation(len(points))[:SCORED]
    distance = normals.astype(np.float32) @ points[chosen].T.astype(np.float32)
    distance += offsets[:, None].astype(np.float32)
    tolerance = 3.0 * noise[chosen].astype(np.float32)
    on = (np.abs(distance) < tolerance).mean(axis=1)
    below = ((distance < -2.0 * tolerance) & (distance > -TALLEST_ITEM_M)).mean(axis=1)
    best = int(np.argmax(on - BELOW_PENALTY * below))
    return normals[best], float(offsets[best])


def least_squares(
    points: NDArray[np.float64], noise: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Normal (3,) and offset of the plane with the least squared distance to (N, 3) points, each
    weighted by its noise (N,), in metres."""
    weight = noise**-2.0
    centre = weight @ points / weight.sum()
    spread = (points - centre) * np.sqrt(weight)[:, None]
    normal = np.linalg.eigh(spread.T @ spread)[1][:, 0]
    offset = -float(normal @ centre)
    return (normal, offset) if offset > 0 else (-normal, -offset)
