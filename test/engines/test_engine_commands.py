"""damage-perception engine: what is kept, what is wrong with it, and what is deleted."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from image_folder import write_folder
from simulated_device import GPU, SimulatedDevice, simulated_backend

from damage_perception.cli import main
from damage_perception.engines import backend as backends
from damage_perception.engines.cache import EngineCache
from damage_perception.network import BackendError


def ended(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def run(*arguments):
    return ended("engine", *arguments)


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # Wide enough that no line is folded.
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "damage_perception" / "engines"


@pytest.fixture
def gpu(monkeypatch):
    def found(name="Orin"):
        backend = simulated_backend(gpu=replace(GPU, name=name))
        monkeypatch.setattr(backends, "find_tensorrt", lambda: backend)

    found()
    return found


def test_engines_are_built_listed_checked_and_deleted(gpu, folder, capsys):
    assert run("build", "--precision", "fp32") == 0
    assert "tensorrt-10.3.0 on Orin: the self-test differs by 0.0" in capsys.readouterr().out
    assert run("list") == 0
    listed = capsys.readouterr().out
    assert "damage_net.onnx" in listed and "damage_net_compare.onnx" in listed
    assert run("check", "--precision", "fp32") == 0
    assert "2 engines are whole" in capsys.readouterr().out
    assert run("clean") == 0
    assert "0 engines deleted" in capsys.readouterr().out
    assert run("clean", "--all") == 0
    assert "2 engines deleted" in capsys.readouterr().out
    assert run("list") == 0
    assert "no engines in" in capsys.readouterr().out


def test_what_is_not_whole_is_named_and_cleaned(gpu, folder, capsys):
    run("build", "--precision", "fp32")
    next(folder.glob("*.engine")).write_bytes(b"half")
    capsys.readouterr()
    assert run("check", "--precision", "fp32") == 2
    said = capsys.readouterr()
    assert "its sha256 is not" in said.out and "1 of 2 engines are not used" in said.err
    assert run("clean") == 0
    assert "1 engines deleted" in capsys.readouterr().out
    assert run("check", "--precision", "fp32") == 0


def test_engines_of_another_gpu_are_cleaned(gpu, folder, capsys):
    run("build", "--precision", "fp32")
    gpu("Thor")
    run("build", "--precision", "fp32")
    capsys.readouterr()
    assert run("clean") == 0
    assert "2 engines deleted" in capsys.readouterr().out
    assert {entry.key["gpu"] for entry in EngineCache().entries()} == {"Thor"}


def test_recorded_images_are_judged_on_a_gpu_where_there_is_one(gpu, tmp_path):
    folder = write_folder(tmp_path / "in", "a")
    held = SimulatedDevice.opened - SimulatedDevice.closed
    for backend, ran in (("auto", "tensorrt-10.3.0-fp32"), ("onnxruntime", "onnxruntime-cpu-fp32")):
        out = tmp_path / backend
        assert ended("inspect", folder, "--out", out, "--backend", backend) == 0
        (line,) = (out / "reports.jsonl").read_text().splitlines()
        assert {report["backend"] for report in json.loads(line)["reports"]} == {ran}
    assert SimulatedDevice.opened - SimulatedDevice.closed == held


def test_a_gpu_that_builds_no_engine_leaves_auto_on_the_cpu(monkeypatch, tmp_path, capsys):
    def broken(*_):
        raise BackendError("no kernel for this layer")

    monkeypatch.setattr(backends, "find_tensorrt", lambda: simulated_backend(build=broken))
    folder, out = write_folder(tmp_path / "in", "a"), tmp_path / "out"
    options = ("inspect", folder, "--out", out, "--backend")
    assert ended(*options, "auto") == 0
    (line,) = (out / "reports.jsonl").read_text().splitlines()
    (report,) = json.loads(line)["reports"]
    assert report["backend"] == "onnxruntime-cpu-fp32"
    assert report["backend_reason"] == "no kernel for this layer"
    assert "on the CPU: no kernel" in capsys.readouterr().out
    assert ended(*options, "tensorrt") == 2
    assert "no kernel for this layer" in capsys.readouterr().err


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="this machine has a GPU")
def test_without_a_gpu_building_says_what_is_missing_and_looking_works(capsys):
    assert run("build") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "docs/deployment.md" in said
    assert run("list") == 0
    assert run("clean") == 0
    assert "only what is not whole is deleted" in capsys.readouterr().out
