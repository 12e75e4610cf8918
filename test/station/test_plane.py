"""A plane measures heights, and is found under items, noise and outliers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workplace import Workplace, tilted_plane

from damage_perception.frame import CameraModel
from damage_perception.station import Plane, RegionOfInterest, StationError, fit_plane

CAMERA = CameraModel(160, 120, 130.0, 131.0, 79.0, 60.5)
tilts = st.floats(0, 45)
turns = st.floats(0, 360)
heights = st.floats(0.4, 1.5)


def plane_of(tilt_deg: float, turn_deg: float, offset_m: float) -> Plane:
    tilt, turn = np.deg2rad([tilt_deg, turn_deg])
    sideways = np.sin(tilt)
    normal = np.array([sideways * np.cos(turn), sideways * np.sin(turn), -np.cos(tilt)])
    return Plane(normal, offset_m)


def depth_of(plane: Plane) -> np.ndarray:
    depth = -plane.offset_m / (CAMERA.rays.astype(np.float64) @ plane.normal)
    return np.where((depth > 0) & (depth < 5), depth, 0).astype(np.float32)


def angle_deg(one: Plane, other: Plane) -> float:
    return float(np.rad2deg(np.arccos(np.clip(one.normal @ other.normal, -1, 1))))


@given(tilts, turns, heights)
def test_the_plane_itself_has_height_zero(tilt, turn, offset):
    plane = plane_of(tilt, turn, offset)
    depth = depth_of(plane)
    height = plane.height(depth, CAMERA)
    assert height.dtype == np.float32
    assert np.abs(height[depth > 0]).max() < 1e-4


@given(tilts, turns, heights, st.floats(0.2, 0.9))
def test_height_is_the_distance_of_the_point_from_the_plane(tilt, turn, offset, share):
    plane = plane_of(tilt, turn, offset)
    depth = depth_of(plane) * np.float32(share)
    points = CAMERA.rays.astype(np.float64) * depth[..., None]
    expected = points @ plane.normal + plane.offset_m
    height = plane.height(depth, CAMERA)
    assert np.allclose(height[depth > 0], expected[depth > 0], atol=1e-4)


def test_height_is_nan_exactly_where_there_is_no_reading():
    plane = plane_of(20, 30, 0.8)
    depth = depth_of(plane)
    depth[10:20, 30:50] = 0
    assert np.array_equal(np.isnan(plane.height(depth, CAMERA)), depth == 0)


@pytest.mark.parametrize(
    ("normal", "offset", "cause"),
    [
        ([0, 0, -2], 0.5, "unit vector"),
        ([0, 0], 0.5, "three finite numbers"),
        ([0, 0, np.nan], 0.5, "three finite numbers"),
        ([0, 0, -1], -0.5, "positive"),
        ([0, 0, -1], np.inf, "positive"),
    ],
)
def test_an_impossible_plane_is_refused_with_its_cause(normal, offset, cause):
    with pytest.raises(StationError, match=cause):
        Plane(np.array(normal), offset)


@settings(deadline=None, max_examples=60)
@given(tilts, turns, heights, st.floats(0, 0.45), st.integers(0, 2**31))
def test_a_plane_is_recovered_under_noise_and_outliers(tilt, turn, offset, outliers, seed):
    plane = plane_of(tilt, turn, offset)
    depth = depth_of(plane)
    random = np.random.default_rng(seed)
    depth += (0.001 * depth**2 * random.standard_normal(depth.shape)).astype(np.float32)
    wild = (random.random(depth.shape) < outliers) & (depth > 0)
    depth[wild] *= random.uniform(0.3, 1.3, np.count_nonzero(wild)).astype(np.float32)
    fit = fit_plane(depth, CAMERA)
    assert angle_deg(fit.plane, plane) < 0.5
    assert abs(fit.plane.offset_m - offset) < 0.003 * max(1.0, offset)
    assert fit.rms_error_m < 0.003 * max(1.0, float(depth.max()) ** 2)


@pytest.mark.parametrize("tilt", [0.0, 35.0])
def test_the_support_is_found_under_large_items(tilt):
    workplace = Workplace(plane=tilted_plane(tilt, 0.8))
    workplace.add(0.0, 0.0, (0.45, 0.4, 0.1))
    workplace.add(0.35, 0.1, (0.1, 0.1, 0.25))
    frame, shown = workplace.render(noise=0.0015)
    assert (shown > 0).mean() > 0.2
    fit = fit_plane(frame.depth_m, frame.camera)
    assert angle_deg(fit.plane, workplace.plane) < 0.3
    assert abs(fit.plane.offset_m - workplace.plane.offset_m) < 0.002
    assert fit.inlier_share == pytest.approx((shown == 0).mean(), abs=0.05)


def test_only_the_region_of_interest_is_fitted():
    near, far = plane_of(0, 0, 0.5), plane_of(0, 0, 0.9)
    depth = depth_of(far)
    depth[:, :60] = depth_of(near)[:, :60]
    fit = fit_plane(depth, CAMERA, RegionOfInterest(0.0, 0.0, 0.35, 1.0))
    assert fit.plane.offset_m == pytest.approx(0.5, abs=1e-3)


def test_the_same_image_gives_the_same_plane():
    depth = Workplace().render(noise=0.002)[0].depth_m
    one, other = (fit_plane(depth, Workplace().camera) for _ in range(2))
    assert np.array_equal(one.plane.normal, other.plane.normal)


def test_readings_that_are_not_finite_do_not_count():
    depth = depth_of(plane_of(10, 0, 0.7))
    depth[::3] = np.nan
    depth[1::3] = np.inf
    assert fit_plane(depth, CAMERA).plane.offset_m == pytest.approx(0.7, abs=1e-3)


def test_without_depth_there_is_no_plane():
    with pytest.raises(StationError, match="depth reading"):
        fit_plane(np.zeros((120, 160), np.float32), CAMERA)


def test_a_cloud_is_no_plane():
    depth = np.random.default_rng(1).uniform(0.3, 3.0, (120, 160)).astype(np.float32)
    with pytest.raises(StationError, match="no plane"):
        fit_plane(depth, CAMERA)


def test_depth_of_another_size_than_the_camera_is_refused():
    with pytest.raises(StationError, match="camera_info"):
        fit_plane(np.ones((100, 160), np.float32), CAMERA)
