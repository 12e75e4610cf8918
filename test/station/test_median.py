"""The median is NumPy's, to the last bit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from damage_perception.station.median import median

NUMBERS = st.floats(-(2.0**90), 2.0**90, width=32)


@given(arrays(np.float32, st.integers(1, 300), elements=NUMBERS))
def test_it_is_what_numpy_says(values):
    assert median(values) == np.median(values)
