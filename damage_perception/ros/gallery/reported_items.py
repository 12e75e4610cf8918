"""What was reported lately, for people who confirm it and for the watch over packaging."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from damage_perception.gallery.comparison.packaging import DIFFERS
from damage_perception.gallery.store.codec import (
    EncodedEmbedding,
    EncodedView,
    decode_embedding,
    decode_view,
    encode_embedding,
    encode_view,
)
from damage_perception.network import Embedding
from damage_perception.odds import probability
from damage_perception.verdict.difference import ReferenceStatus
from damage_perception.verdict.evidence import Evidence
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.report import Reason, Report, Verdict
from damage_perception.view import View

KEPT: Final = 200


@dataclass(frozen=True, eq=False)
class ReportedItem:
    """An item with its newest view that counted, and what either signal said of it.

    sku         as announced, otherwise of what it looks like; empty: neither
    alone       probability of damage by the damage network alone, 0..1; NaN without evidence
    good_alone  whether the damage network alone would have let it pass
    differs     from the references of its sku, or is none of it; None where it was not compared
    view        None where nothing was seen that counts; so is the embedding
    """

    item_id: str
    sku: str
    announced: bool
    verdict: Verdict
    references: ReferenceStatus
    alone: float
    good_alone: bool
    differs: bool | None
    view: View | None
    embedding: Embedding | None

    @staticmethod
    def of(report: Report, evidence: Evidence, policy: VerdictPolicy) -> ReportedItem:
        """What ``report`` came from."""
        seen = [s for s in evidence.sightings if s.usable and s.embedding and s.view]
        newest = max(seen, key=lambda s: s.stamp_ns, default=None)
        differs = None
        if report.references is ReferenceStatus.MISMATCH:
            differs = True
        elif report.references is ReferenceStatus.USED:
            differs = report.anomaly_score >= DIFFERS
        sku, alone = report.sku or report.identity.sku, probability(evidence.logit_alone())
        # Damage that the site tolerates is damage: it must not become what good ones look like.
        diverts = any(
            policy.diverts(alone, sku=sku, camera=camera, without_depth=evidence.without_depth)
            for camera in report.cameras
        )
        good_alone = np.isfinite(alone) and not diverts and Reason.TOLERATED not in report.reasons
        return ReportedItem(
            report.item_id,
            sku,
            bool(report.sku),
            report.verdict,
            report.references,
            alone,
            bool(good_alone),
            differs,
            newest.view if newest else None,
            newest.embedding if newest else None,
        )


class ReportedItems:
    """The newest KEPT items by id; of those that passed, view and embedding as few bytes."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, ReportedItem] = OrderedDict()
        self._seen: dict[str, tuple[EncodedView, EncodedEmbedding]] = {}

    def add(self, item: ReportedItem) -> None:
        """Takes in an item, in place of an earlier one of that id and of the oldest."""
        self.remove(item.item_id)
        self._items[item.item_id] = replace(item, view=None, embedding=None)
        if item.verdict is Verdict.PASS and item.sku and item.view and item.embedding:
            self._seen[item.item_id] = encode_view(item.view), encode_embedding(item.embedding)
        if len(self._items) > KEPT:
            self.remove(next(iter(self._items)))

    def get(self, item_id: str) -> ReportedItem | None:
        """The item as it was, None where it is not among them."""
        item = self._items.get(item_id)
        if item is None or item_id not in self._seen:
            return item
        view, embedding = self._seen[item_id]
        return replace(
            item, view=decode_view(view, f"item {item_id}"), embedding=decode_embedding(embedding)
        )

    def remove(self, item_id: str) -> None:
        """Lets go of an item, where it is among them."""
        self._items.pop(item_id, None)
        self._seen.pop(item_id, None)
