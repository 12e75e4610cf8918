"""Measures of damage become minor, moderate or major."""

from math import inf, isnan, nan

import pytest

from damage_perception.verdict.severity import Bounds, Extent, Severity, SeverityBounds

BOUNDS = SeverityBounds(Bounds(4.0, 3.0, 0.02), Bounds(25.0, 10.0, 0.1))


@pytest.mark.parametrize(
    ("extent", "severity"),
    [
        (Extent(4.0, 3.0, 0.02), Severity.MINOR),
        (Extent(4.1, 0.0, 0.01), Severity.MODERATE),
        (Extent(1.0, 9.0, 0.01), Severity.MODERATE),
        (Extent(1.0, 0.0, 0.11), Severity.MAJOR),
        (Extent(26.0, 0.0, 0.01), Severity.MAJOR),
    ],
)
def test_the_worst_measure_decides(extent, severity):
    assert BOUNDS.severity(extent) is severity


def test_what_is_not_measured_may_be_anything_but_less_than_what_is():
    assert BOUNDS.severity(Extent(nan, nan, 0.01)) is Severity.UNKNOWN
    assert BOUNDS.severity(Extent(5.0, nan, 0.01)) is Severity.UNKNOWN
    assert BOUNDS.severity(Extent(nan, nan, 0.2)) is Severity.MAJOR


def test_a_measure_without_a_bound_need_not_be_known():
    by_share = SeverityBounds(Bounds(item_share=0.02), Bounds(item_share=0.1))
    assert by_share.severity(Extent(nan, nan, 0.01)) is Severity.MINOR
    assert by_share.severity(Extent(900.0, 90.0, 0.05)) is Severity.MODERATE
    assert SeverityBounds(Bounds(inf), Bounds(inf)).severity(Extent()) is Severity.MINOR


def test_regions_of_one_camera_are_measured_together():
    joined = Extent.joined([Extent(2.0, 1.0, 0.6), Extent(3.0, 4.0, 0.7)])
    assert (joined.area_cm2, joined.depth_mm, joined.item_share) == (5.0, 4.0, 1.0)
    assert isnan(Extent.joined([Extent(2.0, nan, 0.1), Extent(3.0, 4.0, 0.1)]).depth_mm)
    assert isnan(Extent.joined([]).area_cm2)


def test_people_are_told_what_was_measured():
    assert Extent(2.0, nan, 0.031).words() == "2.0 cm2, 3.1% of the item"
    assert Extent().words() == "not measured"
