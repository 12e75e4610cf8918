"""``python -m benchmarks.comparing FOLDER``: what each part of comparing with references adds.

FOLDER holds image folders with labels.csv, one for each product, by colour alone, with rows of role
reference. Every query is held against so many references as they are and turned, once as it was
taken and once turned at random, as an item may lie. Results go to
benchmarks/results/comparing.json.

network   AUROC of the damage network alone
taught    of the comparison that was learned in the simulated cell
distance  of how far the view lies from the references, in the metric
against   of both, which is what references say
joined    of the network and the references

With one wrong one: one reference more, the first of another product.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.metrics import roc_auc_score

from damage_perception.dataset import REFERENCE, ImageFolder, ImageRecord
from damage_perception.evaluation.prediction import read_frame
from damage_perception.network import Assessment, DamageNetwork, Embedding
from damage_perception.network.bank import Bank
from damage_perception.network.turning import with_turned
from damage_perception.share import default_model_card
from damage_perception.station import Station
from damage_perception.station.target import find_target
from damage_perception.view import View, cut_views

RESULTS: Final = Path(__file__).parent / "results" / "comparing.json"
REFERENCES: Final = (1, 3, 8)
_BATCH: Final = 8


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparing")
    parser.add_argument("folder", type=Path)
    network = DamageNetwork.load(default_model_card())
    paths = sorted(parser.parse_args().folder.iterdir())
    products = {path.name: ImageFolder(path) for path in paths if (path / "labels.csv").exists()}
    known = {name: _references(product, network) for name, product in products.items()}
    found = {}
    for name, product in products.items():
        strangers = [references[0] for other, references in known.items() if other != name]
        found[name] = measure(product, known[name], strangers[:1], network)
        print(name, json.dumps(found[name], indent=1), flush=True)
    result = {"model_id": network.card.model_id, "products": found}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def measure(
    product: ImageFolder,
    known: Sequence[Embedding],
    stranger: Sequence[Embedding],
    network: DamageNetwork,
) -> dict[str, dict[str, float]]:
    """AUROC of each signal, by how the queries lie and what they are held against.

    stranger  a reference of another product, if there is one
    """
    labels = {record.name: record.label for record in product if record.label}
    queries = [r for r in product if r.name in labels and labels[r.name].role != REFERENCE]
    damaged = np.array([labels[r.name].damaged for r in queries])
    rng = np.random.default_rng(0)
    found = {}
    for lie in ("as taken", "turned at random"):
        views = [_view(record, network) for record in queries]
        if lie != "as taken":
            views = [view.turned(rng.uniform(0, 360)) for view in views]
        said = _assessed(views, network)
        for count in sorted({min(count, len(known)) for count in (*REFERENCES, len(known))}):
            some = known[:count]
            upright = [replace(one, turned=one.turned[:0]) for one in some]
            banks = {
                "upright": upright,
                "turned": some,
                "turned, and a wrong one": [*some, *stranger],
            }
            for copies, held in banks.items():
                found[f"{lie}, {count} references, {copies}"] = {
                    signal: round(float(roc_auc_score(damaged, values)), 3)
                    for signal, values in _signals(said, Bank.of(held), network).items()
                }
    return found


def _references(product: ImageFolder, network: DamageNetwork) -> list[Embedding]:
    views = [_view(r, network) for r in product if r.label and r.label.role == REFERENCE]
    return [
        with_turned(view, said.embedding, network.embed)
        for view, said in zip(views, _assessed(views, network), strict=True)
        if said.embedding
    ]


def _view(record: ImageRecord, network: DamageNetwork) -> View:
    frame = read_frame(record, with_depth=False)
    items = Station().locate(frame, None, network.finder)
    target = find_target(items, frame)
    if target is None:
        raise SystemExit(f"{record.color_path}: no item was found")
    return cut_views(frame, [items[target]], None, network.view_size)[0]


def _assessed(views: Sequence[View], network: DamageNetwork) -> list[Assessment]:
    said: list[Assessment] = []
    for start in range(0, len(views), _BATCH):
        said += network.assess(views[start : start + _BATCH])
    return said


def _signals(
    said: Sequence[Assessment], bank: Bank, network: DamageNetwork
) -> Mapping[str, list[float]]:
    card = network.card.references
    if card is None:
        raise SystemExit(f"model {network.card.model_id} compares nothing")
    signals: dict[str, list[float]] = {}
    for one in said:
        if one.embedding is None:
            raise SystemExit(f"model {network.card.model_id} compares nothing")
        against = network.compare(one.embedding, bank).log_odds
        distance = bank.distance(one.embedding.looks)
        values = {
            "network": one.logit,
            "taught": against - card.calibration.log_odds(0.0, distance, bank.typical),
            "distance": distance,
            "against": against,
            "joined": card.fusion.join(one.logit, against, one.beside),
        }
        for name, value in values.items():
            signals.setdefault(name, []).append(value)
    return signals


if __name__ == "__main__":
    main()
