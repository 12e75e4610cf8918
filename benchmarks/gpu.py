"""`make gpu-check`: TensorRT on this machine's GPU, held against ONNX Runtime on its CPU.

Needs what inference needs (numpy, OpenCV, ONNX Runtime, PyYAML, TensorRT, pycuda) and no more;
PyTorch is measured beside it where it is installed with CUDA.

built       seconds that building the engine took, 0 where it was in the cache
self-test   largest difference from the stored outputs
parity      largest difference of the item's probability from ONNX Runtime in fp32, on 200 views
latency     of a pass from arrays in memory to arrays in memory: median, 99th percentile
bare        time of the engine by itself: passes that follow one another, without copies
copies      share of the latency that is not the engine's
torch       the same network in PyTorch, passes by themselves, as a CUDA graph, without copies
report      seconds from the start of a process to its first answer, with engines in the cache

The 200 views are the model's own of its self-test, turned, mirrored and lit otherwise.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from damage_perception.engines.backend import TensorRtBackend, find_tensorrt
from damage_perception.engines.session import EngineSession
from damage_perception.network import (
    PRECISIONS,
    BackendError,
    DamageNetwork,
    ModelCard,
    OnnxRuntimeSession,
)
from damage_perception.network.contract import COLOR, HEIGHT_M, INPUTS, ITEM, ITEM_LOGIT, MOST_VIEWS
from damage_perception.odds import probabilities
from damage_perception.share import default_model_card

BATCHES = (1, 4, 16)
VIEWS = 200
PASSES = 200
PRECISION = "fp16"
RESULTS = Path(__file__).parent / "results"
FIRST_REPORT = """
import time
from benchmarks.gpu import views
from damage_perception.engines.backend import find_tensorrt
from damage_perception.network import DamageNetwork
from damage_perception.share import default_model_card
network = DamageNetwork.load(default_model_card(), {precision!r}, find_tensorrt())
network._session.run(views(network.card, 1))
print(time.time())
network.close()
"""

Arrays = dict[str, NDArray[Any]]


def views(card: ModelCard, count: int) -> Arrays:
    """So many inputs of the network: those of its self-test, each varied in another way."""
    with np.load(card.self_test, allow_pickle=False) as stored:
        known = {name: stored[name] for name in INPUTS}
    rng = np.random.default_rng(0)
    rows = []
    for number in range(count):
        row = {name: values[number % len(values)] for name, values in known.items()}
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        for name in (COLOR, HEIGHT_M, ITEM):
            turned = np.rot90(row[name], turns)
            row[name] = turned[:, ::-1] if mirrored else turned
        lit = row[COLOR] * rng.uniform(0.6, 1.4) + rng.uniform(-20, 20)
        row[COLOR] = np.clip(lit, 0, 255).astype(np.uint8)
        rows.append(row)
    return {name: np.ascontiguousarray(np.stack([row[name] for row in rows])) for name in INPUTS}


def check(backend: TensorRtBackend, card_path: Path, passes: int = PASSES) -> dict[str, Any]:
    """All figures but the first report's. Raises BackendError where an engine is refused."""
    card = ModelCard.load(card_path)
    many = views(card, VIEWS)
    exact = _probability(OnnxRuntimeSession(card.graphs["fp32"], os.cpu_count() or 1).run(many))
    found: dict[str, Any] = {}
    for precision in PRECISIONS:
        name = card.graph_name(precision, symmetric=True)
        if name not in card.graphs:
            found[precision] = {"left_out": "the model has no such graph; its card says why"}
            continue
        start = time.perf_counter()
        network = DamageNetwork.load(card_path, precision, backend)
        built_s = time.perf_counter() - start
        session = backend.session(card.graphs[name], dict.fromkeys(INPUTS, MOST_VIEWS))
        found[precision] = {
            "graph": name,
            "built_and_loaded_s": round(built_s, 2),
            "self_test": round(network.self_test(), 5),
            "parity": round(float(np.abs(_probability(session.run(many)) - exact).max()), 5),
            "batches": {
                str(count): timed(session, views(card, count), passes) for count in BATCHES
            },
            "torch_ms": _torch_ms(card, precision, passes),
        }
        session.close()
        network.close()
    return found


def timed(session: EngineSession, inputs: Arrays, passes: int) -> dict[str, float]:
    """Latency and throughput of one size of pass, and of the engine by itself."""
    count = len(inputs[COLOR])
    for _ in range(max(3, passes // 10)):
        session.run(inputs)
    times = []
    for _ in range(passes):
        start = time.perf_counter()
        session.run(inputs)
        times.append(time.perf_counter() - start)
    median, bare = statistics.median(times), session.bare_s(inputs, passes)
    return {
        "latency_ms": round(1e3 * median, 3),
        "latency_ms_p99": round(1e3 * float(np.quantile(times, 0.99)), 3),
        "bare_ms": round(1e3 * bare, 3),
        "copies": round(1 - bare / median, 3),
        "views_per_s": round(count / statistics.fmean(times), 1),
        "bare_views_per_s": round(count / bare, 1),
    }


def _torch_ms(card: ModelCard, precision: str, passes: int) -> dict[str, float] | None:
    """Milliseconds of a pass in PyTorch, by size of the pass; None where it is not to be had."""
    try:
        import torch

        from damage_perception.training.graphs import Exported
        from damage_perception.training.model import DamageNet
        from damage_perception.training.start import start_from
    except ImportError:
        return None
    if not torch.cuda.is_available() or precision == "int8":
        return None
    model = DamageNet().cuda()
    inputs = {count: views(card, count) for count in BATCHES}
    tensors = {
        count: tuple(torch.from_numpy(part[name]).cuda() for name in INPUTS)
        for count, part in inputs.items()
    }
    start_from(card, model, tensors[BATCHES[-1]])
    exported = Exported(model.half() if precision == "fp16" else model).eval()
    found = {}
    with torch.no_grad():
        for count, given in tensors.items():
            # Capturing needs passes on another stream before it.
            stream = torch.cuda.Stream()
            with torch.cuda.stream(stream):
                for _ in range(5):
                    exported(*given)
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                exported(*given)
            torch.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(passes):
                graph.replay()
            torch.cuda.synchronize()
            found[str(count)] = round(1e3 * (time.perf_counter() - start) / passes, 3)
    return found


def _probability(outputs: Arrays) -> NDArray[np.floating]:
    return probabilities(outputs[ITEM_LOGIT].astype(np.float64))


def first_report_s(precision: str = PRECISION) -> float:
    """Seconds from the start of a process to its first answer; its engines are in the cache."""
    code = FIRST_REPORT.format(precision=precision)
    start = time.time()
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE)
    return round(float(done.stdout.split()[-1]) - start, 2)


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"{result['gpu']}, {result['library']}, {result['cpu']}, model {result['model_id']}; "
        f"{result['first_report_s']} s from the start of a process to its first answer",
        "",
        "| precision | views | latency ms | p99 | bare ms | copies | views/s | bare views/s "
        "| torch ms | parity | self-test |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for precision, figures in result["precisions"].items():
        if "left_out" in figures:
            lines.append(f"| {precision} | {figures['left_out']} |" + " |" * 9)
            continue
        for count, one in figures["batches"].items():
            beside = (figures["torch_ms"] or {}).get(count, "")
            lines.append(
                f"| {precision} | {count} | {one['latency_ms']} | {one['latency_ms_p99']} "
                f"| {one['bare_ms']} | {one['copies']} | {one['views_per_s']} "
                f"| {one['bare_views_per_s']} | {beside} | {figures['parity']} "
                f"| {figures['self_test']} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures, prints and writes benchmarks/results/gpu.json and gpu.md."""
    try:
        backend = find_tensorrt()
        card = default_model_card()
        found = check(backend, card)
    except BackendError as error:
        sys.exit(f"gpu-check: {error}")
    result = {
        "gpu": f"{backend.gpu.name}, compute capability {backend.gpu.capability}",
        "driver": backend.gpu.driver,
        "library": backend.name,
        "cpu": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "model_id": ModelCard.load(card).model_id,
        "passes": PASSES,
        "parity_views": VIEWS,
        "precisions": found,
        "first_report_s": first_report_s(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "gpu.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "gpu.md").write_text(table(result))
    print(table(result))


if __name__ == "__main__":
    main()
