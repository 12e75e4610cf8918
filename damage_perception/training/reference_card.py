"""What the card says of comparing with references, measured on calibration views."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from damage_perception.gallery.bank import Bank
from damage_perception.network import Embedding, OnnxRuntimeSession
from damage_perception.network.comparison import Sameness
from damage_perception.network.contract import ITEM_LOGIT, REFERENCES, SAME_LOGIT, VIEW
from damage_perception.training.calibration import fit_calibration, fit_logistic, good_items
from damage_perception.training.views import LabelledViews

MOST_REFERENCES = 3
# Share of the good views that may be told to show another product than their references.
SAME_LOST = 0.01
# Joined, both signals may lose so much AUROC against the better one.
FUSION_LOSS = 0.002


@dataclass(frozen=True)
class _Compared:
    """Views that have references.

    rows      (V,) of the views
    logits    (V,) of damage, against references of their product
    same      (V, 2) logit of the references being of their product, and cosine of descriptors
    mistaken  (V, 2) the same, with references of another product
    """

    rows: NDArray[np.intp]
    logits: NDArray[np.float32]
    same: NDArray[np.float32]
    mistaken: NDArray[np.float32]


def reference_card(
    session: OnnxRuntimeSession,
    views: LabelledViews,
    embeddings: list[Embedding],
    log_odds: NDArray[np.float64],
) -> dict[str, Any]:
    """The section ``references`` of a card, without the file of the graph.

    session     of the graph that compares
    embeddings  of all ``views``
    log_odds    (N,) calibrated, of the damage network
    """
    damaged = np.asarray(views.damaged)
    found = _compare(session, views, embeddings)
    truth = damaged[found.rows]
    scale, offset = fit_calibration(found.logits, truth)
    signals = np.column_stack((log_odds[found.rows], scale * found.logits + offset))
    weights = fit_logistic(signals, truth)
    joined = signals @ weights[:2] + weights[2]
    alone, against = (float(roc_auc_score(truth, signal)) for signal in signals.T)
    both = float(roc_auc_score(truth, joined))
    same = _same(found, truth)
    mistaken = [same.margin(*one) >= 0 for one in found.mistaken]
    identification, top1 = _identification(views, embeddings)
    return {
        "calibration": {"scale": round(scale, 6), "offset": round(offset, 6)},
        "fusion": {
            "supervised": round(float(weights[0]), 6),
            "references": round(float(weights[1]), 6),
            "offset": round(float(weights[2]), 6),
            "used": bool(weights[:2].min() >= 0 and both >= max(alone, against) - FUSION_LOSS),
        },
        "identification": identification,
        "same": {name: round(weight, 6) for name, weight in vars(same).items()},
        "good_items": good_items(joined, truth),
        "measured": {
            "views": len(truth),
            "most_references": MOST_REFERENCES,
            "auroc": {
                "supervised": round(alone, 4),
                "references": round(against, 4),
                "joined": round(both, 4),
            },
            "other_product_taken_for_same": round(float(np.mean(mistaken)), 4),
            "top1_of_all_products": round(top1, 4),
        },
    }


def _references(views: LabelledViews) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each view with the rows of its references: undamaged views of its product, other scenes."""
    product, scene = np.asarray(views.product), np.asarray(views.scene)
    good = ~np.asarray(views.damaged)
    for row in range(len(views)):
        # Views of one product lie together.
        near = np.arange(max(0, row - 64), min(len(views), row + 64))
        usable = good[near] & (product[near] == product[row]) & (scene[near] != scene[row])
        yield row, near[usable][:MOST_REFERENCES]


def _compare(
    session: OnnxRuntimeSession, views: LabelledViews, embeddings: list[Embedding]
) -> _Compared:
    known = [(row, refs) for row, refs in _references(views) if len(refs)]
    # Views of one product share their references, and thinning them out takes long.
    made = {tuple(refs): _bank([embeddings[ref] for ref in refs]) for _, refs in known}
    banks = [made[tuple(refs)] for _, refs in known]
    logits, same, mistaken = [], [], []
    for place, (row, refs) in enumerate(known):
        seen = embeddings[row]
        found = session.run({VIEW: seen.cells, REFERENCES: banks[place]})
        # Half of all views on, there is another product.
        elsewhere = place - len(known) // 2
        other = session.run({VIEW: seen.cells, REFERENCES: banks[elsewhere]})
        logits.append(found[ITEM_LOGIT][0])
        same.append((found[SAME_LOGIT][0], _cosine(seen, refs, embeddings)))
        others = known[elsewhere][1]
        mistaken.append((other[SAME_LOGIT][0], _cosine(seen, others, embeddings)))
    rows = np.array([row for row, _ in known])
    return _Compared(rows, np.array(logits), np.array(same), np.array(mistaken))


def _bank(references: list[Embedding]) -> NDArray[np.float32]:
    """What production compares with."""
    return Bank.of(references).cells.astype(np.float32)


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
