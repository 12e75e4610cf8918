"""What is old and unused goes, but never the newest of a product."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from damage_perception.gallery.comparison.ageing import DAY_NS, AgeLimits, stale
from damage_perception.gallery.reference import State

NOW = 1000 * DAY_NS
LIMITS = AgeLimits(older_than_days=100, unused_days=30, keep=1)


@dataclass(frozen=True)
class Aged:
    sku: str
    added_ns: int
    last_used_ns: int = 0
    state: State = State.ACTIVE


def aged(days, unused=None, sku="tea", state=State.ACTIVE):
    used_ns = 0 if unused is None else NOW - unused * DAY_NS
    return Aged(sku, NOW - days * DAY_NS, used_ns, state)


def test_old_and_unused_ones_go_oldest_first():
    old, older, new = aged(150), aged(200, unused=50), aged(5)
    assert stale([old, new, older], NOW, LIMITS) == [older, old]


def test_used_ones_stay():
    assert stale([aged(200, unused=10), aged(5)], NOW, LIMITS) == []


def test_the_newest_of_each_product_stay():
    last = aged(200, sku="mug")
    assert stale([last], NOW, LIMITS) == []
    assert stale([aged(300), aged(200)], NOW, AgeLimits(100, 30, keep=2)) == []


def test_candidates_and_retired_ones_neither_go_nor_count():
    others = [aged(1, state=State.CANDIDATE), aged(1, state=State.RETIRED)]
    assert stale([*others, aged(200)], NOW, LIMITS) == []


AGES = st.tuples(st.sampled_from(["tea", "mug"]), st.integers(0, 400), st.integers(0, 400))


@given(st.lists(AGES), st.integers(0, 5))
def test_as_many_stay_as_are_to_be_kept(ages, keep):
    references = [aged(days, min(unused, days), sku) for sku, days, unused in ages]
    going = stale(references, NOW, AgeLimits(100, 30, keep))
    for sku in ("tea", "mug"):
        of_sku = [each for each in references if each.sku == sku]
        left = len(of_sku) - sum(each.sku == sku for each in going)
        assert left >= min(keep, len(of_sku))
    assert all(NOW - each.added_ns > 100 * DAY_NS for each in going)
