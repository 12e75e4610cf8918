"""The node while its engines are built, when they are there, and when there is no GPU."""

import time

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from pathlib import Path

from cell import ACTIVATE, CLEANUP, CONFIGURE, DEACTIVATE, PLANE, Cell, Detector

from damage_perception_msgs.msg import DamageReport

pytestmark = pytest.mark.ros
OK, WARN, ERROR = 0, 1, 2
GPU_TOLD = "Orin, compute capability 8.7, driver 12060"
SIMULATED = str(Path(__file__).parents[1] / "detector_on_simulated_gpu.py")


@pytest.fixture
def go(tmp_path):
    return tmp_path / "go"


@pytest.fixture
def lost(tmp_path):
    return tmp_path / "lost"


@pytest.fixture
def started(environment, tmp_path, go, lost, tiny_card):
    running = []

    def start(**parameters):
        parameters = {
            "model": str(tiny_card),
            "camera": {"plane": PLANE},
            "decision_deadline_ms": 400,
            "leave_after_ms": 100,
            **parameters,
        }
        cache = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "GO": str(go), "LOST": str(lost)}
        process = Detector(tmp_path, {**environment, **cache}, parameters, program=[SIMULATED])
        node = Cell(environment)
        running.append((node, process))
        return node, process

    yield start
    for node, process in running:
        node.close()
        assert process.stop() == 0, process.log


def judged(cell, item_id):
    cell.announce(item_id)
    return cell.report_on(item_id, beat=lambda: cell.show(frames=1))


def backend(cell):
    return cell.status("backend")


def configure(cell):
    """Configures and activates; how long the first took."""
    # Until it answers at all, its process starts.
    cell.state()
    start_s = time.monotonic()
    assert cell.change_state(CONFIGURE)
    took_s = time.monotonic() - start_s
    assert cell.change_state(ACTIVATE)
    cell.connect()
    return took_s


def test_the_node_answers_while_engines_are_built_and_runs_on_them_afterwards(started, go):
    cell, detector = started()
    assert configure(cell) < 3
    assert backend(cell)[:2] == (WARN, "building engines: tactics, 40 %")
    report = judged(cell, "early")
    assert report.verdict == DamageReport.UNKNOWN
    assert report.reasons & DamageReport.REASON_BACKEND_FAULT
    assert "no engine: building engines" in detector.log
    assert report.backend_reason == f"{GPU_TOLD}; no engine: building engines: tactics, 40 %"
    go.write_text("")
    cell.until(lambda: backend(cell)[0] == OK, timeout_s=20)
    cell.show(None, frames=6)
    report = judged(cell, "late")
    assert report.verdict == DamageReport.PASS and report.backend == "tensorrt-10.3.0-fp32"
    assert report.backend_reason == GPU_TOLD
    level, message, values = backend(cell)
    assert (level, message) == (OK, "tensorrt-10.3.0-fp32")
    assert values["why"] == GPU_TOLD
    # From the cache it is there at once.
    go.unlink()
    assert cell.change_state(DEACTIVATE) and cell.change_state(CLEANUP)
    configure(cell)
    cell.until(lambda: backend(cell)[0] == OK, timeout_s=10)


def test_meanwhile_the_cpu_serves_where_that_is_set(started, go):
    cell, detector = started(serve_while_building=True)
    configure(cell)
    report = judged(cell, "early")
    assert report.verdict == DamageReport.PASS and report.backend == "onnxruntime-cpu-fp32"
    assert report.backend_reason == "until the engines for the GPU are there"
    assert backend(cell)[0] == WARN
    go.write_text("")
    cell.until(lambda: backend(cell)[0] == OK, timeout_s=20)
    cell.show(None, frames=6)
    assert judged(cell, "late").backend == "tensorrt-10.3.0-fp32"
    assert "from now on" in detector.log


def test_engines_that_cannot_be_built_pass_nothing_unless_the_cpu_may_take_over(started, go):
    go.write_text("no kernel for this layer")
    cell, _ = started(backend="tensorrt")
    configure(cell)
    cell.until(lambda: backend(cell)[0] == ERROR, timeout_s=20)
    assert "no kernel for this layer" in backend(cell)[1]
    assert judged(cell, "refused").verdict == DamageReport.UNKNOWN
    assert cell.change_state(DEACTIVATE) and cell.change_state(CLEANUP)
    assert cell.set_parameter("backend", "auto").successful
    configure(cell)
    cell.until(lambda: "onnxruntime" in backend(cell)[2]["backend"], timeout_s=20)
    level, message, values = backend(cell)
    assert level == ERROR and "no kernel" in message and "no kernel" in values["why"]
    cell.show(None, frames=6)
    report = judged(cell, "by the CPU")
    assert report.verdict == DamageReport.PASS and report.backend == "onnxruntime-cpu-fp32"
    assert "no kernel for this layer" in report.backend_reason


def test_a_gpu_that_is_lost_passes_nothing_and_is_taken_back_when_it_returns(started, go, lost):
    go.write_text("")
    cell, detector = started(backend="tensorrt")
    configure(cell)
    cell.until(lambda: backend(cell)[0] == OK, timeout_s=20)
    assert judged(cell, "before").verdict == DamageReport.PASS
    lost.write_text("")
    cell.show(None, frames=6)
    report = judged(cell, "lost")
    assert report.verdict == DamageReport.UNKNOWN
    assert report.reasons & DamageReport.REASON_BACKEND_FAULT
    assert "fallen off the bus" in cell.status("detector")[2]["last_fault"]
    assert report.backend_reason.startswith(f"{GPU_TOLD}; inference failed: ")
    assert "fallen off the bus" in report.backend_reason
    level, message, _ = backend(cell)
    assert level == ERROR and "fallen off the bus" in message
    lost.unlink()
    # The pause before the next attempt is over by then.
    time.sleep(4)
    cell.show(None, frames=6)
    report = judged(cell, "back")
    assert report.verdict == DamageReport.PASS and report.backend == "tensorrt-10.3.0-fp32"
    assert report.backend_reason == GPU_TOLD and backend(cell)[0] == OK
    assert detector.running and "Traceback" not in detector.log
