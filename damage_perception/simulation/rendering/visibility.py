"""What of a damage a camera shows: where its image differs from that of the pristine twin.

A crease that drowns in a sensor's blur and noise is no example of damage: a network that is told
it is one learns to call good items damaged. So the same camera, with the same noise, also takes
the scene as it was before the damage.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel, Frame
from damage_perception.simulation.rendering.camera import Pose
from damage_perception.simulation.rendering.render import Rendering
from damage_perception.simulation.rendering.sensor import Sensor
from damage_perception.simulation.scene import Scene

# Least damage that counts: as a share of the item's pixels, and in pixels.
LEAST_SHARE: Final = 0.005
LEAST_PIXELS: Final = 40
# Differences that count: of colour's full scale; of depth, in metres and in standard deviations.
_COLOR_STEP: Final = 0.07
_DEPTH_STEP_M: Final = 0.004
_DEPTH_DEVIATIONS: Final = 2.0


@dataclass(frozen=True)
class Exposure:
    """A scene as one camera sees it: the rendering, labelled where damage shows, and the frame."""

    rendering: Rendering
    frame: Frame

    @property
    def damage_shows(self) -> bool:
        """Whether labelled pixels make up enough of the target to call it damaged."""
        return damage_shows(self.rendering.kinds, self.rendering.items)


def expose(
    scene: Scene,
    camera: CameraModel,
    pose: Pose,
    sensor: Sensor,
    rng: np.random.Generator,
    *,
    with_depth: bool = True,
    metered: float | None = None,
) -> tuple[Exposure, Exposure | None]:
    """What a camera takes of a scene, and of its pristine twin; None where there is no damage.

    metered  mean radiance the exposure was set for; by default that of the pristine scene
    """
    seeds = rng.integers(2**63, size=2)

    def take(shown: Scene, level: float | None) -> tuple[Rendering, Frame, float]:
        # The same noise in both, so that only the damage makes a difference.
        rendering = shown.render(camera, pose, np.random.default_rng(seeds[0]))
        level = float(rendering.radiance.mean()) if level is None else level
        noise = np.random.default_rng(seeds[1])
        frame = sensor.apply(rendering, noise, with_depth=with_depth, metered=level)
        return rendering, frame, level

    if not scene.truth.damaged:
        rendering, frame, _ = take(scene, metered)
        return Exposure(rendering, frame), None
    pristine, pristine_frame, level = take(scene.pristine(), metered)
    rendering, frame, _ = take(scene, level)
    shown = _differs(frame, pristine_frame, sensor)
    labelled = replace(rendering, kinds=np.where(shown, rendering.kinds, np.uint8(0)))
    return Exposure(labelled, frame), Exposure(pristine, pristine_frame)


def damage_shows(kinds: NDArray[np.uint8], items: NDArray[np.uint8]) -> bool:
    """Whether labelled pixels make up enough of the target to call it damaged.

    kinds and items  (H, W) uint8 as in `Rendering`
    """
    labelled = int(np.count_nonzero(kinds))
    return labelled >= max(LEAST_PIXELS, LEAST_SHARE * np.count_nonzero(items == 1))


def _differs(frame: Frame, pristine: Frame, sensor: Sensor) -> NDArray[np.bool_]:
    """(H, W) where, or right beside where, colour or depth differ enough."""
    tint = cv2.blur(cv2.absdiff(frame.color, pristine.color).max(axis=-1), (3, 3))
    differs = tint > 255 * _COLOR_STEP
    if frame.depth_m is not None and pristine.depth_m is not None:
        before, after = pristine.depth_m, frame.depth_m
        step = cv2.blur(np.where((before > 0) & (after > 0), np.abs(after - before), 0), (3, 3))
        differs |= step > np.maximum(_DEPTH_STEP_M, _DEPTH_DEVIATIONS * sensor.noise_m(before))
    # A line one pixel wide is an outline that moved.
    square = np.ones((3, 3), np.uint8)
    solid = cv2.morphologyEx(differs.view(np.uint8), cv2.MORPH_OPEN, square)
    return np.asarray(cv2.dilate(solid, square), np.uint8).astype(np.bool_)
