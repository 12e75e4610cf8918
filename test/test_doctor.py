"""The doctor says what is there, what is not, and what to do about it."""

import sys

import pytest

from damage_perception import doctor
from damage_perception.doctor import (
    Module,
    examine,
    examine_backend,
    examine_model,
    examine_module,
)
from damage_perception.engines import backend
from damage_perception.network import OnnxRuntimeBackend


def probed(name, has_gpu=False, **fields):
    return examine_module(Module("it", name, "this test", "pip install it", **fields), has_gpu)


@pytest.fixture
def module_file(tmp_path, monkeypatch):
    """Writes a module that can be imported here and in other processes."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def write(name, source):
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return write


@pytest.mark.slow
def test_everything_that_is_not_well_has_a_mend():
    findings = examine()
    assert len({finding.name for finding in findings}) == len(findings)
    assert {"python", "numpy", "rclpy", "model", "transport", "gpu"} <= {f.name for f in findings}
    for finding in findings:
        assert finding.detail
        assert bool(finding.mend) == (finding.state != "ok")


def test_an_installed_module_is_named_with_its_version():
    finding = probed("numpy")
    assert finding.state == "ok" and finding.detail == sys.modules["numpy"].__version__


@pytest.mark.parametrize("state", ["warning", "missing"])
def test_an_absent_module_is_as_bad_as_what_it_serves(state):
    finding = probed("no_such_module", absent=state)
    assert finding.state == state
    assert finding.detail == "not installed; needed for this test"
    assert finding.mend == "pip install it"


def test_a_folder_of_the_same_name_is_no_module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "only_sources" / "msg").mkdir(parents=True)
    assert probed("only_sources.msg").state == "warning"


def test_a_module_that_cannot_be_imported_is_told_from_one_that_is_absent(module_file):
    finding = probed(module_file("broken", "raise ImportError('libGL.so.1: cannot open')"))
    assert finding.state == "warning"
    assert "cannot be imported: ImportError: libGL.so.1" in finding.detail
    assert finding.mend == "reinstall it: pip install it"


def test_a_module_that_crashes_takes_nothing_with_it(module_file):
    finding = probed(module_file("crashing", "import os; os.abort()"))
    assert finding.state == "warning" and "exit status -6" in finding.detail


@pytest.mark.parametrize(
    ("version", "state"), [("4.5.5", "warning"), ("4.6.0-dev", "ok"), ("10.0", "ok")]
)
def test_a_version_older_than_what_is_tested_is_a_warning(module_file, version, state):
    name = module_file(
        f"of_{version.replace('.', '_').replace('-', '_')}", f"__version__ = '{version}'"
    )
    assert probed(name, oldest="4.6").state == state


def test_what_the_model_runs_on_is_said_and_what_a_gpu_lacks(monkeypatch):
    assert examine_backend(has_gpu=False).state == "ok"
    cpu = OnnxRuntimeBackend(1, "no inference on a GPU: pycuda is missing")
    monkeypatch.setattr(backend, "choose_backend", lambda *_, **__: cpu)
    finding = examine_backend(has_gpu=True)
    assert finding.state == "warning" and "pycuda is missing" in finding.detail
    assert "docs/deployment.md" in finding.mend


def test_what_only_a_gpu_needs_is_not_missed_without_one():
    assert probed("no_such_module", for_gpu=True).state == "ok"
    assert probed("no_such_module", has_gpu=True, for_gpu=True).state == "warning"


def test_a_model_is_named_by_its_card(model_copy, monkeypatch):
    monkeypatch.setattr(doctor, "default_model_card", lambda: model_copy)
    assert examine_model().state == "ok"


def test_a_model_of_other_kinds_is_a_warning(model_copy, monkeypatch):
    monkeypatch.setattr(doctor, "default_model_card", lambda: model_copy)
    text = model_copy.read_text().replace("- crush", "- scratch")
    model_copy.write_text(text)
    finding = examine_model()
    assert finding.state == "warning" and finding.mend
    assert "does not know the kinds scratch" in finding.detail
    assert "model does not know the kinds crush" in finding.detail


def test_a_spoilt_model_is_missing_and_says_why(model_copy, monkeypatch):
    monkeypatch.setattr(doctor, "default_model_card", lambda: model_copy)
    graph = next(model_copy.parent.glob("*.onnx"))
    graph.write_bytes(graph.read_bytes()[:-1])
    finding = examine_model()
    assert finding.state == "missing" and "sha256" in finding.detail


def test_shared_memory_of_a_container_is_too_small(tmp_path, monkeypatch):
    class Container:
        f_blocks, f_frsize = 16384, 4096

    monkeypatch.setattr(doctor.os, "statvfs", lambda _: Container)
    finding = doctor.examine_shared_memory(tmp_path)
    assert (
        finding.state == "warning" and "64 MiB" in finding.detail and "--shm-size" in finding.mend
    )


def test_no_shared_memory_is_said(tmp_path):
    finding = doctor.examine_shared_memory(tmp_path / "none")
    assert finding.state == "warning" and "UDP" in finding.detail
