"""A threshold from items that the cell reported and people reviewed."""

import pytest
import yaml

pytest.importorskip("mcap", reason="mcap is not installed")

from made_records import START_NS, add_item

from damage_perception.cli import main
from damage_perception.dataset import DatasetError
from damage_perception.evaluation.reviewed import tune_reviewed
from damage_perception.records.item_record import Judgement
from damage_perception.records.store import RecordStore
from damage_perception.verdict.report import Reason, Verdict


@pytest.fixture
def store(tmp_path):
    """100 passes up to 0.5, ten false alarms from 0.91 on, five damaged from 0.95 on."""
    store = RecordStore(tmp_path / "records", create=True)
    for number in range(100):
        add_item(store, number, Verdict.PASS, images=False, confidence=number / 200)
    for number in range(10):
        item = add_item(store, 200 + number, images=False, confidence=0.91 + number / 1000)
        store.index.judge(item.key, Judgement.GOOD, "anna", 1)
    for number in range(5):
        item = add_item(store, 300 + number, images=False, confidence=0.95 + number / 1000)
        store.index.judge(item.key, Judgement.DAMAGED, "anna", 1, "crush")
    return store


def test_no_more_good_items_are_diverted_than_asked(store):
    chosen = tune_reviewed(store.index, 1000 * 4 / 110)
    assert len(chosen.tuning.good) == 110 and len(chosen.tuning.damaged) == 5
    assert (chosen.tuning.good >= chosen.tuning.point.threshold).sum() == 4
    assert chosen.tuning.recall == 1.0
    assert chosen.model_id == "damage_net-test"


def test_a_damaged_item_that_passed_counts_as_missed(store):
    missed = add_item(store, 400, Verdict.PASS, confidence=0.3)
    store.index.judge(missed.key, Judgement.DAMAGED, "anna", 1, "tear")
    assert tune_reviewed(store.index, 20).tuning.recall == pytest.approx(5 / 6)


def test_what_says_nothing_of_the_threshold_is_left_out(store):
    before = tune_reviewed(store.index, 20)
    add_item(store, 400, confidence=0.99)  # diverted, and nobody looked
    skipped = add_item(store, 401, confidence=0.99)
    store.index.judge(skipped.key, Judgement.SKIPPED, "anna", 1)
    add_item(store, 402, Verdict.UNKNOWN, confidence=0.99)
    add_item(store, 403, Verdict.PASS, confidence=0.99, reasons=Reason.TOLERATED)
    after = tune_reviewed(store.index, 20)
    assert after.tuning.point == before.tuning.point
    assert after.tuning.unjudged == 2


def test_items_of_another_model_are_left_out_and_counted(store):
    for number in range(100):
        add_item(
            store,
            500 + number,
            Verdict.PASS,
            images=False,
            confidence=number / 1000,
            model_id="newer",
        )
    chosen = tune_reviewed(store.index, 20)
    assert (chosen.model_id, chosen.other_models) == ("newer", 115)
    assert chosen.tuning.point.threshold < 0.1


def test_only_items_of_the_time_asked_for_count(store):
    with pytest.raises(DatasetError, match="good items can show"):
        tune_reviewed(store.index, 1, until_ns=START_NS + 50 * 60 * 10**9)
    with pytest.raises(DatasetError, match="no item"):
        tune_reviewed(store.index, 1, until_ns=START_NS)


def test_the_command_takes_a_folder_of_records_as_it_is(store, tmp_path, capsys):
    add_item(store, 400, confidence=0.99)
    params = tmp_path / "tuned.yaml"
    with pytest.raises(SystemExit) as ended:
        main(["tune", str(store.folder), "--params", str(params), "--false-diverts-per-1000", "40"])
    assert ended.value.code == 0
    values = yaml.safe_load(params.read_text())["/**"]["damage_detector"]["ros__parameters"]
    expected = tune_reviewed(store.index, 40).tuning.point.threshold
    assert values["damage_threshold"] == pytest.approx(expected, abs=1e-6)
    assert params.with_suffix(".png").stat().st_size > 5000
    assert "1 diverted items were never reviewed" in " ".join(capsys.readouterr().out.split())
