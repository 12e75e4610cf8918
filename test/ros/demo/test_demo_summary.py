"""What the demo says of references: worked out from the reports as they would be without."""

import pytest

pytest.importorskip("onnx", reason="onnx is needed to write the tiny model")

from tiny_model import write_model

from damage_perception.network.model_card import ModelCard
from damage_perception.odds import probability
from damage_perception.ros.demo.summary import Tally
from damage_perception.ros.demo.without_references import WithoutReferences
from damage_perception.simulation.cell import CellStream
from damage_perception.simulation.split import Split


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return ModelCard.load(write_model(tmp_path_factory.mktemp("model"), references=True))


def answer(confidence, anomaly=None, verdict="pass", references="no_sku", reasons=(), network=None):
    return {
        "item_id": "",
        "confidence": confidence,
        "network": confidence if network is None else network,
        "anomaly": anomaly,
        "verdict": verdict,
        "references": references,
        "reasons": list(reasons),
        "latency_ms": 20.0,
        "backend": "b",
    }


def test_without_references_the_network_alone_decides(card):
    told = answer(0.9, 0.95, "divert", "used", network=0.2)
    assert WithoutReferences(card).answer(told) == {"confidence": 0.2, "verdict": "pass"}


def test_a_report_that_no_reference_spoke_in_stays_as_it_is(card):
    without = WithoutReferences(card)
    assert without.answer(answer(0.2)) == {"confidence": 0.2, "verdict": "pass"}
    assert without.answer(answer(0.9, verdict="divert"))["verdict"] == "divert"
    nothing = answer(None, verdict="unknown", reasons=["no_evidence"])
    assert without.answer(nothing) == {"confidence": None, "verdict": "unknown"}


def test_an_item_that_only_its_sku_kept_from_passing_would_have_passed(card):
    without = WithoutReferences(card)
    mismatch = answer(0.1, verdict="unknown", reasons=["sku_mismatch"])
    assert without.answer(mismatch)["verdict"] == "pass"
    blurred = answer(0.1, verdict="unknown", reasons=["blur", "sku_mismatch"])
    assert without.answer(blurred)["verdict"] == "unknown"


def test_the_summary_holds_both_against_the_truth(card):
    tally = Tally(3, card)
    fusion = card.references.fusion

    def compared(alone, by_references, verdict):
        joined = probability(fusion.join(alone, by_references, 0.0))
        return answer(
            joined, probability(by_references), verdict, "used", network=probability(alone)
        )

    for item_id, damaged, said in (
        ("a", True, compared(-2.0, 3.0, "divert")),
        ("b", False, compared(-1.0, -2.0, "pass")),
        ("c", False, answer(0.1, None, "unknown", "mismatch", ["sku_mismatch"])),
    ):
        tally.shown({"item_id": item_id, "damaged": damaged, "kind": "tear" if damaged else "none"})
        tally.answered(said | {"item_id": item_id})
    tally.enrolled({"accepted": 2, "refused": ["x"]})
    summary = tally.summary()
    figures = {"diverted": 1, "missed": 0, "false_diverts": 0, "unknown": 1, "auroc": 1.0}
    assert {name: summary[name] for name in figures} == figures
    assert summary["references"] == {
        "enrolled": 2,
        "refused": 1,
        "items_compared": 2,
        "without_them": {
            "diverted": 0, "missed": 1, "false_diverts": 0, "unknown": 0, "auroc": 0.5,
        },
    }  # fmt: skip


def test_pristine_pieces_are_turned_each_another_way_and_are_the_same_again():
    pytest.importorskip("embreex", reason="embreex is needed to render the simulated cell")
    frames = CellStream(3, Split.TEST).pristine(0, 2)
    again = CellStream(3, Split.TEST).pristine(0, 2)
    assert all((a.color == b.color).all() for a, b in zip(frames, again, strict=True))
    assert (frames[0].color != frames[1].color).any()
