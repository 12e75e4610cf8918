"""Scores of the newest items: what is kept, said of them, and told when they change."""

import numpy as np
import pytest

from damage_perception.kinds import KINDS
from damage_perception.verdict.difference import ReferenceStatus
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.report import Reason, Report, Verdict
from damage_perception.verdict.score_watch import KEPT, ScoreWatch, at_least, has_changed
from damage_perception.verdict.site import Thresholds

POLICY = VerdictPolicy(Thresholds(alone=0.8, compared=0.6, without_depth=0.9))


def report(confidence, cameras=("left",), compared=False, without_depth=False):
    return Report(
        "item",
        "",
        Verdict.PASS,
        Reason.NONE,
        confidence,
        0.5,
        np.zeros(len(KINDS), np.float32),
        (),
        cameras,
        1,
        0,
        "",
        0,
        None,
        "model",
        "calibration",
        "backend",
        "",
        references=ReferenceStatus.USED if compared else ReferenceStatus.NO_SKU,
        without_depth=without_depth,
    )


def watch_of(confidences, **given):
    watch = ScoreWatch()
    for confidence in confidences:
        watch.take(report(float(confidence), **given))
    return watch


def test_scores_are_kept_by_camera_and_by_what_was_compared():
    watch = ScoreWatch()
    watch.take(report(0.1))
    watch.take(report(0.2, cameras=("left", "right")))
    watch.take(report(0.3, compared=True))
    watch.take(report(float("nan")))
    assert watch.seen() == [("left", False), ("left", True), ("right", False)]
    confidences = {
        group: (1 / (1 + np.exp(-watch.scores(*group, POLICY).log_odds))).round(6).tolist()
        for group in [*watch.seen(), ("", False), ("none", False)]
    }
    assert confidences == {
        ("left", False): [0.1, 0.2],
        ("left", True): [0.3],
        ("right", False): [0.2],
        # What two cameras saw is one item.
        ("", False): [0.1, 0.2],
        ("none", False): [],
    }


def test_only_the_newest_are_kept_and_the_newest_of_them_are_given():
    watch = watch_of(np.linspace(0.1, 0.9, KEPT + 100))
    assert len(watch.scores("left", False, POLICY).log_odds) == KEPT
    newest = watch.scores("left", False, POLICY, items=10).log_odds
    assert len(newest) == 10 and newest[-1] == pytest.approx(np.log(9))


def test_diverts_are_counted_at_the_threshold_that_each_item_has():
    watch = watch_of([0.7, 0.85, 0.95])
    for confidence in (0.85, 0.95):
        watch.take(report(confidence, without_depth=True))
    assert watch.scores("left", False, POLICY).diverted(POLICY, False) == 3
    assert watch.condition("left", False, POLICY, 5.0).diverts_per_1000 == 600
    compared = watch_of([0.7, 0.5], compared=True)
    assert compared.scores("left", True, POLICY).diverted(POLICY, True) == 1


def test_a_binomial_tail_is_what_counting_gives():
    draws = np.random.default_rng(0).binomial(1000, 0.006, 200_000)
    for hits in (0, 3, 6, 12, 15):
        assert at_least(hits, 1000, 0.006) == pytest.approx((draws >= hits).mean(), abs=0.002)
    assert at_least(1000, 1000, 0.5) == pytest.approx(0.5**1000, abs=1e-200)


def test_the_rate_that_was_asked_for_never_warns_and_three_times_of_it_does():
    rng = np.random.default_rng(1)
    watch, warned = ScoreWatch(), 0
    # Five good ones in a thousand reach the threshold, and one is damaged.
    for _ in range(30_000):
        watch.take(report(0.9 if rng.random() < 0.006 else rng.uniform(0.1, 0.7)))
        warned += bool(watch.condition("left", False, POLICY, 5.0).problem)
    assert warned == 0
    for _ in range(KEPT):
        watch.take(report(0.9 if rng.random() < 0.018 else rng.uniform(0.1, 0.7)))
    condition = watch.condition("left", False, POLICY, 5.0)
    assert condition.items == KEPT and 12 < condition.diverts_per_1000 < 24
    assert "in 1000 of 5000 items are diverted; 5 good ones may be" in condition.problem


def test_damaged_items_that_try_a_station_out_are_no_warning():
    assert not watch_of([0.9] * 20).condition("left", False, POLICY, 5.0).problem
    assert watch_of([0.9] * 20 + [0.1] * 80).condition("left", False, POLICY, 5.0).problem


def test_the_condition_follows_every_item_while_there_are_few():
    watch = watch_of([0.9])
    for items in (1, 2, 3):
        assert watch.condition("left", False, POLICY, 5.0).items == items
        watch.take(report(0.1))


def test_scores_that_shift_are_told_and_the_same_ones_are_not():
    rng = np.random.default_rng(2)
    changed = [has_changed(rng.normal(-4, 1.5, KEPT)) for _ in range(300)]
    assert not any(changed)
    shifted = [
        has_changed(np.concatenate((rng.normal(-4, 1.5, 4500), rng.normal(-3, 1.5, 500))))
        for _ in range(50)
    ]
    assert all(shifted)
    assert not has_changed(np.concatenate((rng.normal(-4, 1.5, 1000), rng.normal(0, 1.5, 500))))


def test_products_that_come_in_batches_are_no_change():
    rng = np.random.default_rng(3)
    for _ in range(100):
        # Each batch of 50 to 400 items scores in its own way.
        batches = [rng.normal(rng.normal(-4, 1), 1, rng.integers(50, 400)) for _ in range(60)]
        assert not has_changed(np.concatenate(batches)[:KEPT])


def test_a_change_is_in_the_condition():
    rng = np.random.default_rng(4)
    scores = np.concatenate((rng.normal(-6, 1, 2500), rng.normal(-4.5, 1, 500)))
    condition = watch_of(1 / (1 + np.exp(-scores))).condition("left", False, POLICY, 5.0)
    assert condition.problem.startswith("the newest 500 items score otherwise")
