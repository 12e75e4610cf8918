"""Labelled pictures of single items: tight windows for a network, whole images for a data set."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel, Frame
from damage_perception.kinds import NONE
from damage_perception.simulation.packaging.product import Product
from damage_perception.simulation.rendering.camera import Pose, sample_camera, sample_pose
from damage_perception.simulation.rendering.mesh import Array
from damage_perception.simulation.rendering.render import Rendering
from damage_perception.simulation.rendering.sensor import Sensor
from damage_perception.simulation.rendering.visibility import Exposure, expose
from damage_perception.simulation.scene import Scene, Truth, sample_scene
from damage_perception.simulation.split import Split, generator

_ATTEMPTS = 200
# A target of which less shows, behind or under its neighbours, is not what a cell asks about.
_LEAST_SHOWN = 0.45


@dataclass(frozen=True)
class LabelledView:
    """A frame with one target item, with what is true of it.

    kinds and items (H, W) uint8 as in `Rendering`; normal (3,) and offset_m are the ground's plane
    in the optical frame: height of a point is normal . point + offset_m. surface_m (H, W, 3) is
    where on the product each pixel of the item lies, in axes that all pieces of it share; NaN
    elsewhere. depth_true_m (H, W) is the depth image without any fault of the sensor. twin is the
    view of the same scene without the damage; None where there is none.
    """

    frame: Frame
    kinds: NDArray[np.uint8]
    items: NDArray[np.uint8]
    truth: Truth
    normal: Array
    offset_m: float
    sensor: str
    surface_m: Array
    depth_true_m: Array
    twin: LabelledView | None = None


def sample_view(
    split: Split,
    seed: int,
    size: int = 288,
    *,
    damaged: bool | None = None,
    kind: str | None = None,
    form: str | None = None,
    decoy: bool | None = None,
    product: Product | None = None,
    depthless_share: float = 0.0,
) -> LabelledView:
    """Draw a tight view of ``size`` x ``size`` pixels; the same arguments give the same view.

    Only the rays of the window around the item are cast. Half of the views are damaged where
    neither ``damaged`` nor ``kind`` is given. ``depthless_share`` of the frames have no depth.
    """
    rng = generator(split, "view", seed)
    if damaged is None and kind is None:
        damaged = bool(rng.random() < 0.5)
    return _picture(
        split,
        rng,
        None,
        size,
        depthless_share,
        damaged=damaged,
        kind=kind,
        form=form,
        decoy=decoy,
        product=product,
    )


def sample_image(
    split: Split,
    rng: np.random.Generator,
    camera: CameraModel,
    *,
    product: Product,
    damaged: bool,
    kind: str | None = None,
    fill_px: float | None = None,
) -> LabelledView:
    """Draw a whole image of a product by a camera from a pose that is drawn, too.

    fill_px  the item's longer side in the image, about; None: as the distance that is drawn has it
    """
    return _picture(
        split,
        rng,
        camera,
        None,
        0.0,
        fill_px=fill_px,
        product=product,
        damaged=damaged,
        kind=kind,
    )


def _picture(
    split: Split,
    rng: np.random.Generator,
    camera: CameraModel | None,
    size: int | None,
    depthless_share: float,
    *,
    fill_px: float | None = None,
    damaged: bool | None = None,
    kind: str | None = None,
    form: str | None = None,
    decoy: bool | None = None,
    product: Product | None = None,
) -> LabelledView:
    """Draw scenes until the damage, where there is one, can be seen."""
    for _ in range(_ATTEMPTS):
        azimuth = float(rng.uniform(0, 2 * np.pi))
        scene = sample_scene(
            split,
            rng,
            damaged=damaged,
            kind=kind,
            form=form,
            decoy=decoy,
            product=product,
            azimuth=azimuth,
        )
        whole = camera or sample_camera(rng)
        pose = sample_pose(rng, whole, scene.size_m, azimuth)
        if fill_px is not None:
            pose = pose.framing(scene.outline_m(), whole, fill_px)
        seen = whole if size is None else _window(scene, whole, pose, rng, size)
        sensor = Sensor.sample(split, rng)
        with_depth = bool(rng.random() >= depthless_share)
        taken, pristine = expose(scene, seen, pose, sensor, rng, with_depth=with_depth)
        hidden = _shown_share(scene, pose, taken.rendering) < _LEAST_SHOWN
        if not hidden and scene.truth.damaged == taken.damage_shows:
            break
    else:
        raise RuntimeError(f"hidden, or no visible damage, in {_ATTEMPTS} scenes of {scene.truth}")
    view = _labelled(taken, scene, pose, scene.truth, sensor.name)
    if pristine is None:
        return view
    undamaged = replace(scene.truth, kind=NONE, severity=0.0)
    return replace(view, twin=_labelled(pristine, scene, pose, undamaged, sensor.name))


def _shown_share(scene: Scene, pose: Pose, rendering: Rendering) -> float:
    """How much of the target's hull, within the image, nothing else hides."""
    corners = pose.project(scene.outline_m(), rendering.camera)
    hull = np.zeros(rendering.items.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.round(corners).astype(np.int32)), 1)
    return float((rendering.items == 1).sum() / max(1, hull.sum()))


def _labelled(taken: Exposure, scene: Scene, pose: Pose, truth: Truth, sensor: str) -> LabelledView:
    drawn = taken.rendering
    surface = np.full((*drawn.items.shape, 3), np.nan, np.float32)
    shown = drawn.items == 1
    points = drawn.camera.rays[shown] * drawn.depth_true_m[shown][:, None]
    surface[shown] = scene.on_target(points @ pose.rotation + pose.position_m)
    return LabelledView(
        taken.frame,
        drawn.kinds,
        drawn.items,
        truth,
        drawn.normal,
        drawn.offset_m,
        sensor,
        surface,
        drawn.depth_true_m,
    )


def _window(
    scene: Scene, camera: CameraModel, pose: Pose, rng: np.random.Generator, size: int
) -> CameraModel:
    """The window of a camera around the target: its bounding square, wider by about a half."""
    pixels = pose.project(scene.outline_m(), camera)
    low, high = pixels.min(0), pixels.max(0)
    side = float((high - low).max()) * float(rng.uniform(1.25, 1.75))
    centre = (low + high) / 2 + rng.normal(0, 0.04, 2) * side
    if rng.random() < 0.04:
        centre = centre + rng.uniform(-0.3, 0.3, 2) * side
    corner = centre - side / 2
    return camera.window(float(corner[0]), float(corner[1]), side, side, size)
