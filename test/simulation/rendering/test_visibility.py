"""Only what a camera could see is labelled as damage."""

from dataclasses import replace

import cv2
import numpy as np

from damage_perception.frame import CameraModel
from damage_perception.simulation.rendering.camera import Pose
from damage_perception.simulation.rendering.mesh import vector
from damage_perception.simulation.rendering.sensor import Sensor
from damage_perception.simulation.rendering.visibility import Exposure, damage_shows, expose
from damage_perception.simulation.scene import Scene, sample_scene
from damage_perception.simulation.split import Split, generator

CAMERA = CameraModel(160, 160, 160.0, 160.0, 79.5, 79.5)


def crushed_carton(severity: float = 0.8) -> Scene:
    rng = generator(Split.TRAIN, "scene", 6)
    return sample_scene(
        Split.TRAIN, rng, kind="crush", form="carton", severity=severity, azimuth=0.0
    )


def sensor() -> Sensor:
    return Sensor.sample(Split.TRAIN, generator(Split.TRAIN, "sensor", 2)).steady()


def seen(scene: Scene, by: Sensor | None = None) -> Exposure:
    reach = float(np.linalg.norm(scene.size_m))
    pose = Pose.looking_at(vector(0, 0, 0.05), 1.3 * reach + 0.1, 0.3, 0.0, 0.0)
    taken, _ = expose(scene, CAMERA, pose, by or sensor(), generator(Split.TRAIN, "render", 1))
    return taken


def test_what_changes_what_is_seen_is_labelled() -> None:
    assert seen(crushed_carton()).damage_shows


def test_labels_on_what_looks_as_before_are_dropped() -> None:
    scene = crushed_carton()
    unchanged = seen(replace(scene, undamaged=scene.body))
    assert not unchanged.rendering.kinds.any()


def test_what_drowns_in_a_poor_sensor_is_not_labelled() -> None:
    scene = crushed_carton(severity=0.1)
    blind = replace(
        sensor(),
        color_scale=0.05,
        depth=replace(sensor().depth, noise_m=0.05),
    )
    sharp, dull = (np.count_nonzero(seen(scene, by).rendering.kinds) for by in (sensor(), blind))
    assert dull < 0.5 * sharp


def test_the_twin_is_taken_with_the_same_noise() -> None:
    scene = crushed_carton()
    reach = float(np.linalg.norm(scene.size_m))
    pose = Pose.looking_at(vector(0, 0, 0.05), 1.3 * reach + 0.1, 0.3, 0.0, 0.0)
    taken, twin = expose(scene, CAMERA, pose, sensor(), generator(Split.TRAIN, "render", 1))
    assert twin is not None
    far = ~cv2.dilate((taken.rendering.items == 1).view(np.uint8), np.ones((25, 25))).astype(bool)
    assert far.sum() > 500
    difference = np.abs(taken.frame.color.astype(int) - twin.frame.color)[far]
    assert np.median(difference) == 0
    assert not twin.rendering.kinds.any()


def test_the_pristine_scene_differs_by_the_damage_alone() -> None:
    scene = crushed_carton()
    pristine = scene.pristine()
    assert pristine.surroundings is scene.surroundings
    assert not any(patch.skin.kinds.any() for patch in pristine.body)
    assert any(patch.skin.kinds.any() for patch in scene.body)


def test_damage_too_small_to_see_does_not_count() -> None:
    items = np.ones((100, 100), np.uint8)
    kinds = np.zeros_like(items)
    kinds[:7, :7] = 1
    assert not damage_shows(kinds, items)
    kinds[:8, :8] = 1
    assert damage_shows(kinds, items)
