"""`python -m benchmarks.network`: times the network alone, in every precision, and comparing."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

from benchmarks.images import frames, station
from benchmarks.scenarios import THREADS
from damage_perception.network import DamageNetwork, ModelCard, OnnxRuntimeBackend
from damage_perception.network.bank import Bank
from damage_perception.network.turning import with_turned
from damage_perception.share import default_model_card
from damage_perception.view import cut_items

BATCHES = (1, 4)
REFERENCES = (3, 8)
RESULT = Path(__file__).parent / "results" / "network.json"


def network_ms(
    width: int, height: int, precision: str = "fp32", batch: int = 1, passes: int = 100
) -> float:
    """Median time of one pass over ``batch`` views, nothing else running."""
    network = DamageNetwork.load(default_model_card(), precision, OnnxRuntimeBackend(THREADS))
    ((_, view),) = cut_items(frames(width, height)[0], station(), network.view_size)
    times = []
    for _ in range(passes):
        start = time.perf_counter()
        network.assess([view] * batch)
        times.append(time.perf_counter() - start)
    return statistics.median(times[passes // 10 :]) * 1e3


def comparison_ms(references: int, passes: int = 100) -> dict[str, float]:
    """Median time of comparing one view with so many references, and how many cells they have."""
    network = DamageNetwork.load(default_model_card(), backend=OnnxRuntimeBackend(THREADS))
    ((_, view),) = cut_items(frames(640, 480)[0], station(), network.view_size)
    embedding = network.assess([view])[0].embedding
    if embedding is None:
        return {}
    bank = Bank.of([with_turned(view, embedding, network.embed)] * references)
    times = []
    for _ in range(passes):
        start = time.perf_counter()
        network.compare(embedding, bank)
        times.append(time.perf_counter() - start)
    milliseconds = statistics.median(times[passes // 10 :]) * 1e3
    counts = {"view_cells": len(embedding.cells), "reference_cells": len(bank.compared)}
    return {**counts, "milliseconds": round(milliseconds, 2)}


def main() -> None:
    """Measures, prints and writes benchmarks/results/network.json."""
    card = ModelCard.load(default_model_card())
    found = {
        precision: {
            str(batch): round(network_ms(640, 480, precision, batch), 2) for batch in BATCHES
        }
        for precision in card.graphs
    }
    result = {
        "model_id": card.model_id,
        "threads": THREADS,
        "milliseconds_by_batch": found,
        "comparison_by_references": {str(count): comparison_ms(count) for count in REFERENCES},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
