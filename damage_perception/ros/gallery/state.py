"""What is in use of the gallery, and what has changed between two looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from damage_perception.gallery.reference import Reference, SkuSummary


@dataclass(frozen=True)
class GalleryState:
    """What is known of the gallery, as it stands in the diagnostics.

    skus, references  in use
    candidates        that wait for a review
    changed           skus whose packaging seems to have changed
    problem           why the gallery is not in use, or not all of it; empty where it is
    """

    uri: str
    skus: int = 0
    references: int = 0
    candidates: int = 0
    changed: tuple[str, ...] = ()
    problem: str = ""


def _by_sku(references: Sequence[Reference]) -> dict[str, set[str]]:
    skus: dict[str, set[str]] = {}
    for reference in references:
        skus.setdefault(reference.sku, set()).add(reference.reference_id)
    return skus


def changed_skus(before: Sequence[Reference], after: Sequence[Reference]) -> set[str]:
    """Skus that are compared with other references than before."""
    old, new = _by_sku(before), _by_sku(after)
    return {sku for sku in old.keys() | new.keys() if old.get(sku) != new.get(sku)}


def fewer_candidates(before: Sequence[SkuSummary], after: Sequence[SkuSummary]) -> set[str]:
    """Skus whose candidates were accepted or rejected."""
    new = {summary.sku: summary.candidates for summary in after}
    return {old.sku for old in before if new.get(old.sku, 0) < old.candidates}


def same(before: Sequence[Reference], after: Sequence[Reference]) -> bool:
    """Whether both are the same references with the same embeddings, which are read once."""
    return len(before) == len(after) and all(
        old.reference_id == new.reference_id and old.embedding is new.embedding
        for old, new in zip(before, after, strict=True)
    )
