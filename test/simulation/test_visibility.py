"""Only what a camera could see is labelled as damage."""

from dataclasses import replace

import numpy as np

from damage_perception.frame import CameraModel
from damage_perception.simulation.camera import Pose
from damage_perception.simulation.mesh import vector
from damage_perception.simulation.scene import Scene, sample_scene
from damage_perception.simulation.split import Split, generator
from damage_perception.simulation.visibility import damage_shows, render_labelled

CAMERA = CameraModel(160, 160, 160.0, 160.0, 79.5, 79.5)


def crushed_carton(severity: float = 0.8) -> Scene:
    rng = generator(Split.TRAIN, "scene", 5)
    return sample_scene(
        Split.TRAIN, rng, kind="crush", form="carton", severity=severity, azimuth=0.0
    )


def seen(scene: Scene) -> np.ndarray:
    rng = generator(Split.TRAIN, "render", 1)
    reach = float(np.linalg.norm(scene.size_m))
    pose = Pose.looking_at(vector(0, 0, 0.05), 1.3 * reach + 0.1, 0.3, 0.0, 0.0)
    return render_labelled(scene, CAMERA, pose, rng)


def test_what_changes_what_is_seen_is_labelled() -> None:
    rendering = seen(crushed_carton())
    assert damage_shows(rendering.kinds, rendering.items)


def test_labels_on_what_looks_as_before_are_dropped() -> None:
    scene = crushed_carton()
    labelled = np.count_nonzero(seen(scene).kinds)
    unchanged = seen(replace(scene, undamaged=scene.body))
    # Along outlines and creases a little differs because the twin is drawn at another size.
    assert np.count_nonzero(unchanged.kinds) < 0.1 * labelled


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
