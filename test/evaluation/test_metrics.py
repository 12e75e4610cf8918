"""Figures: each against what can be worked out by hand, errors paid for, always whole JSON."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damage_perception.dataset import Label
from damage_perception.evaluation.metrics import group_by, measure
from damage_perception.evaluation.prediction import NOT_LOCATED, Prediction
from damage_perception.evaluation.ranking import calibration_error, ranking, recall_at_fpr
from damage_perception.kinds import KINDS, NONE


def prediction(confidence, kind=NONE, predicted=NONE, error="", verdict="pass", **extra):
    label = Label("", "query", kind != NONE, kind, extra)
    if error:
        confidence = float(kind == NONE)
    return Prediction("x", label, confidence, predicted, verdict, error=error, latency_ms=10.0)


def test_recall_is_the_highest_at_no_more_than_the_rate():
    good = np.linspace(0, 0.99, 100)
    damaged = np.array([0.5, 0.9849, 0.985, 1.0])
    # One of a hundred good items may be called damaged: the threshold lies above 0.98.
    assert recall_at_fpr(good, damaged, 0.01) == 0.75
    assert recall_at_fpr(good, damaged, 0.001) == 0.25
    assert recall_at_fpr(good, damaged, 1.0) == 1.0


def test_a_perfect_ranking_and_its_reverse():
    low, high = np.array([0.1, 0.2]), np.array([0.8, 0.9])
    assert set(ranking(low, high).values()) == {1.0}
    assert ranking(high, low)["auroc"] == 0.0


def test_average_precision_at_equal_numbers_does_not_depend_on_prevalence():
    rng = np.random.default_rng(0)
    good, damaged = rng.uniform(0, 0.7, 200), rng.uniform(0.3, 1, 200)
    few = ranking(np.repeat(good, 20), damaged)
    even = ranking(good, damaged)
    assert few["average_precision_equal"] == pytest.approx(even["average_precision"], abs=1e-9)
    assert few["average_precision"] < even["average_precision"] - 0.1


def test_calibration_error_is_the_distance_from_the_share_damaged():
    scores = np.array([0.25, 0.25, 0.25, 0.25, 0.95, 0.95])
    truth = np.array([True, False, False, False, False, False])
    # First tenth is right; the other two items were said to be 0.95 and were none.
    assert calibration_error(scores, truth) == pytest.approx(0.95 * 2 / 6)


def test_items_not_located_count_as_errors():
    sound = [prediction(0.1)] * 9 + [prediction(0.9, "tear", "tear")] * 9
    whole = measure([*sound, prediction(0.1), prediction(0.9, "tear", "tear")], 0.5)
    broken = measure(
        [*sound, prediction(0, error=NOT_LOCATED), prediction(0, "tear", error=NOT_LOCATED)], 0.5
    )
    assert (whole["not_located"], broken["not_located"]) == (0, 2)
    assert (broken["n_good"], broken["n_damaged"]) == (10, 10)
    assert len(broken["errors"]) == 2
    for name in ("auroc", "average_precision", "recall_at_threshold"):
        assert broken[name] < whole[name] == 1.0
    assert broken["recall_at_fpr"]["0.01"] == 0.0
    assert broken["false_positive_rate_at_threshold"] == 0.1
    assert broken["expected_calibration_error"] == pytest.approx(0.1)


def test_each_kind_is_measured_against_all_good_items():
    figures = measure(
        [prediction(0.3), prediction(0.5), prediction(0.4, "tear"), prediction(0.9, "hole")], 0.5
    )["per_kind"]
    assert set(figures) == {"tear", "hole"}
    assert (figures["tear"]["auroc"], figures["hole"]["auroc"]) == (0.5, 1.0)
    assert figures["tear"]["n"] == 1


def test_kinds_are_named_rightly_or_not():
    predictions = [
        prediction(0.9, "tear", "tear"),
        prediction(0.9, "tear", "hole"),
        prediction(0.1, "tear"),
        prediction(0.9, NONE, "hole"),
    ]
    assert measure(predictions, 0.5)["kind_accuracy"] == 0.5


@pytest.mark.parametrize("kind", [NONE, "crush"])
def test_one_label_alone_leaves_figures_empty_and_json_whole(kind):
    metrics = measure([prediction(0.2, kind)] * 3, 0.5)
    assert metrics["auroc"] is None
    assert metrics["recall_at_fpr"] == {"0.01": None, "0.001": None}
    json.dumps(metrics, allow_nan=False)


def test_verdicts_are_counted_by_label():
    predictions = [prediction(0.9, "tear", verdict="divert"), prediction(0.1, verdict="unknown")]
    assert measure(predictions, 0.5)["verdicts"] == {
        "good": {"pass": 0, "divert": 0, "unknown": 1},
        "damaged": {"pass": 0, "divert": 1, "unknown": 0},
    }


def test_further_columns_are_broken_down():
    predictions = [
        prediction(0.1, form="box", decoy="0"),
        prediction(0.8, form="bag", decoy="1"),
        prediction(0.9, "tear", form="box", decoy="0"),
        prediction(0.4, "hole", form="bag", decoy="0"),
    ]
    figures = measure(predictions, 0.5)["breakdown"]
    assert (figures["form"]["box"]["auroc"], figures["form"]["bag"]["auroc"]) == (1.0, 0.0)
    assert figures["form"]["bag"]["false_positive_rate_at_threshold"] == 1.0
    assert figures["decoy"]["1"]["against"] == "all damaged"
    assert figures["decoy"]["1"]["auroc"] == 0.5


def test_many_numbers_are_grouped_by_quarters_and_zero_by_itself():
    severe = [prediction(0.9, "tear", severity=str(i / 100)) for i in range(1, 101)]
    groups = group_by([*severe, *[prediction(0.1, severity="0.0")] * 7], "severity")
    assert list(groups) == ["0", "0.01 to 0.258", "0.258 to 0.505", "0.505 to 0.752", "0.752 to 1"]
    assert [len(group) for group in groups.values()] == [7, 25, 25, 25, 25]


def test_a_column_of_words_that_are_all_different_is_no_group():
    predictions = [prediction(0.1, note=f"note {i}") for i in range(30)]
    assert measure(predictions, 0.5)["breakdown"] == {}


PREDICTIONS = st.lists(
    st.builds(
        prediction,
        st.floats(0, 1),
        st.sampled_from([NONE, *KINDS]),
        st.sampled_from([NONE, *KINDS]),
        error=st.sampled_from(["", "", NOT_LOCATED]),
        severity=st.sampled_from(["", "0", "nan", "x"]) | st.floats(0, 1).map(str),
    ),
    max_size=30,
)


@given(predictions=PREDICTIONS, threshold=st.floats(0.01, 1))
@settings(max_examples=40, deadline=None)
def test_any_predictions_make_json_with_shares_between_0_and_1(predictions, threshold):
    metrics = measure(predictions, threshold)
    json.dumps(metrics, allow_nan=False)
    shares = [metrics[name] for name in ("auroc", "average_precision", "recall_at_threshold")]
    assert all(value is None or 0 <= value <= 1 for value in shares)
    groups = metrics["breakdown"].get("severity", {}).values()
    labelled = sum(p.label.extra["severity"] != "" for p in predictions)
    assert not groups or sum(g["n_good"] + g["n_damaged"] for g in groups) == labelled
