"""The items of one frame through the network: whole views, and tiles where the time allows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from damage_perception.frame import Frame
from damage_perception.network.damage_network import Assessment, DamageNetwork
from damage_perception.network.detail import ALWAYS, OFF
from damage_perception.station import Item, Plane
from damage_perception.tiles import cut_tiles, joined
from damage_perception.view import View

# Weight of the newest pass in the time of a view.
_NEWEST: Final = 0.2


class Assessing:
    """Judges views in one batch, with the tiles of items that are larger than the view.

    clock  seconds
    """

    def __init__(
        self, network: DamageNetwork, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._network = network
        self._clock = clock
        # Of one view in a pass; None before there was one.
        self._view_s: float | None = None

    def assess(
        self,
        frame: Frame,
        items: Sequence[Item],
        views: Sequence[View],
        plane: Plane | None,
        detail: str,
        budget_s: float,
    ) -> list[Assessment]:
        """Of each of ``items``, whose whole ``views`` go with them by index.

        plane     they stand on; None: heights are unknown
        detail    one of DETAILS
        budget_s  seconds that the pass may take with tiles, where ``detail`` is auto

        Raises BackendError.
        """
        tiles: list[list[View]] = [[] for _ in items]
        if self._may_be_fine(detail):
            tiles = [cut_tiles(frame, item, plane, self._network.view_size) for item in items]
            if detail != ALWAYS and not self._in_time(len(views) + sum(map(len, tiles)), budget_s):
                tiles = [[] for _ in items]
        start = self._clock()
        batch = [*views, *(tile for of_item in tiles for tile in of_item)]
        found = self._network.assess(batch)
        self._note((self._clock() - start) / max(1, len(batch)))
        wholes, of_tiles = found[: len(views)], iter(found[len(views) :])
        return [
            self._joined(whole, view, list(islice(of_tiles, len(cut))), cut)
            for whole, view, cut in zip(wholes, views, tiles, strict=True)
        ]

    def _may_be_fine(self, detail: str) -> bool:
        return detail != OFF and self._network.card.detail is not None

    def _in_time(self, views: int, budget_s: float) -> bool:
        if self._network.on_gpu or budget_s == float("inf"):
            return True
        return self._view_s is not None and views * self._view_s <= budget_s

    def _note(self, view_s: float) -> None:
        before = view_s if self._view_s is None else self._view_s
        self._view_s = before + _NEWEST * (view_s - before)

    def _joined(
        self, whole: Assessment, view: View, tiles: Sequence[Assessment], cut: Sequence[View]
    ) -> Assessment:
        if not tiles:
            return whole
        card = self._network.card.detail
        assert card is not None
        return joined(whole, view.window, tiles, [tile.window for tile in cut], card)
