"""What the card says of comparing with references, measured on calibration views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from damage_perception.network import Embedding, OnnxRuntimeSession
from damage_perception.network.bank import Bank
from damage_perception.network.comparison import ReferenceCalibration, Sameness, beside_signal
from damage_perception.network.contract import ITEM_LOGIT, REFERENCES, SAME_LOGIT, VIEW
from damage_perception.training.calibration import fit_logistic, good_items
from damage_perception.training.views import LabelledViews

MOST_REFERENCES = 3
# Views are held against so many: one alone says less, and is to be worth no more than it says.
COUNTS = (1, MOST_REFERENCES)
# Share of the good views that may be told to show another product than their references.
SAME_LOST = 0.01
# Fewer are, where so many views of other products are told all the same.
OTHERS_TOLD = 0.995
# Joined, both signals may lose so much AUROC against the better one, on each set: that of the
# smallest, of 70 views, is known no better.
FUSION_LOSS = 0.03
# What is said of the simulated views in the card.
SIMULATED = "simulated"
# How much real sets count in all, where simulated views count 1.
_REAL = 2.0
# Weights that are tried for the damage network beside the references. It always has a say: what no
# reference shows is its to tell.
_WEIGHTS = np.linspace(0.05, 1, 20)


@dataclass(frozen=True)
class SeenViews:
    """Calibration views with what the damage network says of them.

    embeddings  of those that are references turned copies, too, where they may lie anyhow
    source      (N,) the set that each is of
    log_odds    (N,) calibrated
    beside      (N,) log odds of damage beside the item
    """

    views: LabelledViews
    source: NDArray[np.str_]
    embeddings: list[Embedding]
    log_odds: NDArray[np.float64]
    beside: NDArray[np.float64]

    def beside_signals(self) -> NDArray[np.float64]:
        """(N,) what the weight of damage beside the item is of."""
        pairs = zip(self.log_odds, self.beside, strict=True)
        return np.array([beside_signal(float(alone), float(near)) for alone, near in pairs])


@dataclass(frozen=True)
class _Compared:
    """Views that have references.

    rows      (V,) of the views
    signals   (V, 4) of `ReferenceCalibration`, against references of their product
    same      (V, 2) logit of the references being of their product, and cosine of descriptors
    mistaken  (V, 2) the same, with references of another product
    """

    rows: NDArray[np.intp]
    signals: NDArray[np.float64]
    same: NDArray[np.float64]
    mistaken: NDArray[np.float64]


def reference_card(
    session: OnnxRuntimeSession, simulated: SeenViews, real: Sequence[SeenViews]
) -> dict[str, Any]:
    """The section ``references`` of a card, without the files that it names.

    session  of the graph that compares
    real     pictures made elsewhere

    Real views count twice as much as simulated ones for how damage is told: references have to help
    where the simulated cell was not.
    """
    against = [
        (seen, count, _compare(session, seen, count))
        for seen in (simulated, *real)
        for count in COUNTS
    ]
    truth, source, alone, near, signals = (
        np.concatenate(part)
        for part in zip(
            *(
                (
                    np.asarray(seen.views.damaged)[one.rows],
                    np.char.add(seen.source[one.rows], f", {count} reference{'s' * (count > 1)}"),
                    seen.log_odds[one.rows],
                    seen.beside_signals()[one.rows],
                    one.signals,
                )
                for seen, count, one in against
            ),
            strict=True,
        )
    )
    counts = _counts(source, truth)
    *weights, offset = fit_logistic(signals, truth, counts)
    calibration = ReferenceCalibration(weights[0], weights[1], offset, weights[2], weights[3])
    referred = signals @ weights + offset
    fusion, measured = _fusion(alone, referred, near, truth, source, counts)
    joined = fusion["supervised"] * alone + fusion["references"] * referred + fusion["offset"]
    joined = joined + fusion["beside"] * near
    # Of the simulated views, against as many references as there may be.
    found = against[len(COUNTS) - 1][2]
    same = _same(found, np.asarray(simulated.views.damaged)[found.rows])
    mistaken = [same.margin(*one) >= 0 for one in found.mistaken]
    identification, top1 = _identification(simulated.views, simulated.embeddings)
    return {
        "calibration": _rounded(vars(calibration)),
        "fusion": fusion,
        "identification": identification,
        "same": _rounded(vars(same)),
        "good_items": good_items(joined, truth),
        "measured": {
            "views": len(truth),
            "auroc": measured,
            "other_product_taken_for_same": round(float(np.mean(mistaken)), 4),
            "top1_of_all_products": round(top1, 4),
        },
    }


def _rounded(weights: Mapping[str, Any]) -> dict[str, float]:
    return {name: round(float(weight), 6) for name, weight in weights.items()}


def _counts(source: NDArray[np.str_], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) how often each view counts: as many damaged as good, and of each real set as many."""
    counts = np.zeros(len(truth))
    names = set(source)
    cell = {name for name in names if name.startswith(SIMULATED)}
    for name in names:
        share = 1 / len(cell) if name in cell else _REAL / len(names - cell)
        for damaged in (False, True):
            rows = (source == name) & (truth == damaged)
            counts[rows] = share / max(1, int(rows.sum()))
    return counts


def _fusion(
    alone: NDArray[np.float64],
    against: NDArray[np.float64],
    beside: NDArray[np.float64],
    truth: NDArray[np.bool_],
    source: NDArray[np.str_],
    counts: NDArray[np.float64],
) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """How both signals are joined, and AUROC by set of each and of both.

    The weight is that with which the set that loses most against its better signal loses least; of
    equal ones, that nearest to the likeliest. What the network shows beside the item has a weight
    of its own on top, the likeliest, since no reference is compared there.
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
    scale, extra, offset = fit_logistic(np.column_stack((joined(weight), beside)), truth, counts)
    if extra < 0:
        extra, (scale, offset) = 0.0, fit_logistic(joined(weight)[:, None], truth, counts)
    measured = measure(scale * joined(weight) + extra * beside)
    fusion = _rounded(
        {
            "supervised": scale * weight,
            "references": scale * (1 - weight),
            "beside": extra,
            "offset": offset,
        }
    )
    return {**fusion, "used": bool(scale > 0 and lost(measured) <= FUSION_LOSS)}, measured


def _references(views: LabelledViews, most: int) -> Iterator[tuple[int, NDArray[np.intp]]]:
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
        yield row, near[usable][:most]


def reference_rows(views: LabelledViews) -> NDArray[np.intp]:
    """Those that are references of others."""
    found = (rows for _, rows in _references(views, MOST_REFERENCES))
    return np.unique(np.concatenate([np.empty(0, np.intp), *found]))


def _compare(session: OnnxRuntimeSession, seen: SeenViews, most: int) -> _Compared:
    embeddings = seen.embeddings
    known = [
        (row, refs)
        for row, refs in _references(seen.views, most)
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
        distance = bank.distance(one.looks)
        signals.append(
            ReferenceCalibration.signals(float(found[ITEM_LOGIT][0]), distance, bank.typical)
        )
        same.append((found[SAME_LOGIT][0], _cosine(one, refs, embeddings)))
        mistaken.append((other[SAME_LOGIT][0], _cosine(one, others, embeddings)))
    rows = np.array([row for row, _ in known], np.intp)
    return _Compared(
        rows,
        np.array(signals, np.float64).reshape(-1, 4),
        *(np.array(part, np.float64).reshape(-1, 2) for part in (same, mistaken)),
    )


def _run(session: OnnxRuntimeSession, seen: Embedding, bank: Bank) -> Mapping[str, NDArray[Any]]:
    """What production says of a view against a bank."""
    return session.run({VIEW: seen.compared, REFERENCES: bank.compared.astype(np.float32)})


def _cosine(seen: Embedding, references: NDArray[np.intp], embeddings: list[Embedding]) -> float:
    return max(float(embeddings[row].descriptor @ seen.descriptor) for row in references)


def _same(found: _Compared, damaged: NDArray[np.bool_]) -> Sameness:
    """Fitted on views against references of their product and of another one."""
    features = np.concatenate((found.same, found.mistaken))
    weights = fit_logistic(features, np.arange(len(features)) < len(found.same))
    right, others = found.same[~damaged] @ weights[:2], found.mistaken @ weights[:2]
    least = min(np.quantile(right, SAME_LOST), np.quantile(others, OTHERS_TOLD))
    return Sameness(float(weights[0]), float(weights[1]), float(least))


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
