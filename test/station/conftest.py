"""Fixtures of the station's tests."""

import pytest
from workplace import Workplace


@pytest.fixture
def workplace() -> Workplace:
    """An empty plane before a tilted camera."""
    return Workplace()
