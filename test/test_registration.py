"""Depth registered to colour: what another camera measured lies where colour shows it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from damage_perception.frame import CameraModel
from damage_perception.registration import DepthRegistration

DEPTH = CameraModel(212, 120, 107.0, 107.0, 105.5, 59.5)
COLOR = CameraModel(480, 270, 350.0, 350.0, 239.5, 134.5)


def moved(x=0.015, y=0.0, z=0.0, yaw=0.0):
    """Depth frame to colour frame: turned about y, then moved."""
    pose = np.eye(4)
    pose[0, 0] = pose[2, 2] = np.cos(yaw)
    pose[0, 2], pose[2, 0] = np.sin(yaw), -np.sin(yaw)
    pose[:3, 3] = x, y, z
    return pose


def plane_seen(camera, pose, normal, offset):
    """Depth of the plane n.p = offset, given in the colour frame, for a camera with that pose."""
    rotation, move = pose[:3, :3], pose[:3, 3]
    along = camera.rays @ (rotation.T @ normal)
    return ((offset - normal @ move) / along).astype(np.float32)


def test_a_camera_at_the_same_place_with_the_same_lens_sees_the_same():
    depth = np.random.default_rng(0).uniform(0.4, 0.9, (120, 212)).astype(np.float32)
    depth[50:60, 50:60] = 0
    assert np.array_equal(DepthRegistration(DEPTH, DEPTH, np.eye(4))(depth), depth)


@given(
    st.floats(-0.05, 0.05),
    st.floats(-0.03, 0.03),
    st.floats(-0.1, 0.1),
    st.floats(-0.3, 0.3),
    st.floats(-0.3, 0.3),
)
def test_a_plane_is_registered_to_where_colour_sees_it(x, y, yaw, slope_x, slope_y):
    pose = moved(x, y, 0.0, yaw)
    normal = np.array([slope_x, slope_y, 1.0])
    depth = plane_seen(DEPTH, pose, normal, 0.7)
    registered = DepthRegistration(DEPTH, COLOR, pose)(depth)
    truth = plane_seen(COLOR, np.eye(4), normal, 0.7)
    seen = registered > 0
    assert seen[100:170, 180:300].mean() > 0.999
    # Half a reading beside the place, on a slope.
    assert np.abs(registered - truth)[seen].max() < 0.01


def test_of_two_surfaces_in_one_line_of_sight_the_nearer_one_is_seen():
    depth = np.full((120, 212), 0.9, np.float32)
    depth[40:80, 80:130] = 0.5
    registered = DepthRegistration(DEPTH, COLOR, moved(0.05))(depth)
    near = registered[(registered > 0) & (registered < 0.7)]
    # 0.5 m away, the box is as large in colour as its readings say: 50 x 40 of 107 px focal length.
    assert near.size == pytest.approx(50 * 40 * (350 / 107) ** 2, rel=0.1)
    shown = np.argwhere(registered == np.float32(0.5))
    assert shown[:, 1].mean() == pytest.approx((104.5 - 105.5) / 107 * 350 + 35 + 239.5, abs=2)


def test_what_colour_alone_sees_has_no_depth():
    registered = DepthRegistration(DEPTH, COLOR, moved(0.2))(np.full((120, 212), 0.6, np.float32))
    assert (registered == 0).any() and registered.shape == (270, 480)


def test_what_lies_behind_the_colour_camera_is_not_seen():
    registered = DepthRegistration(DEPTH, COLOR, moved(z=-0.5))(
        np.full((120, 212), 0.4, np.float32)
    )
    assert not registered.any()


def test_an_image_of_another_size_is_an_error():
    with pytest.raises(ValueError, match="camera_info says 212x120"):
        DepthRegistration(DEPTH, COLOR, np.eye(4))(np.zeros((10, 10), np.float32))


def test_depth_that_is_far_coarser_than_colour_is_an_error():
    coarse = CameraModel(212, 120, 0.03, 0.03, 105.5, 59.5)
    with pytest.raises(ValueError, match="check both camera_info"):
        DepthRegistration(coarse, COLOR, np.eye(4))
