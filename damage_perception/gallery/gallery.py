"""The references in use, as one thread reads them: what never changes once it is made."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from damage_perception.gallery.reference import Reference
from damage_perception.gallery.store.descriptor_index import DescriptorIndex
from damage_perception.network.bank import Bank
from damage_perception.network.comparison import Identification
from damage_perception.verdict.difference import LEAST_CONFIDENCE, Identity


class Gallery:
    """A snapshot of active references, to compare items with and to identify them by.

    Whoever wants other references makes another snapshot: readers never wait.

    references      of one model
    identification  how sure a sku is, of that model
    """

    def __init__(self, references: Sequence[Reference], identification: Identification) -> None:
        self._identification = identification
        self._by_sku: dict[str, list[Reference]] = defaultdict(list)
        for reference in references:
            self._by_sku[reference.sku].append(reference)
        self._banks = {
            sku: Bank.of([reference.embedding for reference in of_sku])
            for sku, of_sku in self._by_sku.items()
        }
        descriptors = [reference.embedding.descriptor for reference in references]
        if descriptors:
            names = [reference.sku for reference in references]
            self._index = DescriptorIndex(np.stack(descriptors), names)

    def __len__(self) -> int:
        return sum(len(of_sku) for of_sku in self._by_sku.values())

    @property
    def skus(self) -> tuple[str, ...]:
        """All that can be compared."""
        return tuple(self._by_sku)

    def bank(self, sku: str) -> Bank | None:
        """What views of ``sku`` are compared with; None where it has no reference."""
        return self._banks.get(sku)

    def references(self, sku: str) -> tuple[Reference, ...]:
        """The references of ``sku``."""
        return tuple(self._by_sku.get(sku, ()))

    def identify(self, descriptor: NDArray[np.float32]) -> Identity:
        """The sku that a descriptor (D,) looks like most."""
        if not self._by_sku:
            return Identity()
        best = self._index.nearest(descriptor, 2)
        second = best[1][1] if len(best) > 1 else -1.0
        return Identity(best[0][0], self._identification.confidence(best[0][1], second))

    def not_told_from(self, sku: str) -> str:
        """The other sku that most references of ``sku`` cannot be told from; empty: none.

        Each reference is taken for an item and held against the others. Items of such a sku are
        called none of those enrolled, unless they are announced.
        """
        confused: Counter[str] = Counter()
        own = [reference.embedding.descriptor for reference in self.references(sku)]
        for place, descriptor in enumerate(own):
            others = [other for other in self._index.nearest(descriptor, 2) if other[0] != sku]
            alike = [float(descriptor @ one) for at, one in enumerate(own) if at != place]
            # Of one reference nobody knows how alike the next piece looks: at best as like as it.
            best = max(alike, default=1.0)
            if others and self._identification.confidence(best, others[0][1]) < LEAST_CONFIDENCE:
                confused[others[0][0]] += 1
        (name, count), *_ = confused.most_common(1) or [("", 0)]
        return name if 2 * count > len(own) else ""
