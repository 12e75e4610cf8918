"""The processes of a row: a detector, and what runs beside it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.chaos.late_store import GALLERY, late_store
from benchmarks.chaos.losable_backend import LOST
from benchmarks.chaos.namespace import is_own
from damage_perception.ros.isolation import isolated_environment
from damage_perception.ros.transport import PROFILE_VARIABLES

DETECTOR: Final = "damage_perception.ros.detector.process"
LOSABLE: Final = "benchmarks.chaos.losable_backend"
_RECORDER: Final = "damage_perception.ros.recorder.process"
_CHECKOUT: Final = Path(__file__).parents[2]
_THRESHOLD: Final = 0.5
# Whoever has shared memory, too, speaks UDP with such a node. For the range LOCALHOST, rmw_fastrtps
# adds shared memory whatever else is said; a network of one's own has no other host.
_UDP_ONLY: Final = {
    **dict.fromkeys(PROFILE_VARIABLES, str(Path(__file__).with_name("udp_only.xml"))),
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET",
    "ROS_STATIC_PEERS": "127.0.0.1",
}


@dataclass(frozen=True)
class Setup:
    """What a fault needs from the start of its row.

    program          module that runs the detector
    udp_only         the detector has UDP alone, which can be cut
    recorder         a recorder runs beside
    store_answers_s  the gallery is in an object store that answers after so long; 0: there is none
    """

    program: str = DETECTOR
    udp_only: bool = False
    recorder: bool = False
    store_answers_s: float = 0.0

    def __or__(self, other: Setup) -> Setup:
        """What both need."""
        return Setup(
            other.program if self.program == DETECTOR else self.program,
            self.udp_only or other.udp_only,
            self.recorder or other.recorder,
            max(self.store_answers_s, other.store_answers_s),
        )


PLAIN: Final = Setup()


class NodeProcess:
    """A node's process; ``folder`` keeps its parameters and its log, by ``name``.

    module  runs it
    values  of its parameters
    """

    def __init__(
        self,
        name: str,
        module: str,
        values: Mapping[str, Any],
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        self._module = module
        self._environment = environment
        self._log = folder / f"{name}.log"
        self._parameters = folder / f"{name}.yaml"
        content = {"/**": {"ros__parameters": dict(values)}}
        self._parameters.write_text(yaml.safe_dump(content))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> None:
        """Starts the process with further ROS arguments."""
        command = [sys.executable, "-m", self._module, "--ros-args"]
        command += ["--params-file", str(self._parameters), *arguments]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, cwd=_CHECKOUT, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def exit_status(self) -> int | None:
        """Of a process that ended by itself; None while it runs."""
        return None if self._process is None else self._process.poll()

    def interrupt(self) -> None:
        """Asks the process to end, as an operator would; does not wait for it."""
        self._send(signal.SIGINT)

    def pause(self) -> None:
        """Stops the process in the middle of whatever it does."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a paused process go on."""
        self._send(signal.SIGCONT)

    def stop(self) -> None:
        """Ends the process as an operator would."""
        self.interrupt()
        try:
            if self._process is not None:
                self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends the process at once, where it was started."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _send(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)


@dataclass(frozen=True)
class Processes:
    """What runs around a cell.

    environment  of the cell
    second       a detector of the same name and parameters, not started
    recorder     None: there is none
    lost         while this file is there, the backend of LOSABLE fails
    """

    environment: Mapping[str, str]
    detector: NodeProcess
    second: NodeProcess
    recorder: NodeProcess | None
    lost: Path


@contextmanager
def running(folder: Path, setup: Setup) -> Iterator[Processes]:
    """Starts what ``setup`` asks for and ends all of it; logs are kept in ``folder``.

    Raises RuntimeError where it asks for a network of its own and there is none.
    """
    if setup.udp_only and not is_own():
        raise RuntimeError("without a network of its own, UDP would leave this machine")
    folder = folder.resolve()
    environment, lost = isolated_environment(), folder / "gpu_lost"
    values: dict[str, Any] = {
        "autostart": True,
        "station_file": str(folder / "station.yaml"),
        # Whether a fault lets broken items pass is asked, not where the card's threshold lies.
        "damage_threshold": _THRESHOLD,
    }
    of_detectors = environment | {LOST: str(lost)}
    if setup.udp_only:
        of_detectors |= _UDP_ONLY
        # Small buffers lose some of what a large image consists of: it is sent again.
        values["image_qos"] = "reliable"
    with ExitStack() as opened:
        if setup.store_answers_s:
            values["gallery"] = GALLERY
            of_detectors |= opened.enter_context(late_store(setup.store_answers_s))
        detector, second = (
            NodeProcess(name, setup.program, values, folder, of_detectors)
            for name in ("detector", "second_detector")
        )
        recorder = None
        if setup.recorder:
            kept = {"folder": str(folder / "records"), "quota_gb": 1.0}
            recorder = NodeProcess("recorder", _RECORDER, kept, folder, environment)
            opened.callback(recorder.kill)
            recorder.start()
        opened.callback(second.kill)
        opened.callback(detector.kill)
        detector.start()
        yield Processes(environment, detector, second, recorder, lost)
