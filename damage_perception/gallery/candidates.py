"""Candidates: views that wait until somebody accepts them as references."""

from __future__ import annotations

from typing import Final

from damage_perception.gallery.store.store import GalleryStore

# So many of a sku wait for a review; more would only be looked at less closely.
MOST_CANDIDATES: Final = 8


def room_for_candidates(store: GalleryStore, sku: str) -> int:
    """How many more candidates a sku may have. Raises GalleryError."""
    waiting = [summary.candidates for summary in store.summaries() if summary.sku == sku]
    return MOST_CANDIDATES - sum(waiting)
