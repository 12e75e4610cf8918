"""A camera that repeats, tears or makes up its images is told from one that is live."""

from dataclasses import replace

import numpy as np
import pytest

from damage_perception.frame import CameraModel, Frame
from damage_perception.verdict.image_watch import ImageWatch, is_noise
from damage_perception.verdict.quality import QualityLimits
from damage_perception.verdict.report import Reason

MS = 1_000_000
CAMERA = CameraModel(320, 240, 300.0, 300.0, 159.5, 119.5)
LIMITS = QualityLimits(frozen_after_ns=500 * MS)


def frame(color_seed, depth_seed, time_ms):
    """A scene whose images have the noise of a seed each."""
    across = np.linspace(60, 180, 320)[None, :, None]
    color = across + np.random.default_rng(color_seed).normal(0, 2, (240, 320, 3))
    depth = 0.8 + np.random.default_rng(depth_seed).normal(0, 0.001, (240, 320))
    color = np.clip(color, 0, 255).astype(np.uint8)
    return Frame(color, depth.astype(np.float32), CAMERA, stamp_ns=time_ms * MS)


def faults(*frames, limits=LIMITS):
    watch = ImageWatch()
    return [watch.faults(each, limits) for each in frames]


def test_a_live_camera_has_no_fault():
    assert set(faults(*(frame(n, n, 100 * n) for n in range(1, 9)))) == {Reason.NONE}


def test_colour_that_repeats_under_live_depth_is_frozen_at_once():
    found = faults(frame(1, 1, 100), frame(1, 2, 200), frame(1, 3, 300), frame(2, 4, 400))
    assert found == [Reason.NONE, Reason.FROZEN, Reason.FROZEN, Reason.NONE]


def test_both_images_may_repeat_for_a_time():
    found = faults(*(frame(1, 1, 100 * n) for n in range(1, 10)))
    assert found == [Reason.NONE] * 6 + [Reason.FROZEN] * 3


def test_depth_that_repeats_under_live_colour_is_frozen_after_that_time():
    found = faults(*(frame(n, 1, 100 * n) for n in range(1, 10)))
    assert found == [Reason.NONE] * 6 + [Reason.FROZEN] * 3


def test_depth_that_is_empty_is_not_frozen():
    frames = [frame(n, 1, 100 * n) for n in range(1, 10)]
    empty = [replace(each, depth_m=np.zeros_like(each.depth_m)) for each in frames]
    assert set(faults(*empty)) == {Reason.NONE}


def test_without_depth_colour_may_repeat_for_a_time():
    frames = [replace(frame(1, 1, 100 * n), depth_m=None) for n in range(1, 10)]
    assert faults(*frames) == [Reason.NONE] * 6 + [Reason.FROZEN] * 3


def test_what_may_repeat_for_ever_is_never_frozen():
    limits = QualityLimits(frozen_after_ns=0)
    found = faults(*(frame(1, n, 1000 * n) for n in range(1, 9)), limits=limits)
    assert set(found) == {Reason.NONE}


def test_stamps_that_jump_back_begin_anew():
    found = faults(frame(1, 1, 5000), frame(1, 2, 100), frame(1, 3, 200))
    assert found == [Reason.NONE, Reason.NONE, Reason.FROZEN]


@pytest.mark.parametrize("rows", [np.s_[120:], np.s_[:60], np.s_[100:160]])
def test_an_image_that_repeats_in_part_is_torn(rows):
    one, other = frame(1, 1, 100), frame(2, 2, 200)
    color = other.color.copy()
    color[rows] = one.color[rows]
    assert faults(one, replace(other, color=color)) == [Reason.NONE, Reason.COLOR_MISMATCH]


def test_rows_of_one_colour_may_be_equal():
    one, other = frame(1, 1, 100), frame(2, 2, 200)
    black = [each.color.copy() for each in (one, other)]
    for color in black:
        color[120:] = 0
    found = faults(replace(one, color=black[0]), replace(other, color=black[1]))
    assert found == [Reason.NONE, Reason.NONE]


def test_a_simulation_without_noise_in_which_something_moves_is_not_torn():
    one, other = frame(1, 1, 100), frame(1, 1, 200)
    color, depth = other.color.copy(), other.depth_m.copy()
    color[80:120], depth[80:120] = 200, 0.7
    assert faults(one, replace(other, color=color, depth_m=depth)) == [Reason.NONE, Reason.NONE]


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_no_image(seed):
    rng = np.random.default_rng(seed)
    assert is_noise(rng.integers(0, 256, (240, 320, 3), np.uint8))
    grey = np.repeat(rng.integers(0, 256, (240, 320, 1), np.uint8), 3, axis=2)
    assert is_noise(grey)
    noisy = replace(frame(1, 1, 100), color=rng.integers(0, 256, (240, 320, 3), np.uint8))
    assert faults(noisy) == [Reason.COLOR_MISMATCH]
    assert faults(noisy, limits=QualityLimits(check_color=False)) == [Reason.NONE]


@pytest.mark.parametrize("pitch", [2, 3, 4, 5, 8])
def test_a_mesh_or_a_fine_pattern_is_no_noise(pitch):
    rows, columns = np.indices((240, 320)) // (pitch / 2)
    grey = 120 + 60 * ((rows + columns) % 2) + np.random.default_rng(0).normal(0, 2, (240, 320))
    assert not is_noise(np.repeat(grey[..., None], 3, axis=2).astype(np.uint8))


def test_photographs_are_no_noise(recordings):
    import cv2

    paths = sorted((recordings / "trashnet").glob("*.jpg"))[::4]
    paths += sorted((recordings / "groceries").glob("*.jpg"))[::10]
    paths += sorted((recordings / "mosd").glob("*_color.png"))
    if not paths:
        pytest.skip("no photographs")
    assert not [path.name for path in paths if is_noise(cv2.imread(str(path)))]
