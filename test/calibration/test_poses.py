"""Transforms as matrices and as seven numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damage_perception.calibration.poses import (
    angle_deg,
    inverse,
    moved,
    pose_from,
    pose_of_values,
    pose_values,
)
from damage_perception.calibration.transform_tree import TransformTree

PART = st.floats(-np.pi, np.pi)
VECTOR = st.tuples(PART, PART, PART).map(np.array).filter(lambda v: np.linalg.norm(v) <= np.pi)


@given(VECTOR, VECTOR)
def test_seven_numbers_say_the_same_as_the_matrix(turn, shift):
    pose = pose_from(turn, shift)
    values = pose_values(pose)
    assert np.linalg.norm(values[3:]) == pytest.approx(1)
    assert values[6] >= -1e-9
    assert pose_of_values(values) == pytest.approx(pose, abs=1e-6)


@settings(deadline=None)
@given(VECTOR, VECTOR)
def test_the_detector_reads_them_as_the_same_transform(turn, shift):
    pytest.importorskip("rclpy", reason="the ROS client library is not installed")
    from damage_perception.ros.parameters.check import pose_of

    pose = pose_from(turn, shift)
    assert pose_of(pose_values(pose)) == pytest.approx(pose, abs=1e-6)


@given(VECTOR, VECTOR)
def test_the_way_back_leads_back(turn, shift):
    pose = pose_from(turn, shift)
    points = np.array([[0.1, 0.2, 0.3], [1, -1, 0]])
    assert moved(inverse(pose), moved(pose, points)) == pytest.approx(points, abs=1e-9)


def test_the_angle_is_that_between_two_directions():
    a = pose_from(np.radians([0, 0, 10]), np.zeros(3))
    b = pose_from(np.radians([0, 0, 40]), np.ones(3))
    assert angle_deg(a, b) == pytest.approx(30)


@pytest.mark.parametrize(
    "values",
    [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 1, 1, 0, 0],
        [np.nan, 0, 0, 0, 0, 0, 1],
        [0, 0, np.inf, 0, 0, 0, 1],
    ],
)
def test_what_is_no_transform_is_none(values):
    assert pose_of_values(values) is None


def test_a_tree_follows_its_branches_up_and_down():
    tree = TransformTree()
    half = np.sqrt(0.5)
    tree.add("world", "station", [1, 2, 3, 0, 0, 0, 1])
    tree.add("world", "mast", [1, 2, 4, 0, 0, half, half])
    tree.add("mast", "/camera_optical", [0.5, 0, 0, 1, 0, 0, 0])
    pose = tree.pose("station", "camera_optical")
    assert pose[:3, 3] == pytest.approx((0, 0.5, 1))
    # The camera looks down, and its x axis is the mast's.
    assert pose[:3, 2] == pytest.approx((0, 0, -1))
    assert pose[:3, 0] == pytest.approx((0, 1, 0))
    assert tree.pose("/camera_optical", "/station") == pytest.approx(inverse(pose))
    assert tree.pose("station", "station") == pytest.approx(np.eye(4))
    assert tree.frames == ("camera_optical", "mast", "station", "world")


def test_frames_that_nothing_connects_have_no_pose():
    tree = TransformTree()
    tree.add("a", "b", [0, 0, 0, 0, 0, 0, 1])
    tree.add("c", "d", [0, 0, 0, 0, 0, 0, 1])
    assert tree.pose("b", "d") is None
    assert tree.pose("b", "nobody") is None


def test_a_newer_transform_replaces_an_older_one_and_rubbish_does_not():
    tree = TransformTree()
    tree.add("a", "b", [1, 0, 0, 0, 0, 0, 1])
    tree.add("a", "b", [2, 0, 0, 0, 0, 0, 1])
    tree.add("a", "b", [3, 0, 0, 0, 0, 0, 0])
    assert tree.pose("a", "b")[:3, 3] == pytest.approx((2, 0, 0))


def test_a_circle_ends():
    tree = TransformTree()
    tree.add("a", "b", [1, 0, 0, 0, 0, 0, 1])
    tree.add("b", "a", [1, 0, 0, 0, 0, 0, 1])
    assert tree.pose("elsewhere", "a") is None
