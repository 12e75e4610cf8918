"""The poses of a station's cameras, how good they are, and when they are not to be used."""

from itertools import combinations

import numpy as np
import pytest
from simulated_station import BOARD, largest_error, models, simulated

from benchmarks.cameras import AIM_DEG, AIM_MM, SMALL, boards, pose_errors, shots, station
from damage_perception.calibration.poses import inverse, pose_from
from damage_perception.calibration.quality import Limits, shortcomings
from damage_perception.calibration.station import CalibrationError, fit_station
from damage_perception.calibration.views import find_placements
from damage_perception.frame import CameraModel


def fitted(cameras, found, **given):
    return fit_station(found, BOARD, models(cameras), **given)


def reasons(cameras, found, **given):
    return "; ".join(shortcomings(fitted(cameras, found), Limits(**given)))


def test_cameras_are_known_to_half_a_millimetre_from_images():
    pytest.importorskip("cv2.aruco", reason="this OpenCV comes without ArUco")
    rng = np.random.default_rng(3)
    cameras, places = station(rng), boards(rng, 20)
    known = models(cameras)
    found = find_placements(
        shots(cameras, places, known, rng), BOARD, dict.fromkeys(cameras, SMALL.width)
    )
    fit = fit_station(found, BOARD, known)
    errors = np.array(pose_errors(fit.poses, cameras))
    assert errors[:, 0].max() < AIM_MM and errors[:, 1].max() < AIM_DEG
    assert shortcomings(fit) == []
    assert all(one.views >= 18 and one.rms_px < 0.2 for one in fit.cameras.values())


def test_the_uncertainty_is_what_poses_scatter_by():
    far, said, far_between, said_between = [], [], [], []
    for seed in range(15):
        cameras, _, found = simulated(seed, count=12)
        fit = fitted(cameras, found)
        for name, one in fit.cameras.items():
            far.append(np.linalg.norm(fit.poses[name][:3, 3] - cameras[name][:3, 3]) * 1000)
            said.append(one.position_mm)
        far_between += [mm for mm, _ in pose_errors(fit.poses, cameras)]
        said_between += [fit.pairs[pair].position_mm for pair in combinations(sorted(cameras), 2)]
    for is_, says in ((far, said), (far_between, said_between)):
        ratio = np.sqrt(np.mean(np.square(says)) / np.mean(np.square(is_)))
        assert 0.6 < ratio < 1.6


def test_a_board_that_moves_between_two_images_makes_the_uncertainty_as_large_as_the_error():
    cameras, _, found = simulated(count=15, moved_mm=0.5)
    fit = fitted(cameras, found)
    far_mm = np.sqrt(np.mean([mm**2 for mm, _ in pose_errors(fit.poses, cameras)]))
    said_mm = np.sqrt(np.mean([pair.position_mm**2 for pair in fit.pairs.values()]))
    assert said_mm > far_mm / 2.5
    assert "not known well enough to each other" in "; ".join(shortcomings(fit))


def test_the_station_is_where_the_first_board_lay():
    cameras, places, found = simulated(count=12)
    moved_places = [pose_from(np.array([0, 0, 0.4]), np.array([0.05, 0.02, 0])), *places[1:]]
    cameras, _, found = simulated(places=moved_places)
    fit = fitted(cameras, found)
    expected = {name: inverse(moved_places[0]) @ pose for name, pose in cameras.items()}
    assert largest_error(fit.poses, expected)[0] < 1.0
    assert all(pose[2, 3] > 0.3 for pose in fit.poses.values())


def test_another_place_may_be_the_station():
    cameras, places, found = simulated(count=12)
    fit = fitted(cameras, found, station=5)
    expected = {name: inverse(places[4]) @ pose for name, pose in cameras.items()}
    assert largest_error(fit.poses, expected)[0] < 1.0
    with pytest.raises(CalibrationError, match="no place 13 of the board; there are 1 to 12"):
        fitted(cameras, found, station=13)


def test_the_origin_is_below_the_plate_that_the_board_is_on():
    cameras, _, found = simulated(count=8)
    on, above = fitted(cameras, found), fitted(cameras, found, thickness_m=0.006)
    for name in cameras:
        assert above.poses[name][:3, 3] - on.poses[name][:3, 3] == pytest.approx((0, 0, 0.006))


def test_views_of_a_board_that_was_elsewhere_are_left_out():
    cameras, _, found = simulated(count=15)
    _, _, others = simulated(seed=5, count=15)
    for number, name in ((4, "left"), (9, "rear")):
        found[number - 1].views[name] = others[number - 1].views[name]
    fit = fitted(cameras, found)
    assert sorted(fit.left_out) == [(4, "left"), (9, "rear")]
    assert max(mm for mm, _ in pose_errors(fit.poses, cameras)) < AIM_MM


def test_a_single_camera_needs_no_pose():
    cameras, _, found = simulated(names=("front",))
    with pytest.raises(CalibrationError, match="one camera, front"):
        fitted(cameras, found)


def test_a_camera_that_never_sees_the_board_is_named():
    cameras, _, found = simulated(sees=lambda name, _: name != "rear")
    with pytest.raises(CalibrationError, match="camera rear never sees the board"):
        fitted(cameras, found)


def test_cameras_that_are_not_connected_are_named():
    def sees(name, number):
        return (name in ("front", "left")) == (number % 2 == 0)

    cameras, _, found = simulated(sees=sees)
    with pytest.raises(CalibrationError, match=r"front \+ left and rear \+ right never see"):
        fitted(cameras, found)


def test_one_place_is_too_few_and_no_more_than_that():
    cameras, _, found = simulated(count=1, names=("front", "left"))
    assert "front (1), left (1)" in reasons(cameras, found)


def test_too_few_places_are_refused():
    cameras, _, found = simulated(count=5)
    text = reasons(cameras, found)
    assert "front (5)" in text and "8 or more, better in 20" in text


def test_poor_coverage_is_refused():
    cameras, places, _ = simulated(count=15)
    still = [pose_from(np.zeros(3), np.array([0, 0, 0.002 * n])) for n in range(len(places))]
    cameras, _, found = simulated(places=still)
    assert "covered too little of the image of" in reasons(cameras, found)
    assert "covered too little" not in reasons(cameras, found, coverage=0.01)


def test_corners_that_are_far_off_are_refused():
    cameras, _, found = simulated(noise_px=1.5)
    assert "too far off where they should be, in front (" in reasons(cameras, found)


def test_a_wrong_camera_info_is_found_and_refused():
    cameras, _, found = simulated(count=20)
    focal_px = SMALL.fx / 1.03
    wrong = CameraModel(640, 480, focal_px, focal_px, SMALL.cx, SMALL.cy)
    fit = fit_station(found, BOARD, models(cameras) | {"left": wrong})
    assert fit.cameras["left"].intrinsics.focal_share == pytest.approx((0.03, 0.03), abs=0.004)
    assert [name for name, one in fit.cameras.items() if one.intrinsics.is_off] == ["left"]
    assert "camera_info is wrong, by what the views say, of left (focal" in "; ".join(
        shortcomings(fit)
    )


@pytest.mark.parametrize("share", [0.003, -0.003])
def test_a_camera_info_that_is_a_little_off_is_told(share):
    cameras, _, found = simulated(count=20)
    focal_px = SMALL.fx / (1 + share)
    off = CameraModel(640, 480, focal_px, SMALL.fy, SMALL.cx + 1.5, SMALL.cy - 1)
    fit = fit_station(found, BOARD, models(cameras) | {"rear": off})
    check = fit.cameras["rear"].intrinsics
    assert check.is_off and check.focal_share == pytest.approx((share, 0), abs=0.001)
    assert check.centre_px == pytest.approx((-1.5, 1.0), abs=0.5)
    assert "focal length" in check.words()
    assert shortcomings(fit) == []


def test_a_right_camera_info_is_not_suspected():
    for seed in range(10):
        for moved_mm in (0, 0.3):
            cameras, _, found = simulated(seed, count=12, moved_mm=moved_mm)
            fit = fitted(cameras, found)
            assert not any(one.intrinsics.is_off for one in fit.cameras.values())


def test_one_camera_whose_depth_differs_is_named():
    cameras, _, found = simulated(count=15, depth_scale=1.0)
    for placement in found:
        if "left" in placement.views:
            placement.views["left"].depth_m[:] *= 1.04
    text = "; ".join(shortcomings(fitted(cameras, found)))
    assert "differ from those by the board, in left (104.0%)" in text


def test_a_board_of_another_size_by_depth_is_refused():
    cameras, _, found = simulated(depth_scale=0.95)
    fit = fitted(cameras, found)
    assert fit.depth_scale == pytest.approx(0.95, abs=0.002)
    assert "by depth the board has 95.0% of its size" in "; ".join(shortcomings(fit))
    cameras, _, found = simulated(depth_scale=1.005)
    assert shortcomings(fitted(cameras, found)) == []


def test_without_depth_nothing_is_said_of_the_size():
    cameras, _, found = simulated(count=10)
    assert fitted(cameras, found).depth_scale is None


def test_a_station_in_the_air_is_refused():
    cameras, places, _ = simulated(count=15)
    first = pose_from(np.zeros(3), np.array([0, 0, 0.08]))
    cameras, _, found = simulated(places=[first, *places[1:]])
    assert "mm below place 1, which is to lie on the support" in reasons(cameras, found)


def test_a_good_calibration_has_no_shortcomings():
    cameras, _, found = simulated(seed=2, count=20, depth_scale=1.0)
    fit = fitted(cameras, found)
    assert shortcomings(fit) == []
    assert {pair: one.common for pair, one in fit.pairs.items()}[("front", "left")] >= 18
    assert all(0.3 < one.coverage <= 1 for one in fit.cameras.values())
    assert all(one.worst_px >= one.rms_px > 0 for one in fit.cameras.values())
