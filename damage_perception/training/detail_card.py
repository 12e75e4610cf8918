"""What a card says of joining whole views with tiles, fitted on a labelled image folder.

``python -m damage_perception.training.detail_card FOLDER --card models/damage_net.yaml``
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from damage_perception.dataset import QUERY, ImageFolder, ImageRecord
from damage_perception.network import DamageNetwork
from damage_perception.network.detail import strongest
from damage_perception.station import Station, StationError
from damage_perception.station.target import find_target
from damage_perception.tiles import cut_tiles
from damage_perception.training.calibration import fit_logistic
from damage_perception.training.card_section import write_section
from damage_perception.view import cut_views

# With fewer of either, weights say more of these items than of the network.
LEAST_ITEMS: Final = 40


def measure_items(
    records: Iterable[ImageRecord], network: DamageNetwork
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Of every labelled item found that is larger than the network's view, what is joined.

    Returns (N, 2) log odds of the whole view and of its strongest tile, and (N,) whether the item
    is damaged. Raises BackendError, and DatasetError where an image cannot be read.
    """
    signals, damaged = [], []
    for record in records:
        if record.label is None or record.label.role != QUERY:
            continue
        frame, station, outline = record.frame(), Station(), record.items()
        try:
            plane = station.plane_in(frame)
        except StationError:
            continue
        items = station.locate(frame, plane)
        target = find_target(items, frame, outline == 1 if outline is not None else None)
        if target is None:
            continue
        tiles = cut_tiles(frame, items[target], plane, network.view_size)
        if not tiles:
            continue
        whole = cut_views(frame, [items[target]], plane, network.view_size)
        first, *others = network.assess([*whole, *tiles])
        signals.append((first.logit, strongest([tile.logit for tile in others])))
        damaged.append(record.label.damaged)
    return np.array(signals, np.float64).reshape(-1, 2), np.array(damaged, bool)


def detail_card(signals: NDArray[np.float64], damaged: NDArray[np.bool_]) -> dict[str, Any]:
    """The section ``detail`` of a card.

    signals  (N, 2) log odds of whole views and of their strongest tiles
    damaged  (N,)

    Raises ValueError where there are fewer than LEAST_ITEMS good or damaged items, and where tiles
    do not help: their weight is not above 0, or what is joined ranks no better than whole views.
    """
    counts = int((~damaged).sum()), int(damaged.sum())
    if min(counts) < LEAST_ITEMS:
        raise ValueError(
            f"{counts[0]} good and {counts[1]} damaged items are larger than the network's view; "
            f"expected {LEAST_ITEMS} of each: simulate with --image-size 1280x720 --fill-px 500"
        )
    weights = fit_logistic(signals, damaged)
    joined = signals @ weights[:2] + weights[2]
    whole, tiles, both = (round(float(roc_auc_score(damaged, s)), 4) for s in (*signals.T, joined))
    if weights[1] <= 0 or both <= whole:
        raise ValueError(
            f"tiles do not help: AUROC {whole} of whole views, {tiles} of tiles, {both} of both"
        )
    names = ("whole", "tiles", "offset")
    return {
        **{name: round(float(w), 6) for name, w in zip(names, weights, strict=True)},
        "measured": {
            "items": len(damaged),
            "auroc": {"whole": whole, "tiles": tiles, "joined": both},
        },
    }


def main() -> None:
    """Fits the section and writes it; ends with the reason where that cannot be."""
    parser = argparse.ArgumentParser(prog="python -m damage_perception.training.detail_card")
    parser.add_argument("folder", type=Path, help="labelled image folder of validation items")
    parser.add_argument("--card", type=Path, required=True, help="model card to write into")
    arguments = parser.parse_args()
    network = DamageNetwork.load(arguments.card)
    try:
        section = detail_card(*measure_items(ImageFolder(arguments.folder), network))
    except ValueError as error:
        parser.exit(1, f"{error}\n")
    write_section(arguments.card, "detail", section)
    print(yaml.safe_dump({"detail": section}, sort_keys=False), end="")


if __name__ == "__main__":
    main()
