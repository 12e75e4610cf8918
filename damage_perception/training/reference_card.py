"""What the card says of comparing with references, measured on calibration views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from damage_perception.network import Embedding, OnnxRuntimeSession
from damage_perception.network.bank import Bank
from damage_perception.network.comparison import Sameness
from damage_perception.network.contract import ITEM_LOGIT, REFERENCES, SAME_LOGIT, VIEW
from damage_perception.training.calibration import fit_logistic, good_items
from damage_perception.training.views import LabelledViews

MOST_REFERENCES = 3
# Share of the good views that may be told to show another product than their references.
SAME_LOST = 0.01
# Joined, both signals may lose so much AUROC against the better one, on each set: the sets of real
# pictures are small.
FUSION_LOSS = 0.02
# What is said of the simulated views in the card.
SIMULATED = "simulated"
# Weights that are tried for the damage network beside the references.
_WEIGHTS = np.linspace(0, 1, 11)


@dataclass(frozen=True)
class SeenViews:
    """Calibration views with what the damage network says of them.

    embeddings  of those that are references turned copies, too
    source      (N,) the set that each is of
    log_odds    (N,) calibrated
    """

    views: LabelledViews
    source: NDArray[np.str_]
    embeddings: list[Embedding]
    log_odds: NDArray[np.float64]


@dataclass(frozen=True)
class _Compared:
    """Views that have references.

    rows      (V,) of the views
    signals   (V, 2) logit of the comparer and excess, against references of their product
    same      (V, 2) logit of the references being of their product, and cosine of descriptors
    mistaken  (V, 2) the same, with references of another product
    """

    rows: NDArray[np.intp]
    signals: NDArray[np.float64]
    same: NDArray[np.float64]
    mistaken: NDArray[np.float64]


def reference_card(
    session: OnnxRuntimeSession, simulated: SeenViews, real: SeenViews | None
) -> dict[str, Any]:
    """The section ``references`` of a card, without the file of the graph.

    session  of the graph that compares
    real     pictures made elsewhere; None: there are none

    Simulated views and real ones count alike for how damage is told: references have to help where
    the simulated cell was not.
    """
    found = _compare(session, simulated)
    parts = [(simulated, found)]
    if real is not None:
        parts.append((real, _compare(session, real)))
    truth, source, alone, signals = (
        np.concatenate(part)
        for part in zip(
            *(
                (
                    np.asarray(seen.views.damaged)[one.rows],
                    seen.source[one.rows],
                    seen.log_odds[one.rows],
                    one.signals,
                )
                for seen, one in parts
            ),
            strict=True,
        )
    )
    counts = _counts(source, truth)
    weights = fit_logistic(signals, truth, counts)
    against = signals @ weights[:2] + weights[2]
    fusion, measured = _fusion(alone, against, truth, source, counts)
    joined = fusion["supervised"] * alone + fusion["references"] * against + fusion["offset"]
    same = _same(found, truth[: len(found.rows)])
    mistaken = [same.margin(*one) >= 0 for one in found.mistaken]
    identification, top1 = _identification(simulated.views, simulated.embeddings)
    names = ("logit", "excess", "offset")
    return {
        "calibration": _rounded(dict(zip(names, weights, strict=True))),
        "fusion": fusion,
        "identification": identification,
        "same": _rounded(vars(same)),
        "good_items": good_items(joined, truth),
        "measured": {
            "views": len(truth),
            "most_references": MOST_REFERENCES,
            "auroc": measured,
            "other_product_taken_for_same": round(float(np.mean(mistaken)), 4),
            "top1_of_all_products": round(top1, 4),
        },
    }


def _rounded(weights: Mapping[str, Any]) -> dict[str, float]:
    return {name: round(float(weight), 6) for name, weight in weights.items()}


def _counts(source: NDArray[np.str_], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) how often each view counts: as many damaged as good, simulated as real, of each set."""
    counts = np.zeros(len(truth))
    elsewhere = set(source) - {SIMULATED}
    for name in set(source):
        share = 1.0 if name == SIMULATED else 1 / len(elsewhere)
        for damaged in (False, True):
            rows = (source == name) & (truth == damaged)
            counts[rows] = share / max(1, int(rows.sum()))
    return counts


def _fusion(
    alone: NDArray[np.float64],
    against: NDArray[np.float64],
    truth: NDArray[np.bool_],
    source: NDArray[np.str_],
    counts: NDArray[np.float64],
) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """How both signals are joined, and AUROC by set of each and of both.

    The weight is that with which the set that loses most against its better signal loses least; of
    equal ones, that nearest to the likeliest.
    """
    both_kinds = [name for name in np.unique(source) if len(set(truth[source == name])) == 2]

    def measure(both: NDArray[np.float64]) -> dict[str, dict[str, float]]:
        signals = {"supervised": alone, "references": against, "joined": both}
        return {
            str(name): {
                signal: round(float(roc_auc_score(truth[source == name], odds[source == name])), 4)
                for signal, odds in signals.items()
            }
            for name in both_kinds
        }

    def lost(measured: Mapping[str, Mapping[str, float]]) -> float:
        return max(
            max(one["supervised"], one["references"]) - one["joined"] for one in measured.values()
        )

    likeliest = np.clip(fit_logistic(np.column_stack((alone, against)), truth, counts)[:2], 0, None)
    share = likeliest[0] / max(likeliest.sum(), 1e-9)

    def joined(weight: float) -> NDArray[np.float64]:
        return weight * alone + (1 - weight) * against

    def worth(weight: float) -> tuple[float, float]:
        return round(lost(measure(joined(weight))), 3), abs(weight - share)

    weight = min(_WEIGHTS, key=worth)
    scale, offset = fit_logistic(joined(weight)[:, None], truth, counts)
    measured = measure(joined(weight))
    fusion = _rounded(
        {
            "supervised": scale * weight,
            "references": scale * (1 - weight),
            "offset": offset,
        }
    )
    return {**fusion, "used": bool(scale > 0 and lost(measured) <= FUSION_LOSS)}, measured


def _references(views: LabelledViews) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each view with the rows of its references: undamaged views of its product, other scenes."""
    product, scene = np.asarray(views.product), np.asarray(views.scene)
    good = ~np.asarray(views.damaged)
    for row in range(len(views)):
        # Views of one product lie together.
        near = np.arange(max(0, row - 64), min(len(views), row + 64))
        usable = (
            good[near]
            & (product[row] >= 0)
            & (product[near] == product[row])
            & (scene[near] != scene[row])
        )
        yield row, near[usable][:MOST_REFERENCES]


def reference_rows(views: LabelledViews) -> NDArray[np.intp]:
    """Those that are references of others."""
    return np.unique(np.concatenate([np.empty(0, np.intp), *(r for _, r in _references(views))]))


def _compare(session: OnnxRuntimeSession, seen: SeenViews) -> _Compared:
    embeddings = seen.embeddings
    known = [
        (row, refs)
        for row, refs in _references(seen.views)
        if len(refs) and len(embeddings[row].cells) and any(len(embeddings[r].cells) for r in refs)
    ]
    # Views of one product share their references, and thinning them out takes long.
    made = {tuple(refs): Bank.of([embeddings[ref] for ref in refs]) for _, refs in known}
    signals, same, mistaken = [], [], []
    for place, (row, refs) in enumerate(known):
        one, bank = embeddings[row], made[tuple(refs)]
        found = _run(session, one, bank)
        # Half of all views on, there is another product.
        others = known[place - len(known) // 2][1]
        other = _run(session, one, made[tuple(others)])
        signals.append((float(found[ITEM_LOGIT][0]), bank.excess(one.looks)))
        same.append((found[SAME_LOGIT][0], _cosine(one, refs, embeddings)))
        mistaken.append((other[SAME_LOGIT][0], _cosine(one, others, embeddings)))
    rows = np.array([row for row, _ in known], np.intp)
    pairs = (np.array(part, np.float64).reshape(-1, 2) for part in (signals, same, mistaken))
    return _Compared(rows, *pairs)


def _run(session: OnnxRuntimeSession, seen: Embedding, bank: Bank) -> Mapping[str, NDArray[Any]]:
    """What production says of a view against a bank."""
    return session.run({VIEW: seen.compared, REFERENCES: bank.compared.astype(np.float32)})


def _cosine(seen: Embedding, references: NDArray[np.intp], embeddings: list[Embedding]) -> float:
    return max(float(embeddings[row].descriptor @ seen.descriptor) for row in references)


def _same(found: _Compared, damaged: NDArray[np.bool_]) -> Sameness:
    """Fitted on views against references of their product and of another one."""
    features = np.concatenate((found.same, found.mistaken))
    weights = fit_logistic(features, np.arange(len(features)) < len(found.same))
    odds = found.same[~damaged] @ weights[:2]
    return Sameness(float(weights[0]), float(weights[1]), float(np.quantile(odds, SAME_LOST)))


def _identification(
    views: LabelledViews, embeddings: list[Embedding]
) -> tuple[dict[str, float], float]:
    """How sure a sku is, from cosines; and the share of views whose sku is found among all."""
    product = np.asarray(views.product)
    descriptors = np.stack([embedding.descriptor for embedding in embeddings])
    enrolled = np.zeros(len(views), bool)
    for number in np.unique(product):
        good = np.flatnonzero((product == number) & ~np.asarray(views.damaged))
        enrolled[good[:MOST_REFERENCES]] = True
    queries = np.flatnonzero(~enrolled)
    likeness = descriptors[queries] @ descriptors[enrolled].T
    owners = product[enrolled]
    features, right = [], []
    for query, cosines in zip(queries, likeness, strict=True):
        for hidden in (-1, product[query]):
            # With its own product hidden, every answer is wrong.
            kept = np.where(owners == hidden, -1.0, cosines)
            best = int(kept.argmax())
            second = float(np.where(owners == owners[best], -1.0, kept).max())
            features.append((kept[best], kept[best] - second))
            right.append(owners[best] == product[query])
    weights = fit_logistic(np.array(features), np.array(right))
    names = ("cosine", "lead", "offset")
    fitted = {name: round(float(weight), 6) for name, weight in zip(names, weights, strict=True)}
    return fitted, float(np.mean(right[::2]))
