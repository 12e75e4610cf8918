"""Regions are measured: how deep, how large, how much of the item."""

import numpy as np
import pytest

from damage_perception.frame import CameraModel, Frame
from damage_perception.kinds import CRUSH, KINDS
from damage_perception.station import Item
from damage_perception.verdict.geometry import ViewGeometry
from damage_perception.verdict.regions import find_regions
from damage_perception.view import Window

CAMERA = CameraModel(320, 240, 260.0, 260.0, 159.5, 119.5)
FACE = (slice(60, 180), slice(90, 230))
REGION = (slice(100, 140), slice(140, 180))


def face(tilt=0.0, noise_m=0.0, distance_m=0.7):
    """(H, W) depth of a face that leans by ``tilt`` to the right, before nothing."""
    rays_x = CAMERA.rays[..., 0]
    depth = np.zeros((240, 320), np.float32)
    depth[FACE] = (distance_m / (1 - tilt * rays_x))[FACE]
    rng = np.random.default_rng(0)
    depth[FACE] += rng.normal(0, noise_m, depth[FACE].shape).astype(np.float32)
    return depth


def regions_of(depth, item=FACE, region=REGION):
    mask = np.zeros((240, 320), bool)
    mask[item] = True
    rows, columns = np.nonzero(mask)
    box = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
    shown = Item(mask, tuple(int(v) for v in box), None, 1.0, False)
    frame = Frame(np.zeros((240, 320, 3), np.uint8), depth, CAMERA)
    view = ViewGeometry.of(frame, shown, Window.around(shown))
    damage = np.zeros((240, 320), np.float32)
    damage[region] = 1.0
    maps = np.zeros((len(KINDS), view.window.side, view.window.side), np.float32)
    maps[KINDS.index(CRUSH)] = view.window.cut(damage, 0)
    return find_regions(maps, view)


def dented(depth, metres):
    """The same with a square dent, as deep along the line of sight."""
    out = depth.copy()
    out[105:135, 145:175] += metres
    return out


@pytest.mark.parametrize("noise_m", [0.0, 0.0015])
def test_a_dent_is_as_deep_as_it_is(noise_m):
    (region,) = regions_of(dented(face(noise_m=noise_m), 0.012))
    assert region.depth_m == pytest.approx(0.012, abs=0.002)
    (whole,) = regions_of(face(noise_m=noise_m))
    assert whole.depth_m == pytest.approx(0.0, abs=0.002 + noise_m)


def test_depth_is_square_to_the_face_and_not_along_the_line_of_sight():
    tilt = 1.0
    (region,) = regions_of(dented(face(tilt), 0.02))
    assert region.depth_m == pytest.approx(0.02 * np.cos(np.arctan(tilt)), abs=0.003)


def test_what_stands_out_is_no_dent():
    (region,) = regions_of(dented(face(), -0.02))
    assert region.depth_m == 0.0


def test_at_an_edge_the_face_beside_it_is_no_dent():
    depth = face()
    # From column 160 on the surface falls away, as the side of a box does.
    depth[:, 160:230] += (np.arange(70, dtype=np.float32) * 0.004)[None] * (depth[:, 160:230] > 0)
    (whole,) = regions_of(depth)
    assert whole.depth_m < 0.004
    (region,) = regions_of(dented(depth, 0.03))
    assert region.depth_m > 0.015


def test_area_and_share_are_of_the_whole_region_though_depth_has_holes():
    (region,) = regions_of(face())
    pixel_m = 0.7 / 260
    assert region.area_m2 == pytest.approx(40 * 40 * pixel_m**2, rel=0.05)
    assert region.item_share == pytest.approx(40 * 40 / (120 * 140), rel=0.05)
    holes = face()
    holes[REGION][::2] = 0
    (pierced,) = regions_of(holes)
    assert pierced.area_m2 == pytest.approx(region.area_m2, rel=0.05)
    assert pierced.depth_m == pytest.approx(0.0, abs=0.002)


def test_without_depth_only_the_share_is_known():
    (region,) = regions_of(None)
    assert np.isnan(region.depth_m) and np.isnan(region.extent.area_cm2)
    assert region.item_share == pytest.approx(0.095, abs=0.01)


def test_where_the_item_has_no_faces_no_depth_is_told():
    rng = np.random.default_rng(1)
    crumpled = face() + rng.uniform(0, 0.3, (240, 320)).astype(np.float32) * (face() > 0)
    (region,) = regions_of(crumpled)
    assert np.isnan(region.depth_m)
