"""A camera or a station that moved is noticed, measured, and what it shows is still found."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workplace import Workplace, tilted_plane

from damage_perception.frame import CameraModel
from damage_perception.station import RegionOfInterest, Station, SupportWatch

NOISE = 0.002
CALIBRATED = tilted_plane(20.0, 0.7)
STATION = Station(plane=CALIBRATED)


def frame_of(plane, boxes=((0.0, 0.0, (0.2, 0.15, 0.1)), (0.2, 0.05, (0.1, 0.1, 0.02))), seed=0):
    workplace = Workplace(plane=plane)
    for box in boxes:
        workplace.add(*box)
    return workplace.render(noise=NOISE, seed=seed)[0]


def test_a_support_that_stays_is_where_it_was():
    support = SupportWatch().find(frame_of(CALIBRATED), STATION)
    assert not support.problem
    assert abs(support.offset_m) < 0.0005 and support.tilt_deg < 0.1
    assert support.seen > 0.8


@given(
    offset_mm=st.floats(-60, 60).filter(lambda mm: abs(mm) > 10),
    seed=st.integers(0, 5),
)
@settings(max_examples=20, deadline=None)
def test_a_camera_that_is_nearer_or_farther_is_noticed_by_how_much(offset_mm, seed):
    moved = tilted_plane(20.0, 0.7 - offset_mm / 1000)
    frame = frame_of(moved, seed=seed)
    support = SupportWatch().find(frame, STATION)
    assert 1000 * support.offset_m == pytest.approx(offset_mm, abs=0.5)
    way = "nearer to" if offset_mm > 0 else "farther from"
    assert f"{abs(1000 * support.offset_m):.0f} mm {way} the camera" in support.problem
    # The items on it are found all the same, each to be answered.
    assert len(STATION.locate(frame, support.plane)) == 2


@pytest.mark.parametrize("tilt_deg", [16.0, 18.0, 22.0, 25.0, 45.0, 60.0])
def test_a_tilt_is_noticed_by_how_much(tilt_deg):
    support = SupportWatch().find(frame_of(tilted_plane(tilt_deg, 0.7)), STATION)
    assert support.problem
    assert support.tilt_deg == pytest.approx(abs(tilt_deg - 20.0), abs=0.1)


def test_a_small_drift_is_followed_from_frame_to_frame():
    watch = SupportWatch()
    for step in range(8):
        moved = tilted_plane(20.0, 0.7 + step / 1000)
        support = watch.find(frame_of(moved, seed=step), STATION)
        assert not support.problem
        assert support.plane.offset_m == pytest.approx(0.7 + step / 1000, abs=0.0005)
    assert watch.find(frame_of(tilted_plane(20.0, 0.7095)), STATION).problem


def test_what_is_followed_does_not_walk_away_from_the_calibration():
    watch = SupportWatch()
    problems = [
        watch.find(frame_of(tilted_plane(20.0, 0.7 + step / 500)), STATION).problem
        for step in range(10)
    ]
    assert not any(problems[:4]) and all(problems[5:])


def test_a_station_that_comes_back_is_calibrated_again():
    watch = SupportWatch()
    for offset_m, good in ((0.7, True), (0.66, False), (0.7, True), (0.75, False), (0.7, True)):
        support = watch.find(frame_of(tilted_plane(20.0, offset_m)), STATION)
        assert (not support.problem) is good


@pytest.mark.parametrize(
    "box",
    [
        (0.0, 0.0, (0.5, 0.36, 0.008)),
        (0.0, 0.0, (0.5, 0.36, 0.02)),
        (0.0, 0.0, (0.45, 0.3, 0.2)),
    ],
)
def test_a_large_item_is_no_station_that_moved(box):
    support = SupportWatch().find(frame_of(CALIBRATED, [box]), STATION)
    assert not support.problem and abs(support.offset_m) < 0.001


def test_thin_items_do_not_hide_a_support_that_sank_below_them():
    # Their upper faces are where the support was.
    boxes = [(0.12 * i - 0.18, 0.0, (0.1, 0.2, 0.02)) for i in range(4)]
    support = SupportWatch().find(frame_of(tilted_plane(20.0, 0.72), boxes), STATION)
    assert "20 mm farther from" in support.problem


def test_a_large_item_on_a_tray_beside_which_the_floor_is_seen_is_no_station_that_moved():
    frame = frame_of(CALIBRATED, [(0.0, 0.0, (0.42, 0.32, 0.1))])
    depth = frame.depth_m.copy()
    floor = frame_of(tilted_plane(20.0, 0.85), []).depth_m
    depth[:, :120], depth[:, -60:] = floor[:, :120], floor[:, -60:]
    beside = replace(frame, depth_m=depth)
    support = SupportWatch().find(beside, STATION)
    assert not support.problem and abs(support.offset_m) < 0.001
    assert len(STATION.locate(beside, support.plane)) == 1


def test_other_intrinsics_than_those_of_the_calibration_are_noticed():
    frame = frame_of(CALIBRATED)
    station = replace(STATION, camera=frame.camera)
    assert not SupportWatch().find(frame, station).problem
    doubled = replace(frame.camera, fx=2 * frame.camera.fx)
    problem = SupportWatch().find(replace(frame, camera=doubled), station).problem
    assert problem.startswith("camera_info has fx=1050") and "525" in problem


def test_without_those_of_the_calibration_the_first_intrinsics_count():
    frame, watch = frame_of(CALIBRATED), SupportWatch()
    assert not watch.find(frame, STATION).problem
    shifted = replace(frame.camera, cx=frame.camera.cx + 20)
    assert "cx" in watch.find(replace(frame, camera=shifted), STATION).problem


def test_another_resolution_of_the_same_camera_is_no_other_camera():
    frame = frame_of(CALIBRATED)
    half = CameraModel(320, 240, 262.5, 262.5, 159.5, 119.5)
    small = replace(
        frame, color=frame.color[::2, ::2], depth_m=frame.depth_m[::2, ::2], camera=half
    )
    assert not SupportWatch().find(small, replace(STATION, camera=frame.camera)).problem


def test_without_depth_nothing_is_said():
    frame = frame_of(CALIBRATED)
    for depth in (None, np.zeros_like(frame.depth_m)):
        support = SupportWatch().find(replace(frame, depth_m=depth), STATION)
        assert support.plane is CALIBRATED and not support.problem


def test_a_station_that_was_never_calibrated_is_fitted_and_not_watched():
    support = SupportWatch().find(frame_of(tilted_plane(30.0, 0.6)), Station())
    assert support.plane.offset_m == pytest.approx(0.6, abs=0.002)
    assert not support.problem and np.isnan(support.offset_m)


def test_the_region_of_interest_is_what_is_watched():
    frame = frame_of(CALIBRATED, [])
    depth = frame.depth_m.copy()
    # A floor beside the table, seen in half of the image.
    depth[:, 320:] += 0.1
    beside = replace(frame, depth_m=depth)
    left = replace(STATION, roi=RegionOfInterest(0.0, 0.0, 0.5, 1.0))
    assert not SupportWatch().find(beside, left).problem


def test_real_recordings_are_not_moved(recordings):
    import cv2

    from damage_perception.frame import Frame

    camera = CameraModel(640, 480, 525.0, 525.0, 319.5, 239.5)
    paths = sorted((recordings / "mosd").glob("*_depth.png"))
    if not paths:
        pytest.skip("no scenes of mosd")
    for path in paths:
        depth = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) / 1000).astype(np.float32)
        frame = Frame(np.zeros((480, 640, 3), np.uint8), depth, camera)
        fitted = Station().plane_in(frame)
        support = SupportWatch().find(frame, Station(plane=fitted))
        assert not support.problem and abs(support.offset_m) < 0.003, path.name
        # The camera nearer by 2 cm, and tilted by 5 degrees.
        nearer = np.where(depth > 0, depth - 0.02, 0).astype(np.float32)
        assert SupportWatch().find(replace(frame, depth_m=nearer), Station(plane=fitted)).problem
