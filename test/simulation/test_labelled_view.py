import numpy as np

from damage_perception.kinds import CODES
from damage_perception.simulation.labelled_view import sample_view
from damage_perception.simulation.rendering.visibility import damage_shows
from damage_perception.simulation.split import Split


def test_a_view_is_fixed_by_its_seed() -> None:
    first, second = (sample_view(Split.TRAIN, 3, 96) for _ in range(2))
    assert np.array_equal(first.frame.color, second.frame.color)
    assert first.frame.depth_m is not None and second.frame.depth_m is not None
    assert np.array_equal(first.frame.depth_m, second.frame.depth_m)
    assert np.array_equal(first.kinds, second.kinds)
    assert first.truth == second.truth
    other = sample_view(Split.TRAIN, 4, 96)
    assert not np.array_equal(first.frame.color, other.frame.color)


def test_truth_and_labels_agree_and_damage_can_be_seen() -> None:
    for seed in range(24):
        view = sample_view(Split.TEST, seed, 96)
        expected = {CODES[view.truth.kind]} if view.truth.damaged else set()
        assert set(np.unique(view.kinds)) - {0} == expected
        assert damage_shows(view.kinds, view.items) == view.truth.damaged
        assert (view.items == 1).sum() > 200


def test_height_above_the_plane_is_measured_right() -> None:
    view = sample_view(Split.TRAIN, 1, 128, damaged=False, form="printed_box")
    depth = view.frame.depth_m
    assert depth is not None
    height = depth * (view.frame.camera.rays @ view.normal) + view.offset_m
    floor = height[(view.items == 0) & (depth > 0)]
    assert abs(np.median(floor)) < 0.01


def test_depth_may_be_absent_where_asked() -> None:
    assert sample_view(Split.TRAIN, 1, 64, depthless_share=1.0).frame.depth_m is None
