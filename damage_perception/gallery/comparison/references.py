"""Holds the evidence of items against a gallery: comparison, mismatch, identification."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.gallery.gallery import Gallery
from damage_perception.network.bank import Bank
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


@dataclass(frozen=True)
class Identified:
    """Which references an item was held against, and what came of it.

    sku       announced, or of the references that it looks like; empty where neither is known
    identity  what it looks like, where that matters: nothing was announced, or something else
    status    of the comparison
    """

    sku: str
    identity: Identity
    status: ReferenceStatus


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

    def compare(self, evidence: Evidence, announced: str, policy: VerdictPolicy) -> None:
        """Compares what was not yet compared with the references of an item's sku.

        announced  its sku; empty: that of the references it looks like
        """
        sku = announced or self._identity(evidence).sku
        bank = self.gallery.bank(sku) if self.gallery is not None and sku else None
        if bank is None or self.network.card.references is None:
            evidence.forget_differences()
            return
        evidence.compare(sku, lambda seen, by: self._compared(seen, by, bank, sku, policy))

    def identified(self, evidence: Evidence, announced: str) -> Identified:
        """What the comparisons say of an item; compares nothing itself.

        announced  its sku; empty: none was
        """
        if announced:
            identity = self._identity(evidence) if evidence.mismatch else Identity()
            if identity.nearest == announced:
                # Its picture is that of the sku, its surface is not: then it is of none.
                identity = replace(identity, confidence=0.0)
            return Identified(announced, identity, self._status(evidence, announced))
        identity = self._identity(evidence)
        if evidence.mismatch:
            # Nobody said that it was of this sku: where the comparison denies it, it is of none.
            identity = replace(identity, confidence=0.0)
        return Identified(identity.sku, identity, self._status(evidence, identity.sku))

    def _compared(
        self, seen: Sighting, embedding: Embedding, bank: Bank, sku: str, policy: VerdictPolicy
    ) -> Sighting:
        """A sighting with its difference from references."""
        card = self.network.card.references
        assert card is not None
        try:
            found = self.network.compare(embedding, bank)
        except BackendError as error:
            self.problem = str(error)
            return seen
        self.problem = ""
        joined = card.fusion.join(seen.logit, found.log_odds, seen.beside)
        regions = seen.regions
        differs = found.same >= 0 and policy.diverts(
            probability(joined), sku=sku, camera=seen.camera, compared=True
        )
        if differs and not regions and seen.geometry is not None:
            side = cells_along(self.network.view_size)
            regions = _regions(found.change, embedding, seen, seen.geometry, side)
        difference = Difference(sku, found.log_odds, joined, found.same)
        return replace(seen, difference=difference, regions=regions)

    def _identity(self, evidence: Evidence) -> Identity:
        """The sku that an item looks like."""
        descriptor = evidence.descriptor() if self.gallery is not None and self.identify else None
        if self.gallery is None or descriptor is None:
            return Identity()
        return self.gallery.identify(descriptor)

    def _status(self, evidence: Evidence, sku: str) -> ReferenceStatus:
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
    # At the resolution of the network's own maps, for which regions have a least size. Cells are
    # coarse, so all that changed belongs to a region, not only what is nearest to its peak.
    fine = maps.repeat(_MAP_CELLS, axis=1).repeat(_MAP_CELLS, axis=2)
    found = find_regions(fine, view, edge_share=0.0)
    return tuple(replace(region, by_references=True) for region in found)
