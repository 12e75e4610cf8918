"""``python -m benchmarks.comparing FOLDER``: what each part of comparing with references adds.

FOLDER holds image folders with labels.csv, one for each product, by colour alone, with rows of role
reference. Every query is held against so many references as they are and turned, once as it was
taken and once turned at random, as an item may lie. Results go to
benchmarks/results/comparing.json.

network   AUROC of the damage network alone
taught    of the comparison that was learned in the simulated cell
excess    of how much farther the view lies from the references than these from one another
against   of both, which is what references say
joined    of the network and the references
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

from damage_perception.dataset import REFERENCE, ImageFolder, Record
from damage_perception.evaluation.prediction import find_target, read_frame
from damage_perception.network import Assessment, DamageNetwork, Embedding
from damage_perception.network.bank import Bank
from damage_perception.network.turning import with_turned
from damage_perception.share import default_model_card
from damage_perception.station import Station
from damage_perception.view import View, cut_views

RESULTS: Final = Path(__file__).parent / "results" / "comparing.json"
REFERENCES: Final = (1, 3, 8)
_BATCH: Final = 8


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparing")
    parser.add_argument("folder", type=Path)
    network = DamageNetwork.load(default_model_card())
    found = {}
    for path in sorted(parser.parse_args().folder.iterdir()):
        if (path / "labels.csv").exists():
            found[path.name] = measure(ImageFolder(path), network)
            print(path.name, json.dumps(found[path.name], indent=1), flush=True)
    result = {"model_id": network.card.model_id, "products": found}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def measure(product: ImageFolder, network: DamageNetwork) -> dict[str, dict[str, float]]:
    """AUROC of each signal, by how the queries lie and what they are held against."""
    records = [record for record in product if record.label]
    shown = {record.name: _view(record, network) for record in records}
    labels = {record.name: record.label for record in records if record.label}
    references = [r for r in records if labels[r.name].role == REFERENCE]
    queries = [r for r in records if labels[r.name].role != REFERENCE]
    damaged = np.array([labels[r.name].damaged for r in queries])
    kept = _assessed([shown[r.name] for r in references], network)
    known = [
        with_turned(shown[record.name], said.embedding, network.embed)
        for record, said in zip(references, kept, strict=True)
        if said.embedding
    ]
    rng = np.random.default_rng(0)
    found = {}
    for lie in ("as taken", "turned at random"):
        views = [shown[record.name] for record in queries]
        if lie != "as taken":
            views = [view.turned(rng.uniform(0, 360)) for view in views]
        said = _assessed(views, network)
        for count in sorted({min(count, len(known)) for count in (*REFERENCES, len(known))}):
            for copies in ("upright", "turned"):
                bank = Bank.of([_copies(one, copies) for one in known[:count]])
                name = f"{lie}, {count} references, {copies}"
                found[name] = {
                    signal: round(float(roc_auc_score(damaged, values)), 3)
                    for signal, values in _signals(said, bank, network).items()
                }
    return found


def _view(record: Record, network: DamageNetwork) -> View:
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


def _copies(reference: Embedding, which: str) -> Embedding:
    return reference if which == "turned" else replace(reference, turned=reference.turned[:0])


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
        excess = bank.excess(one.embedding.looks)
        values = {
            "network": one.logit,
            "taught": against - card.calibration.excess * excess,
            "excess": excess,
            "against": against,
            "joined": card.fusion.join(one.logit, against),
        }
        for name, value in values.items():
            signals.setdefault(name, []).append(value)
    return signals


if __name__ == "__main__":
    main()
