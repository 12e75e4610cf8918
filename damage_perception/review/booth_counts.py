"""How much was captured at the booth: references of good pieces, and samples of damage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from damage_perception.gallery.reference import Action, GalleryError
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.records.item_record import Judgement, Kept, RecordError
from damage_perception.review.sharing import Shared

_MOST_ROWS: Final = 6


@dataclass
class Count:
    """References in use and samples of damage of a product, and how many of them are of today."""

    sku: str = ""
    references: int = 0
    references_today: int = 0
    samples: int = 0
    samples_today: int = 0

    @property
    def today(self) -> int:
        """Of both together."""
        return self.references_today + self.samples_today


@dataclass(frozen=True)
class Counts:
    """What was captured: of every product, and in all."""

    by_sku: dict[str, Count]
    total: Count

    @property
    def pictures(self) -> int:
        """References in use and samples of damage together."""
        return self.total.references + self.total.samples

    @property
    def today(self) -> list[Count]:
        """Products of today, those with the most first."""
        of_today = [count for count in self.by_sku.values() if count.today]
        return sorted(of_today, key=lambda count: -count.today)[:_MOST_ROWS]

    def of(self, sku: str) -> Count:
        """Of one product."""
        return self.by_sku.get(sku, Count(sku))


def count(pages: Shared) -> Counts:
    """What was captured by now; the day is that of the cell."""
    midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    since_ns = round(midnight.timestamp() * 1e9)
    by_sku: dict[str, Count] = {}

    def of(sku: str) -> Count:
        return by_sku.setdefault(sku, Count(sku))

    for sku, samples, today in _samples(pages, since_ns):
        of(sku).samples, of(sku).samples_today = samples, today
    store = _gallery(pages)
    if store is not None:
        for summary in store.summaries():
            of(summary.sku).references = summary.active
        for sku, added in _enrolled(store, since_ns):
            of(sku).references_today += added
    names = ("references", "references_today", "samples", "samples_today")
    sums = {name: sum(getattr(each, name) for each in by_sku.values()) for name in names}
    return Counts(by_sku, Count(**sums))


def _samples(pages: Shared, since_ns: int) -> list[tuple[str, int, int]]:
    """Of each sku: samples of damage, and how many of them since."""
    rows = pages.store.index.query(
        # Said twice, because the index of what was judged is of both judgements.
        "SELECT sku, count(*), sum(time_ns >= ?) FROM items "
        "WHERE judgement IN (1, 2) AND judgement = ? AND kept = ? GROUP BY sku",
        (since_ns, int(Judgement.DAMAGED), Kept.BOOTH.value),
    )
    return [(str(sku), int(samples), int(today)) for sku, samples, today in rows]


def _enrolled(store: GalleryStore, since_ns: int) -> list[tuple[str, int]]:
    return [
        (change.sku, len(change.reference_ids))
        for change in store.changes()
        if change.action is Action.ENROLL and not change.undone and change.time_ns >= since_ns
    ]


def _gallery(pages: Shared) -> GalleryStore | None:
    """None where there is none yet, or it cannot be read: the counts say nothing of it."""
    try:
        return pages.gallery()
    except (RecordError, GalleryError):
        return None
