"""Log odds of a whole view and of tiles become one."""

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from damage_perception.network.detail import Detail, strongest
from damage_perception.network.model_card import ModelCard, ModelCardError

LOG_ODDS = st.floats(-30, 30)
DETAIL = Detail(whole=0.8, tiles=0.5, offset=-0.3)


def test_one_tile_that_is_sure_raises_what_the_whole_view_says():
    quiet = DETAIL.join(-3.0, [-4.0] * 4)
    assert DETAIL.join(-3.0, [-4.0, 6.0, -4.0, -4.0]) > quiet + 2
    assert DETAIL.join(1.0, [-4.0] * 4) == pytest.approx(quiet + 4 * 0.8)


@given(LOG_ODDS, st.integers(1, 9))
def test_tiles_that_say_the_same_say_what_one_says(said, count):
    assert strongest([said] * count) == pytest.approx(said, abs=1e-9)


@given(st.lists(LOG_ODDS, min_size=1, max_size=9))
def test_the_strongest_tile_counts_less_the_more_tiles_there_are(said):
    assert max(said) - np.log(len(said)) - 1e-9 <= strongest(said) <= max(said) + 1e-9
    assert strongest(said) == pytest.approx(strongest(said[::-1]))


def test_a_card_keeps_how_tiles_are_joined_or_says_nothing_of_them(model_copy):
    content = yaml.safe_load(model_copy.read_text())
    content["detail"] = {"whole": 0.8, "tiles": 0.5, "offset": -0.3, "measured": {}}
    model_copy.write_text(yaml.safe_dump(content))
    assert ModelCard.load(model_copy).detail == DETAIL
    content.pop("detail")
    model_copy.write_text(yaml.safe_dump(content))
    assert ModelCard.load(model_copy).detail is None
    model_copy.write_text(yaml.safe_dump(content | {"detail": {"whole": 0.8}}))
    with pytest.raises(ModelCardError, match="tiles"):
        ModelCard.load(model_copy)
