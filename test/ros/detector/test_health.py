"""Counts add up over the node's life; what is new is told by interval."""

from damage_perception.ros.detector.health import Health


def test_faults_are_new_once_and_counted_for_ever():
    health = Health()
    health.failed("first")
    health.failed("second")
    seen = health.snapshot()
    assert (seen.faults, seen.new_faults, seen.last_fault) == (2, 2, "second")
    seen = health.snapshot()
    assert (seen.faults, seen.new_faults, seen.last_fault) == (2, 0, "second")


def test_times_are_median_and_99th_percentile():
    health = Health()
    for latency_ms in range(1, 101):
        health.processed(latency_ms / 2e3)
        health.reported(latency_ms * 1_000_000)
    health.reported(None)
    seen = health.snapshot()
    assert (seen.frames, seen.reports) == (100, 101)
    assert 50 <= seen.latency_ms[0] <= 51 and 99 <= seen.latency_ms[1] <= 100
    assert seen.processing_ms[0] < 26


def test_refused_announcements_are_counted_and_those_without_room_apart():
    health = Health()
    health.refused("no such camera", overflowed=False)
    health.refused("one too many", overflowed=True)
    seen = health.snapshot()
    assert (seen.refused, seen.new_refused, seen.overflowed) == (2, 2, 1)
    assert seen.last_refusal == "one too many"
    assert health.snapshot().new_refused == 0
