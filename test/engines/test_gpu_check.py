"""What `make gpu-check` measures, on a device without a GPU; the figures mean nothing here."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from simulated_device import simulated_backend

from benchmarks import gpu
from damage_perception.network import ModelCard

ROOT = Path(__file__).parents[2]


def test_the_views_differ_and_are_what_the_network_takes(shipped_card):
    card = ModelCard.load(shipped_card)
    found = gpu.views(card, 9)
    assert found["color"].dtype == found["item"].dtype == np.uint8
    assert found["color"].shape == (9, card.view_size, card.view_size, 3)
    assert len({row.tobytes() for row in found["color"]}) == 9


@pytest.mark.slow
def test_every_precision_is_held_against_onnx_runtime(shipped_card, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "VIEWS", 4)
    monkeypatch.setattr(gpu, "BATCHES", (1, 2))
    backend = simulated_backend(tmp_path / "engines")
    found = gpu.check(backend, shipped_card, passes=2)
    assert found["fp32"]["parity"] < 1e-3 and found["fp32"]["graph"] == "fp32"
    assert found["fp32"]["parity"] <= found["fp16"]["parity"] < 0.05
    for figures in found.values():
        if "left_out" not in figures:
            assert set(figures["batches"]) == {"1", "2"}
            assert all(one["bare_ms"] > 0 for one in figures["batches"].values())
    result = {
        "gpu": "simulated",
        "library": backend.name,
        "cpu": "",
        "model_id": "net",
        "first_report_s": 1.0,
        "precisions": found,
    }
    assert gpu.table(result).count("\n| ") >= 6


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="this machine has a GPU")
def test_without_a_gpu_it_says_what_is_missing():
    command = [sys.executable, "-m", "benchmarks.gpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.startswith("gpu-check: ")
    assert "docs/deployment.md" in done.stderr
