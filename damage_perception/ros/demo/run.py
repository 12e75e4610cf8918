"""The whole cell on one machine: a simulated cell, the detector and a controller, over DDS."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import IO, Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from damage_perception.network.model_card import ModelCard, ModelCardError
from damage_perception.ros.demo.summary import GALLERY, RECORDS, SUMMARY, Tally, remove_earlier_run
from damage_perception.ros.isolation import isolated_environment
from damage_perception.share import default_model_card, shared_folder

# Without any event for so long, the demo has failed.
_PATIENCE_S: Final = 90.0
# The controller answers the last items within this after the cell has ended.
_LAST_ANSWERS_S: Final = 5.0
_STOP_S: Final = 10.0
# Pristine pieces of each product that are enrolled, each turned another way.
_REFERENCES: Final = 2
# Of so few items some that pass are to be seen on the page, too.
_PASS_SAMPLE: Final = 0.3
_CELL: Final = "simulated_cell"
_STYLES: Final = {"pass": "green", "divert": "red", "unknown": "yellow", None: "magenta"}


class DemoError(RuntimeError):
    """A process of the demo failed; the text says which and what it wrote last."""


class _Process:
    """One process of the demo; its JSON lines become events, what else it writes is its log."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        out: Path,
        events: Queue[dict[str, Any]],
    ) -> None:
        self.name = name
        self._log = _log_of(name, out)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "damage_perception.ros.processes", name, *arguments],
                env=dict(environment),
                # Ctrl-C reaches this process alone, which then ends the others.
                start_new_session=True,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        threading.Thread(
            target=_read_events, args=(self._process.stdout, events), daemon=True
        ).start()

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

    def require_health(self) -> None:
        """Raises DemoError where the process has ended with an error, or cannot start its work."""
        words = self.last_words()
        if self.status:
            raise DemoError(f"{self.name} ended with status {self.status}:\n{words}")
        # The detector stays, for an operator to mend and configure it; here is no operator.
        if "configure failed" in words:
            raise DemoError(words)

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-8:])

    def stop(self) -> None:
        """Ends the process."""
        if self.status is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def run_demo(
    out: Path,
    items: int = 24,
    seed: int = 1,
    model: Path | None = None,
    console: Console | None = None,
    record: bool = False,
) -> bool:
    """Runs the demo and leaves summary.json, pictures and the gallery in ``out``.

    Where the model compares with references, those of every product are enrolled first.

    seed   of the products and damage shown
    model  card of the model; the shipped one where it is None
    record  whether a recorder runs beside, and leaves records in ``out``, too

    Returns whether every item was reported in time. Raises DemoError where a process fails.
    """
    console = console or Console()
    out.mkdir(parents=True, exist_ok=True)
    if _is_of_a_demo(out):
        remove_earlier_run(out)
    events: Queue[dict[str, Any]] = Queue()
    card = _card_of(model)
    references = _REFERENCES if card is not None and card.references is not None else 0
    tally = Tally(items, card if references else None)
    with (
        _processes(out, items, seed, model, references, record, events) as processes,
        _progress(console) as progress,
    ):
        rendering = progress.add_task("rendering items", total=items)
        enrolling = progress.add_task("enrolling products", total=items, visible=references > 0)
        deciding = progress.add_task("deciding items", total=items)
        for event in _events(events, processes):
            if event.get("event") == "rendered":
                progress.advance(rendering)
            elif event.get("event") == "enrolled":
                tally.enrolled(event)
                progress.advance(enrolling)
            elif event.get("event") == "item":
                tally.shown(event)
            elif "action" in event:
                tally.answered(event)
                progress.console.print(_line(event))
                progress.advance(deciding)
    tally.write(out)
    console.print(tally.table())
    console.print(f"{out / SUMMARY}, pictures in {out}")
    return tally.complete


@contextmanager
def _processes(
    out: Path,
    items: int,
    seed: int,
    model: Path | None,
    references: int,
    record: bool,
    events: Queue[dict[str, Any]],
) -> Iterator[dict[str, _Process]]:
    environment = isolated_environment()
    parameters = shared_folder("config") / "demo.yaml"
    detector = ["--params-file", str(parameters), "-p", "autostart:=true"]
    if model is not None:
        detector += ["-p", f"model:={model}"]
    if references:
        detector += ["-p", f"gallery:={out / GALLERY}"]
    controller = ["-p", f"items:={items}", "-p", f"overlays:={out}"]
    cell = ["-p", f"items:={items}", "-p", f"seed:={seed}", "-p", f"references:={references}"]
    started = [
        (_CELL, cell),
        ("damage_detector", detector),
        ("reference_controller", controller),
    ]
    if record:
        folder = ["-p", f"folder:={out / RECORDS}", "-p", "site:=demo"]
        started.append(("damage_recorder", [*folder, "-p", f"pass_sample:={_PASS_SAMPLE}"]))
    processes: dict[str, _Process] = {}
    try:
        for name, arguments in started:
            command = ["--ros-args", *arguments]
            processes[name] = _Process(name, command, environment, out, events)
        yield processes
    finally:
        for process in processes.values():
            process.stop()


def _events(
    events: Queue[dict[str, Any]], processes: Mapping[str, _Process]
) -> Iterator[dict[str, Any]]:
    """What the processes tell, until the controller has answered every item."""
    end_s = time.monotonic() + _PATIENCE_S
    cell, controller = processes[_CELL], processes["reference_controller"]
    cell_ended = False
    while time.monotonic() < end_s:
        try:
            yield events.get(timeout=0.1)
            end_s = time.monotonic() + _PATIENCE_S
        except Empty:
            for process in processes.values():
                process.require_health()
            if controller.status is not None:
                return
            if cell.status is not None and not cell_ended:
                cell_ended = True
                end_s = time.monotonic() + _LAST_ANSWERS_S
    if not cell_ended:
        words = "\n".join(f"{p.name}: {p.last_words()}" for p in processes.values())
        raise DemoError(f"nothing happened for {_PATIENCE_S:.0f} s:\n{words}")


def _card_of(model: Path | None) -> ModelCard | None:
    """None where it cannot be read: the detector says why."""
    try:
        return ModelCard.load(model or default_model_card())
    except ModelCardError:
        return None


def _read_events(stream: IO[str], events: Queue[dict[str, Any]]) -> None:
    for line in stream:
        if line.startswith("{"):
            events.put(json.loads(line))


def _log_of(name: str, out: Path) -> Path:
    return out / f"{name}.log"


def _is_of_a_demo(out: Path) -> bool:
    """Whether a demo was here, which begins with the log of its first process."""
    return _log_of(_CELL, out).exists()


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def _line(answer: Mapping[str, Any]) -> str:
    verdict = answer["verdict"]
    if verdict is None:
        return f"{answer['item_id']}  [magenta]no report by its deadline[/]"
    number, compared = _number(answer["confidence"]), _number(answer["anomaly"])
    what = ", ".join(answer["reasons"]) if verdict == "unknown" else answer["kind"]
    return (
        f"{answer['item_id']}  [{_STYLES[verdict]}]{verdict:<7}[/]  confidence {number}  "
        f"references {compared}  "
        f"{what:<14} {answer['latency_ms']:5.0f} ms"
    )


def _number(value: float | None) -> str:
    return "     " if value is None else f"{value:.3f}"
