"""Changes of packaging among the items reported, by the watch, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from damage_perception.gallery.comparison.packaging import PackagingWatch, Passed
from damage_perception.gallery.reference import NewReference
from damage_perception.gallery.store.codec import EncodedView, decode_view, encode_view
from damage_perception.network import DamageNetwork
from damage_perception.ros.gallery.reported_items import ReportedItem

# Skus watched at once, the newest; a change of one that comes more rarely goes unnoticed.
_MOST_SKUS: Final = 100
# Views kept of each: a change is told with so many items at most.
_VIEWS: Final = 8


@dataclass(frozen=True)
class Noticed:
    """Items of ``sku`` that differ from its references, but not from one another."""

    sku: str
    item_ids: tuple[str, ...]
    views: tuple[NewReference, ...]


class PackagingChanges:
    """Feeds the watch with announced items that the damage network alone would pass.

    pending  skus whose change was told and not yet dealt with
    """

    def __init__(self, network: DamageNetwork) -> None:
        self.pending: set[str] = set()
        self._watch = PackagingWatch(network)
        # By sku, the one seen last at the end: views of its newest items that differ.
        self._views: OrderedDict[str, deque[tuple[str, EncodedView]]] = OrderedDict()

    def add(self, item: ReportedItem) -> Noticed | None:
        """Takes in an item; the change of packaging that it completes. Raises BackendError."""
        if not (item.announced and item.good_alone) or item.sku in self.pending:
            return None
        if item.differs is None or item.view is None or item.embedding is None:
            return None
        views = self._of(item.sku)
        # Views of every item would fill the memory; one that does not differ is but counted.
        if item.differs:
            views.append((item.item_id, encode_view(item.view)))
        passed = Passed(item.item_id, item.embedding if item.differs else None)
        change = self._watch.add(item.sku, passed)
        if change is None:
            return None
        self.pending.add(item.sku)
        kept = dict(views)
        new = tuple(
            NewReference(
                decode_view(kept[one.item_id], f"item {one.item_id}"),
                one.embedding,
                f"item {one.item_id}",
            )
            for one in change.items
            if one.item_id in kept
        )
        return Noticed(item.sku, tuple(one.item_id for one in change.items), new)

    def forget(self, sku: str) -> None:
        """Begins anew with a sku, whose references or candidates have changed."""
        self._watch.forget(sku)
        self._views.pop(sku, None)
        self.pending.discard(sku)

    def _of(self, sku: str) -> deque[tuple[str, EncodedView]]:
        views = self._views.setdefault(sku, deque(maxlen=_VIEWS))
        self._views.move_to_end(sku)
        if len(self._views) > _MOST_SKUS:
            oldest = next(iter(self._views))
            del self._views[oldest]
            self._watch.forget(oldest)
        return views
