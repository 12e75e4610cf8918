"""`python -m benchmarks.identification`: the index of descriptors from a hundred to a million.

Descriptors are synthetic: each sku a random direction, eight references and the queries around
it, so that any two of one sku have a cosine of about 0.8, as pieces of one product have. Harder
queries have one of 0.6 with the references of theirs.

exact          every reference is compared
inverted file  faiss proposes skus, of which all references are compared
query          time that passes, and time on a processor, which leaves out waiting for one
recall         share of queries of which the best sku is that of the nearest of all references
resident       memory of the process that holds the index, and nothing else of this size
peak           the most it had while it made the index; the caller's descriptors are in it

Every row is measured in a process of its own. Queries and making take one thread.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import faiss  # before memory is measured
import matplotlib
import numpy as np
from numpy.typing import NDArray

from damage_perception.gallery.store.descriptor_index import EXACT_UP_TO, DescriptorIndex
from damage_perception.network.contract import DESCRIPTOR_CHANNELS

matplotlib.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).parent.parent
SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
FILE_FROM = 10_000
REFERENCES, QUERIES, BEST = 8, 500, 5
BUDGET_MS = 10
# Length of what is added to a unit centre, for a cosine of 0.8 and 0.6 with its references.
TYPICAL, HARD = 0.5, 1.105


@dataclass(frozen=True)
class Row:
    """One kind of index of one size."""

    kind: str
    descriptors: int
    build_s: float
    query_p50_ms: float
    query_p99_ms: float
    query_processor_ms: float
    resident_mb: float
    peak_mb: float
    before_mb: float
    recall: float
    recall_hard: float


def measure(kind: str, descriptors: int) -> Row:
    """Makes an index of synthetic descriptors and asks it."""
    rng = np.random.default_rng(descriptors)
    _search_once(rng)
    before_mb = _memory_mb("VmRSS")
    centres = _unit(
        rng.standard_normal((-(-descriptors // REFERENCES), DESCRIPTOR_CHANNELS), np.float32)
    )
    owners = np.arange(descriptors) // REFERENCES
    references = np.empty((descriptors, DESCRIPTOR_CHANNELS), np.float32)
    for start in range(0, descriptors, 10_000):
        rows = slice(start, start + 10_000)
        references[rows] = _around(rng, centres[owners[rows]], TYPICAL)
    asked = centres[rng.integers(0, len(centres), QUERIES)]
    queries = {noise: _around(rng, asked, noise) for noise in (TYPICAL, HARD)}
    truth = {noise: _exact(references, owners, queries[noise]) for noise in queries}
    skus = [f"sku-{owner:07d}" for owner in owners]
    del centres, owners

    Path("/proc/self/clear_refs").write_text("5")  # so that VmHWM starts anew
    start_s = time.perf_counter()
    index = DescriptorIndex(references, skus, descriptors if kind == "exact" else 0)
    build_s = time.perf_counter() - start_s
    peak_mb = _memory_mb("VmHWM")
    del references, skus
    resident_mb = _memory_mb("VmRSS")

    times, processor_times, recall = [], [], {}
    for noise, of_noise in queries.items():
        right = 0
        for query, expected in zip(of_noise, truth[noise], strict=True):
            start_s, processor_start_s = time.perf_counter(), time.thread_time()
            found = index.nearest(query, BEST)
            times.append(time.perf_counter() - start_s)
            processor_times.append(time.thread_time() - processor_start_s)
            right += found[0][0] == f"sku-{expected:07d}"
        recall[noise] = right / len(of_noise)
    p50, p99 = np.percentile(times[10:], (50, 99)) * 1e3
    processor_ms = float(np.median(processor_times[10:])) * 1e3
    return Row(
        kind, descriptors, round(build_s, 3), round(float(p50), 3), round(float(p99), 3),
        round(processor_ms, 3), round(resident_mb, 1), round(peak_mb, 1), round(before_mb, 1),
        recall[TYPICAL], recall[HARD],
    )  # fmt: skip


def _search_once(rng: np.random.Generator) -> None:
    """Whatever the libraries keep for good, they have after this."""
    some = _unit(rng.standard_normal((2_000, DESCRIPTOR_CHANNELS), np.float32))
    _exact(some, np.arange(len(some)), some[:100])
    for exact_up_to in (0, len(some)):
        DescriptorIndex(some, ["sku"] * len(some), exact_up_to).nearest(some[0], 1)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _around(
    rng: np.random.Generator, centres: NDArray[np.float32], noise: float
) -> NDArray[np.float32]:
    """Unit vectors near ``centres`` (N, D), for each one of its own."""
    return _unit(
        centres + np.float32(noise) * _unit(rng.standard_normal(centres.shape, np.float32))
    )


def _exact(
    references: NDArray[np.float32], owners: NDArray[np.intp], queries: NDArray[np.float32]
) -> NDArray[np.intp]:
    """Owner of the nearest reference of each query."""
    nearest = [np.einsum("ij,j->i", references, query).argmax() for query in queries]
    return owners[nearest]


def _memory_mb(field: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def _machine() -> dict[str, Any]:
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "nice": os.nice(0),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "faiss-cpu": version("faiss-cpu"),
        "faiss_built_for": faiss.get_compile_options().strip(),
    }


def draw(rows: list[Row], machine: dict[str, Any], path: Path) -> None:
    """Time and memory against the number of descriptors, as a PNG."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    for kind, color in (("exact", "tab:blue"), ("inverted file", "tab:orange")):
        of_kind = [row for row in rows if row.kind == kind]
        sizes = [row.descriptors for row in of_kind]
        for axes, name, style, label in (
            (left, "query_p50_ms", "o-", "median"),
            (left, "query_p99_ms", "o:", "99 %"),
            (left, "query_processor_ms", "--", "median on a processor"),
            (right, "resident_mb", "o-", "to hold"),
            (right, "peak_mb", "o:", "to make, with the caller's descriptors"),
        ):
            values = [getattr(row, name) for row in of_kind]
            axes.plot(sizes, values, style, color=color, markersize=4, label=f"{kind}, {label}")
    left.axhline(BUDGET_MS, color="tab:red", linewidth=1, label=f"budget {BUDGET_MS} ms")
    for axes, name in ((left, "time of a query in ms"), (right, "memory of the process in MB")):
        axes.axvline(EXACT_UP_TO, color="grey", linewidth=1, linestyle="--", label="exact up to")
        axes.set(xlabel="descriptors", ylabel=name, xscale="log", yscale="log")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    figure.suptitle(
        f"{machine['cores']} cores, {machine['processor']}; load average "
        f"{machine['load_average'][0]} before, nice {machine['nice']}",
        fontsize="medium",
    )
    figure.savefig(path, dpi=90)
    plt.close(figure)


def main() -> None:
    """Measures, prints, and writes figures and picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--pictures", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    arguments = parser.parse_args()
    # Read by the processes that measure, as they import NumPy.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    rows, machine = [], _machine()
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for kind, smallest in (("exact", 0), ("inverted file", FILE_FROM)):
            for size in sorted(size for size in arguments.sizes if size >= smallest):
                rows.append(pool.apply(measure, (kind, size)))
                print(rows[-1], flush=True)
    content = {
        "machine": machine,
        "exact_up_to": EXACT_UP_TO,
        "rows": [asdict(row) for row in rows],
    }
    for folder in (arguments.out, arguments.pictures):
        folder.mkdir(parents=True, exist_ok=True)
    (arguments.out / "identification.json").write_text(json.dumps(content, indent=1) + "\n")
    draw(rows, machine, arguments.pictures / "identification.png")


if __name__ == "__main__":
    main()
