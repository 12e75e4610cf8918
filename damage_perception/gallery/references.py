"""Holds the evidence of items against a gallery: comparison, mismatch, identification."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.gallery.gallery import Gallery
from damage_perception.network.contract import CELL_STRIDE, MAP_STRIDE, cells_along
from damage_perception.network.damage_network import DamageNetwork
from damage_perception.network.embedding import Embedding
from damage_perception.network.session import BackendError
from damage_perception.odds import probability
from damage_perception.verdict.difference import Difference, Identity, ReferenceStatus
from damage_perception.verdict.evidence import Evidence, Sighting
from damage_perception.verdict.geometry import ViewGeometry
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.regions import Region, find_regions

# Cells of the network's maps along one of the dense embeddings.
_MAP_CELLS: Final = CELL_STRIDE // MAP_STRIDE


@dataclass
class References:
    """What a gallery says of items.

    gallery   references to compare with; None: nothing is compared
    identify  whether an item without an announced sku is compared with what it looks like
    problem   why the newest comparison failed; empty where it did not
    """

    network: DamageNetwork
    gallery: Gallery | None = None
    identify: bool = True
    problem: str = ""

    def consult(
        self,
        evidence: Evidence,
        announced: str,
        policy: VerdictPolicy,
    ) -> tuple[str, Identity]:
        """Compares what was seen of an item with the references of its sku.

        announced  its sku; empty: that of the references it looks like

        Returns the sku, empty where none is known, and what the item looks like, where that
        matters: nothing was announced, or something else.
        """
        if announced:
            self._compare(evidence, announced, policy)
            identity = self.identity(evidence) if evidence.mismatch else Identity()
            if identity.nearest == announced:
                # Its picture is that of the sku, its surface is not: then it is of none.
                identity = replace(identity, confidence=0.0)
            return announced, identity
        identity = self.identity(evidence)
        self._compare(evidence, identity.sku, policy)
        if evidence.mismatch:
            # Nobody said that it was of this sku: where the comparison denies it, it is of none.
            evidence.forget_differences()
            identity = replace(identity, confidence=0.0)
        return identity.sku, identity

    def _compare(self, evidence: Evidence, sku: str, policy: VerdictPolicy) -> None:
        bank = self.gallery.bank(sku) if self.gallery is not None and sku else None
        if bank is None or (card := self.network.card.references) is None:
            return
        threshold = policy.threshold_of(compared=True)

        def compared(sighting: Sighting, embedding: Embedding) -> Sighting:
            try:
                found = self.network.compare(embedding, bank)
            except BackendError as error:
                self.problem = str(error)
                return sighting
            self.problem = ""
            joined = card.fusion.join(sighting.logit, found.log_odds)
            regions = sighting.regions
            differs = found.same >= 0 and probability(joined) >= threshold
            if differs and not regions and sighting.geometry is not None:
                side = cells_along(self.network.view_size)
                regions = _regions(found.change, embedding, sighting, sighting.geometry, side)
            difference = Difference(sku, found.log_odds, joined, found.same)
            return replace(sighting, difference=difference, regions=regions)

        evidence.compare(sku, compared)

    def identity(self, evidence: Evidence) -> Identity:
        """The sku that an item looks like."""
        descriptor = evidence.descriptor() if self.gallery is not None and self.identify else None
        if self.gallery is None or descriptor is None:
            return Identity()
        return self.gallery.identify(descriptor)

    def status(self, evidence: Evidence, sku: str) -> ReferenceStatus:
        """What became of comparing an item with the references of ``sku``; empty: not known."""
        if not sku:
            return ReferenceStatus.NO_SKU
        if evidence.mismatch:
            return ReferenceStatus.MISMATCH
        if evidence.compared:
            return ReferenceStatus.USED
        if self.gallery is not None and self.gallery.bank(sku) is None:
            return ReferenceStatus.UNKNOWN_SKU
        return ReferenceStatus.UNAVAILABLE


def _regions(
    change: NDArray[np.float32],
    embedding: Embedding,
    sighting: Sighting,
    view: ViewGeometry,
    cells: int,
) -> tuple[Region, ...]:
    """Where a comparison found a change, as regions of the kind that the network holds likest.

    cells  along a side of the view
    """
    maps = np.zeros((len(sighting.kinds), cells, cells), np.float32)
    kind = int(np.argmax(sighting.kinds))
    maps[kind, embedding.where[:, 0], embedding.where[:, 1]] = change
    # At the resolution of the network's own maps, for which regions have a least size.
    fine = maps.repeat(_MAP_CELLS, axis=1).repeat(_MAP_CELLS, axis=2)
    return find_regions(fine, view)
