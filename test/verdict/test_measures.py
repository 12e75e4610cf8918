"""Measures of simulated damage, whose size is known, taken with simulated depth cameras."""

import numpy as np
import pytest

pytest.importorskip("embreex", reason="simulated packages need embreex")

from benchmarks.severity import measured, scenes
from damage_perception.network import DamageNetwork

SCENES = 12


@pytest.fixture(scope="module")
def found(shipped_card):
    network = DamageNetwork.load(shipped_card)
    return [measured(view, network) for view in scenes(SCENES)]


def errors(found, measure):
    """Relative errors in the labelled region, where both are known."""
    pairs = np.array([(getattr(o.true, measure), getattr(o.labelled, measure)) for o in found])
    known = pairs[np.isfinite(pairs).all(axis=1)]
    return np.abs(known[:, 1] - known[:, 0]) / known[:, 0]


@pytest.mark.slow
def test_area_is_within_15_percent(found):
    assert len(errors(found, "area_cm2")) > SCENES / 2
    assert np.median(errors(found, "area_cm2")) < 0.15


@pytest.mark.slow
def test_depth_of_dents_is_told_within_what_depth_cameras_give(found):
    dents = [one for one in found if one.kind == "crush"]
    assert len(errors(dents, "depth_mm")) > len(dents) / 2
    assert np.median(errors(dents, "depth_mm")) < 0.45


@pytest.mark.slow
def test_shares_are_those_of_the_labels(found):
    assert np.median(errors(found, "item_share")) < 0.1
