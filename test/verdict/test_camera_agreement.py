"""A camera that was moved shows in the items that it sees together with others."""

import numpy as np
import pytest

from damage_perception.verdict.camera_agreement import FEWEST, WINDOW, CameraAgreement

# Each camera sees the faces that are turned to it: the positions of a box lie apart.
TOWARDS = {
    "front": np.array([0.0, -1.0, 0.2]),
    "left": np.array([-1.0, 0.0, 0.2]),
    "right": np.array([1.0, 0.0, 0.2]),
}


def item(rng, cameras, shifts_mm=(), noise_mm=2.0, size_m=(0.05, 0.15)):
    """Where cameras see one box; ``shifts_mm`` by camera."""
    middle, size = rng.uniform(-0.1, 0.1, 3), rng.uniform(*size_m)
    shifts_mm = dict(shifts_mm)
    return {
        name: middle
        + size / 4 * TOWARDS[name]
        + rng.normal(0, noise_mm / 1000, 3)
        + np.array(shifts_mm.get(name, (0, 0, 0))) / 1000
        for name in cameras
    }


def seen(agreement, cameras, count, seed=0, **given):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        agreement.take(item(rng, cameras, **given))
    return agreement


def problems(agreement):
    return sorted(name for name, offset in agreement.offsets().items() if offset.problem)


def test_nothing_is_said_of_few_items():
    agreement = seen(CameraAgreement(), ("front", "left"), FEWEST - 1)
    assert agreement.offsets() == {}
    seen(agreement, ("front", "left"), 1)
    assert sorted(agreement.offsets()) == ["front", "left"]


def test_cameras_that_see_other_faces_do_not_disagree():
    agreement = seen(CameraAgreement(), TOWARDS, 2000)
    offsets = agreement.offsets()
    assert np.linalg.norm(offsets["left"].offset_mm) > 20
    assert problems(agreement) == []
    assert offsets["front"].items == WINDOW


@pytest.mark.parametrize("camera", TOWARDS)
def test_of_three_cameras_the_one_that_was_moved_is_named(camera):
    agreement = seen(CameraAgreement(), TOWARDS, WINDOW)
    seen(agreement, TOWARDS, WINDOW, seed=1, shifts_mm={camera: (4, -14, 5)})
    assert problems(agreement) == [camera]
    offset = agreement.offsets()[camera]
    # Other boxes came meanwhile: their faces lie elsewhere by some millimetres.
    assert offset.moved_mm == pytest.approx((4, -14, 5), abs=4)
    assert np.linalg.norm(offset.moved_mm - (4, -14, 5)) < 4 * offset.uncertainty_mm
    assert f"camera {camera}" in offset.problem


def test_of_two_cameras_both_are_named():
    agreement = seen(CameraAgreement(), ("front", "left"), WINDOW)
    seen(agreement, ("front", "left"), WINDOW, seed=1, shifts_mm={"left": (15, 0, 0)})
    assert problems(agreement) == ["front", "left"]


def test_what_is_within_the_limit_is_no_problem():
    agreement = seen(CameraAgreement(), TOWARDS, WINDOW, size_m=(0.1, 0.1))
    shifts = {"left": (3, 0, 0)}
    seen(agreement, TOWARDS, WINDOW, seed=1, shifts_mm=shifts, size_m=(0.1, 0.1))
    assert problems(agreement) == []
    assert agreement.offsets()["left"].moved_mm == pytest.approx((3, 0, 0), abs=1.5)


def test_what_items_differ_by_anyway_is_no_problem():
    for seed in range(30):
        agreement = seen(CameraAgreement(), TOWARDS, WINDOW, seed, noise_mm=20)
        seen(agreement, TOWARDS, WINDOW, 1000 + seed, noise_mm=20)
        assert problems(agreement) == []


def test_a_few_items_that_were_mistaken_for_others_change_nothing():
    agreement = seen(CameraAgreement(), TOWARDS, WINDOW)
    seen(agreement, TOWARDS, WINDOW * 3 // 4, seed=1)
    seen(agreement, TOWARDS, WINDOW // 4, seed=2, shifts_mm={"left": (400, 300, 0)})
    assert problems(agreement) == []


def test_the_uncertainty_is_what_medians_scatter_by():
    moved, said = [], []
    for seed in range(100):
        agreement = seen(CameraAgreement(), ("front", "left"), WINDOW, seed)
        seen(agreement, ("front", "left"), WINDOW, 1000 + seed)
        offset = agreement.offsets()["left"]
        moved.append(np.linalg.norm(offset.moved_mm))
        said.append(offset.uncertainty_mm)
    assert np.sqrt(np.mean(np.square(said))) == pytest.approx(
        np.sqrt(np.mean(np.square(moved))), rel=0.35
    )


def test_a_camera_that_stands_alone_has_no_offset():
    agreement = seen(CameraAgreement(), ("front", "left"), FEWEST)
    seen(agreement, ("right",), WINDOW)
    assert sorted(agreement.offsets()) == ["front", "left"]


def test_a_position_that_is_not_known_does_not_count():
    agreement = seen(CameraAgreement(), ("front", "left"), FEWEST - 1)
    agreement.take({"front": np.array([0.1, 0, 0]), "left": np.full(3, np.nan)})
    assert agreement.offsets() == {}
