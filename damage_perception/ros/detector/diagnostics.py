"""The state of the detector as /diagnostics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from damage_perception.ros.clocks import ClockState
from damage_perception.ros.detector.health import Snapshot
from damage_perception.ros.detector.pairing import Drop
from damage_perception.ros.gallery.state import GalleryState
from damage_perception.ros.messages import stamp_of
from damage_perception.ros.transport import Transport
from damage_perception.verdict.camera_condition import CameraCondition
from damage_perception.verdict.score_watch import ScoreCondition


@dataclass(frozen=True)
class CameraState:
    """What arrives of one camera.

    publishers  how many each of its topics has
    problem     why its newest images could not be handled, empty where they could
    refused     why a publisher is not heard; empty where all are
    condition   what it is good for; None before its first frame
    """

    name: str
    age_ms: float
    stale: bool
    drops: dict[Drop, int]
    publishers: dict[str, int]
    problem: str
    pairs_per_s: float = 0.0
    refused: str = ""
    condition: CameraCondition | None = None


@dataclass(frozen=True)
class BackendState:
    """What runs the model.

    why      it is this
    state    how far engines are; empty where nothing is to be waited for
    problem  why there is none of what was asked for, or why it failed; empty where neither
    """

    why: str = ""
    state: str = ""
    problem: str = ""


@dataclass(frozen=True)
class ScoreState:
    """How the newest items score that one camera saw.

    compared  those that were compared with references, or those that were not
    """

    camera: str
    compared: bool
    condition: ScoreCondition

    @property
    def name(self) -> str:
        """Of these items."""
        return f"{self.camera} compared" if self.compared else self.camera


@dataclass(frozen=True)
class DetectorState:
    """What the running detector says of itself.

    gallery      None: the node has none
    comparing    why the newest comparison with references failed; empty where it did not
    rival        that another node publishes its reports, too; empty where none does
    """

    backend: str
    model_id: str
    calibration_id: str
    threshold: float
    snapshot: Snapshot
    cameras: Sequence[CameraState]
    gallery: GalleryState | None = None
    comparing: str = ""
    running: BackendState = BackendState()
    scores: Sequence[ScoreState] = ()
    rival: str = ""


def diagnostic_array(
    node_name: str,
    now_ns: int,
    lifecycle: str,
    failure: str,
    transport: Transport,
    clock: ClockState,
    state: DetectorState | None,
) -> DiagnosticArray:
    """All of it as one message.

    now_ns     ROS time
    lifecycle  name of the node's lifecycle state
    failure    why the last transition failed, empty where it did not
    state      None where the node is not configured
    """
    statuses = [_lifecycle_status(node_name, lifecycle, failure, state)]
    if state is not None:
        active = lifecycle == "active"
        statuses += [_camera_status(node_name, camera, active) for camera in state.cameras]
        statuses.append(_gallery_status(node_name, state.gallery, state.comparing))
        statuses.append(_backend_status(node_name, state.backend, state.running))
        statuses.append(_score_status(node_name, state.scores))
    level = DiagnosticStatus.OK if transport.fit else DiagnosticStatus.WARN
    statuses.append(_status(node_name, "transport", level, transport.text, {}))
    statuses.append(_clock_status(node_name, clock))
    return DiagnosticArray(header=Header(stamp=stamp_of(now_ns)), status=statuses)


def _lifecycle_status(
    node: str, lifecycle: str, failure: str, state: DetectorState | None
) -> DiagnosticStatus:
    level, message = DiagnosticStatus.OK, lifecycle
    if failure:
        level, message = DiagnosticStatus.ERROR, failure
    values = {"state": lifecycle}
    if state is not None:
        seen = state.snapshot
        if seen.new_refused and not failure:
            level = DiagnosticStatus.WARN
            message = f"{seen.new_refused} announcements refused since the last status, newest: "
            message += seen.last_refusal
        if seen.new_faults:
            level = DiagnosticStatus.ERROR
            message = f"{seen.new_faults} faults since the last status, newest {seen.last_fault}"
        if state.rival:
            message = state.rival if level == DiagnosticStatus.OK else f"{state.rival}; {message}"
            level = DiagnosticStatus.ERROR
        values |= {
            "backend": state.backend,
            "model_id": state.model_id,
            "calibration_id": state.calibration_id,
            "threshold": f"{state.threshold:.6f}",
            "frames": str(seen.frames),
            "frames_per_s": f"{seen.frames_per_s:.1f}",
            "reports": str(seen.reports),
            "latency_ms_p50": f"{seen.latency_ms[0]:.1f}",
            "latency_ms_p99": f"{seen.latency_ms[1]:.1f}",
            "processing_ms_p50": f"{seen.processing_ms[0]:.1f}",
            "processing_ms_p99": f"{seen.processing_ms[1]:.1f}",
            "faults": str(seen.faults),
            "last_fault": seen.last_fault,
            "announcements_refused": str(seen.refused),
            "announcements_overflowed": str(seen.overflowed),
        }
    return _status(node, "detector", level, message, values)


def _camera_status(node: str, camera: CameraState, active: bool) -> DiagnosticStatus:
    level, message = DiagnosticStatus.OK, "receiving"
    seen = camera.condition
    if not active:
        message = "not listening"
    elif camera.stale:
        level, message = DiagnosticStatus.ERROR, _silence(camera)
    elif camera.problem:
        level, message = DiagnosticStatus.ERROR, camera.problem
    elif seen is not None and seen.blind:
        level, message = DiagnosticStatus.ERROR, seen.blind
    elif seen is not None and seen.weak:
        level, message = DiagnosticStatus.WARN, seen.weak
    values = {"age_ms": f"{camera.age_ms:.0f}", "pairs_per_s": f"{camera.pairs_per_s:.1f}"}
    if seen is not None and not camera.stale:
        values |= _condition_values(seen)
    values |= {f"publishers {topic}": str(count) for topic, count in camera.publishers.items()}
    values["qos_mismatch"] = camera.refused
    values |= {f"dropped_{cause.value}": str(count) for cause, count in camera.drops.items()}
    return _status(node, f"camera {camera.name}", level, message, values)


def _silence(camera: CameraState) -> str:
    message = f"stale: no new pair of images for {camera.age_ms:.0f} ms"
    silent = [topic for topic, count in camera.publishers.items() if not count]
    if silent:
        message += f"; nobody publishes {', '.join(silent)}: start the driver or remap"
    return f"{message}; {camera.refused}" if camera.refused else message


def _condition_values(seen: CameraCondition) -> dict[str, str]:
    values = {
        "depth_share": f"{seen.depth_share:.2f}",
        "brightness": f"{seen.brightness:.0f}",
        "lost_share": f"{seen.lost_share:.2f}",
        "contrast": f"{seen.contrast:.0f}",
        "sharpness": f"{seen.sharpness:.1f}",
    }
    support = seen.support
    if not math.isnan(support.seen):
        values["support_seen"] = f"{support.seen:.2f}"
    if not math.isnan(support.offset_m):
        values["support_offset_mm"] = f"{1000 * support.offset_m:.1f}"
        values["support_tilt_deg"] = f"{support.tilt_deg:.2f}"
    if seen.offset is not None:
        values["moved_mm"] = f"{np.linalg.norm(seen.offset.moved_mm):.1f}"
        values["moved_uncertainty_mm"] = f"{seen.offset.uncertainty_mm:.1f}"
    return values


def _backend_status(node: str, backend: str, running: BackendState) -> DiagnosticStatus:
    level, message = DiagnosticStatus.OK, backend
    if running.state:
        level, message = DiagnosticStatus.WARN, running.state
    elif running.problem:
        level, message = DiagnosticStatus.ERROR, running.problem
    return _status(node, "backend", level, message, {"backend": backend, "why": running.why})


def _score_status(node: str, scores: Sequence[ScoreState]) -> DiagnosticStatus:
    level = DiagnosticStatus.OK
    values: dict[str, str] = {}
    said = []
    for state in scores:
        seen = state.condition
        values |= {
            f"{state.name} items": str(seen.items),
            f"{state.name} diverts_per_1000": f"{seen.diverts_per_1000:.2f}",
            f"{state.name} asked_per_1000": f"{seen.asked_per_1000:g}",
        }
        said.append(
            f"{state.name}: {seen.diverts_per_1000:.1f} in 1000 of {seen.items} items are "
            f"diverted, {seen.asked_per_1000:g} good ones may be"
        )
    problems = [f"{s.name}: {s.condition.problem}" for s in scores if s.condition.problem]
    if problems:
        level, said = DiagnosticStatus.WARN, problems
    return _status(node, "scores", level, "; ".join(said) or "no item had a score yet", values)


def _gallery_status(node: str, gallery: GalleryState | None, comparing: str) -> DiagnosticStatus:
    level = DiagnosticStatus.OK
    if gallery is None:
        return _status(node, "gallery", level, "none: items are not compared with references", {})
    message = f"{gallery.references} references of {gallery.skus} skus in use"
    problem = "; ".join(filter(None, (gallery.problem, comparing)))
    if gallery.changed:
        level = DiagnosticStatus.WARN
        message = (
            f"the packaging of {', '.join(gallery.changed)} seems to have changed: look at the "
            "candidates and call ~/review_candidates"
        )
    if problem:
        level, message = DiagnosticStatus.WARN, problem
    values = {
        "gallery": gallery.uri,
        "skus": str(gallery.skus),
        "references": str(gallery.references),
        "candidates": str(gallery.candidates),
        "packaging_changed": ", ".join(gallery.changed),
        "problem": problem,
    }
    return _status(node, "gallery", level, message, values)


def _clock_status(node: str, clock: ClockState) -> DiagnosticStatus:
    message = "ROS time from /clock" if clock.simulated else "ROS time of the system"
    if clock.problem:
        return _status(node, "clock", DiagnosticStatus.ERROR, clock.problem, {})
    return _status(node, "clock", DiagnosticStatus.OK, message, {})


def _status(
    node: str, name: str, level: bytes, message: str, values: dict[str, str]
) -> DiagnosticStatus:
    return DiagnosticStatus(
        level=level,
        name=f"{node}: {name}",
        message=message,
        hardware_id=node,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
