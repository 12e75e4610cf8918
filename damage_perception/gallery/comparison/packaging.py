"""Notices that packaging has changed: many items of a sku that differ in the same way."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from damage_perception.network import DamageNetwork, Embedding
from damage_perception.network.bank import Bank
from damage_perception.odds import probability

# Of so many newest items of a sku, at least so many and such a share have to differ.
_WINDOW: Final = 30
_LEAST: Final = 8
_SHARE: Final = 0.6
# So many of them are held against one another.
_COMPARED: Final = 5
# Probability of damage by the references alone from which on an item differs.
DIFFERS: Final = 0.5


@dataclass(frozen=True, eq=False)
class Passed:
    """An item that the damage network alone would have passed.

    differing  what it looks like, where it differs from the references of its sku or does not
               match them at all; None where it is like them
    """

    item_id: str
    differing: Embedding | None


@dataclass(frozen=True, eq=False)
class Differing:
    """An item that differs from the references of its sku, and what it looks like."""

    item_id: str
    embedding: Embedding


@dataclass(frozen=True, eq=False)
class PackagingChange:
    """Items of ``sku`` that differ from its references, but not from one another."""

    sku: str
    items: tuple[Differing, ...]


class PackagingWatch:
    """Watches the items that pass, sku by sku; says of each sku once that its packaging changed."""

    def __init__(self, network: DamageNetwork) -> None:
        self._network = network
        self._seen: dict[str, deque[Passed]] = {}
        self._said: set[str] = set()

    def add(self, sku: str, item: Passed) -> PackagingChange | None:
        """Takes in an item; the change of packaging that it completes. Raises BackendError."""
        seen = self._seen.setdefault(sku, deque(maxlen=_WINDOW))
        seen.append(item)
        differing = [
            Differing(one.item_id, one.differing)
            for one in seen
            if one.differing is not None and len(one.differing.cells)
        ]
        if sku in self._said or len(differing) < max(_LEAST, _SHARE * len(seen)):
            return None
        newest = differing[-_COMPARED:]
        if not all(self._alike(one, newest) for one in newest):
            return None
        self._said.add(sku)
        return PackagingChange(sku, tuple(newest))

    def forget(self, sku: str) -> None:
        """Begins anew with a sku, whose references have changed."""
        self._seen.pop(sku, None)
        self._said.discard(sku)

    def _alike(self, item: Differing, others: list[Differing]) -> bool:
        """Whether an item is whole, and the same product, by what the others look like."""
        bank = Bank.of([other.embedding for other in others if other is not item])
        found = self._network.compare(item.embedding, bank)
        return found.same >= 0 and probability(found.log_odds) < DIFFERS
