from dataclasses import replace

import numpy as np
import pytest

from damage_perception.frame import CameraModel
from damage_perception.simulation.rendering.mesh import vector
from damage_perception.simulation.rendering.render import Rendering
from damage_perception.simulation.rendering.sensor import DEPTH_MODELS, Sensor
from damage_perception.simulation.split import Split, families, generator

CAMERA = CameraModel(96, 80, 400.0, 400.0, 47.5, 39.5)


def step() -> Rendering:
    """A block 0.2 m high on a floor 1 m away."""
    shape = (CAMERA.height, CAMERA.width)
    depth = np.full(shape, 1.0, np.float32)
    depth[20:60, 30:70] = 0.8
    depth[0, 0] = 0
    return Rendering(
        np.full((*shape, 3), 0.3, np.float32),
        depth,
        np.zeros(shape, np.uint8),
        (depth < 0.9).astype(np.uint8),
        np.ones(shape, np.float32),
        np.zeros(shape, np.float32),
        CAMERA,
        vector(0, 0, -1),
        1.0,
    )


def sensor(name: str) -> Sensor:
    for seed in range(200):
        for split in (Split.TRAIN, Split.TEST):
            drawn = Sensor.sample(split, generator(split, "sensor", seed))
            if drawn.name == name:
                return replace(drawn, depth_scale=1.0, shift_px=(0.0, 0.0))
    raise AssertionError(name)


@pytest.mark.parametrize("name", DEPTH_MODELS)
def test_depth_is_near_the_truth_and_holes_are_zero(name: str) -> None:
    rendering = step()
    depth = sensor(name).apply(rendering, generator(Split.TRAIN, "noise", 1)).depth_m
    assert depth is not None
    assert np.isfinite(depth).all()
    assert depth.min() == 0
    inner = depth[30:50, 40:60]
    assert abs(np.median(inner[inner > 0]) - 0.8) < 0.01
    assert ((depth == 0) | ((depth > 0.7) & (depth < 1.1))).all()


def test_a_baseline_leaves_a_shadow_beside_near_edges() -> None:
    depth = sensor("structured_light_mid").apply(step(), generator(Split.TRAIN, "noise", 1)).depth_m
    assert depth is not None
    beside, above = depth[30:50, 22:38], depth[8:14, 40:60]
    assert (beside == 0).mean() > (above == 0).mean() + 0.05


def test_noise_grows_with_distance() -> None:
    rendering = step()
    chosen = sensor("stereo_active")
    near = rendering.depth_true_m * np.float32(0.5)
    rng = generator(Split.TRAIN, "noise", 2)
    spreads = []
    for depth in (near, rendering.depth_true_m * np.float32(1.5)):
        flat = np.full_like(depth, depth[5, 5])
        moved = Rendering(**{**vars(rendering), "depth_true_m": flat})
        measured = chosen.apply(moved, rng).depth_m
        assert measured is not None
        spreads.append(measured[measured > 0].std())
    assert spreads[1] > 3 * spreads[0]


def test_a_sensor_without_depth_says_so() -> None:
    frame = sensor("tof").apply(step(), generator(Split.TRAIN, "noise", 1), with_depth=False)
    assert frame.depth_m is None


def test_every_family_of_sensors_has_a_model() -> None:
    names = {*families(Split.TRAIN, "sensor"), *families(Split.TEST, "sensor")}
    assert names == set(DEPTH_MODELS)
