"""What of a damage a camera could see: where the scene differs from that of the pristine piece.

A crease that changes neither colour nor depth by more than a sensor's noise is no example of
damage: a network that is told it is one learns to call good items damaged.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel
from damage_perception.simulation.camera import Pose
from damage_perception.simulation.mesh import Array
from damage_perception.simulation.render import Rendering
from damage_perception.simulation.scene import Scene

# Least damage that counts: as a share of the item's pixels, and in pixels.
LEAST_SHARE: Final = 0.005
LEAST_PIXELS: Final = 40
# Differences that count: of a display's full scale, and of depth.
_COLOR_STEP: Final = 0.07
_DEPTH_STEP_M: Final = 0.004
_REDUCTION: Final = 2


def render_labelled(
    scene: Scene, camera: CameraModel, pose: Pose, rng: np.random.Generator
) -> Rendering:
    """The scene as a perfect camera sees it, labelled only where its damage can be seen."""
    rendering = scene.render(camera, pose, rng)
    if not rendering.kinds.any():
        return rendering
    scale = 1 / _REDUCTION
    small = CameraModel(
        max(1, camera.width // _REDUCTION),
        max(1, camera.height // _REDUCTION),
        camera.fx * scale,
        camera.fy * scale,
        (camera.cx + 0.5) * scale - 0.5,
        (camera.cy + 0.5) * scale - 0.5,
    )
    changed = _changed(rendering, scene.pristine().render(small, pose, rng))
    return replace(rendering, kinds=np.where(changed, rendering.kinds, np.uint8(0)))


def damage_shows(kinds: NDArray[np.uint8], items: NDArray[np.uint8]) -> bool:
    """Whether labelled pixels make up enough of the target to call it damaged."""
    labelled = int(np.count_nonzero(kinds))
    return labelled >= max(LEAST_PIXELS, LEAST_SHARE * np.count_nonzero(items == 1))


def _changed(damaged: Rendering, pristine: Rendering) -> NDArray[np.bool_]:
    """(H, W) where, or right beside where, colour or depth differ enough."""
    height, width = pristine.items.shape
    level = float(np.percentile(damaged.radiance, 95)) + 1e-6

    def displayed(radiance: Array) -> Array:
        toned = np.clip(radiance / level * 0.85, 0, 1) ** (1 / 2.2)
        return cv2.blur(cv2.resize(toned, (width, height), interpolation=cv2.INTER_AREA), (3, 3))

    tint = np.abs(displayed(damaged.radiance) - displayed(pristine.radiance)).max(axis=-1)
    # Beyond what one small pixel covers: an outline, or a steep face, is no step.
    rows, columns = (slice(0, _REDUCTION * side) for side in (height, width))
    depth = damaged.depth_true_m[rows, columns].reshape(height, _REDUCTION, width, _REDUCTION)
    nearest, farthest = depth.min(axis=(1, 3)), depth.max(axis=(1, 3))
    step = np.maximum(nearest - pristine.depth_true_m, pristine.depth_true_m - farthest)
    differs = ((tint > _COLOR_STEP) | (step > _DEPTH_STEP_M)).astype(np.uint8)
    wide = cv2.dilate(differs, np.ones((3, 3), np.uint8))
    full = damaged.items.shape[::-1]
    return cv2.resize(wide, full, interpolation=cv2.INTER_NEAREST).astype(np.bool_)
