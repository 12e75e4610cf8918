"""The calls of pycuda, with real pycuda on a driver that is none; each case in a process."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WHEELS = ROOT.parent / "shared" / "wheels"

CASES = (
    "every_size_is_answered_and_everything_is_freed",
    "a_process_may_end_without_closing",
    "what_does_not_fit_is_refused_and_freed",
    "an_engine_is_told_from_a_gpu_that_has_no_memory_for_it",
    "without_a_gpu_it_is_said",
    "a_lost_gpu_is_said_and_taken_back",
    "passes_of_one_size_are_recorded_and_done_again",
    "what_cannot_be_recorded_is_done_as_before",
)


@pytest.fixture(scope="module")
def pycuda(tmp_path_factory):
    """The folder that pycuda is imported from; empty: it is installed."""
    if importlib.util.find_spec("pycuda"):
        return ""
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    wheels = sorted(WHEELS.glob(f"pycuda-*-{version}-linux_{os.uname().machine}.whl"))
    if not wheels:
        pytest.skip(f"pycuda is not installed, and {WHEELS} has no wheel of it for {version}")
    folder = tmp_path_factory.mktemp("pycuda")
    with zipfile.ZipFile(wheels[-1]) as wheel:
        wheel.extractall(folder)
    return str(folder)


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """The folder of a libcuda.so.1."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler for the driver that is none")
    library = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    flags = ["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, "-o", library, HERE / "driver.c"], check=True)
    return str(library.parent)


def before(variable, *folders):
    """The search path with ``folders`` first."""
    return os.pathsep.join(filter(None, (*folders, os.environ.get(variable))))


@pytest.mark.parametrize("case", CASES)
def test_on_pycuda(case, pycuda, driver):
    environment = {
        **os.environ,
        "PYTHONPATH": before("PYTHONPATH", pycuda, str(ROOT)),
        "LD_LIBRARY_PATH": before("LD_LIBRARY_PATH", driver),
    }
    command = [sys.executable, HERE / "on_pretended_gpu.py", case]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "PyCUDA ERROR" not in done.stderr
