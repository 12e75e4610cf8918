"""The metric makes unit vectors of cells, and is refused where it is none."""

import numpy as np
import pytest

from damage_perception.network.contract import CELL_CHANNELS, COMPARED_CHANNELS, LOOK_CHANNELS
from damage_perception.network.metric import Metric, as_learned

RNG = np.random.default_rng(0)
CELLS = RNG.normal(size=(5, CELL_CHANNELS)).astype("f4")


def metric():
    return Metric(RNG.normal(size=(LOOK_CHANNELS, CELL_CHANNELS)).astype("f4"))


def test_cells_keep_what_the_comparer_takes_and_get_looks_of_length_one():
    cells = metric().embed(CELLS)
    np.testing.assert_array_equal(cells[:, :COMPARED_CHANNELS], CELLS[:, :COMPARED_CHANNELS])
    np.testing.assert_allclose(np.linalg.norm(cells[:, COMPARED_CHANNELS:], axis=1), 1, rtol=1e-5)
    assert cells.shape == (5, COMPARED_CHANNELS + LOOK_CHANNELS)
    assert metric().embed(CELLS[:0]).shape == (0, COMPARED_CHANNELS + LOOK_CHANNELS)


def test_how_large_the_compared_part_is_does_not_matter():
    larger = CELLS.copy()
    larger[:, :COMPARED_CHANNELS] *= 7
    np.testing.assert_allclose(as_learned(larger), as_learned(CELLS), rtol=1e-5)


@pytest.mark.parametrize(
    "weights", [np.zeros((3, 4)), np.full((LOOK_CHANNELS, CELL_CHANNELS), np.nan)]
)
def test_a_file_that_holds_no_metric_is_refused(tmp_path, weights):
    path = tmp_path / "metric.npy"
    np.save(path, weights)
    with pytest.raises(ValueError, match=r"metric\.npy holds"):
        Metric.load(path)
    with pytest.raises(ValueError, match="cannot be read"):
        Metric.load(tmp_path / "none.npy")
