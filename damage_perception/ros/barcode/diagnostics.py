"""The state of the barcode node as /diagnostics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from damage_perception.ros.messages import stamp_of


@dataclass
class Counts:
    """What was done so far.

    images     that were read, by camera
    malformed  images that could not be read
    codes      that were found in images; scanned: that came from the scanner
    unfit      codes, or texts of the scanner, that cannot name a product
    announced  items
    """

    images: dict[str, int] = field(default_factory=dict)
    malformed: int = 0
    codes: int = 0
    scanned: int = 0
    unfit: int = 0
    announced: int = 0
    last: str = ""
    last_unfit: str = ""
    reading_ms: float = 0.0


def barcode_status(
    node: str,
    now_ns: int,
    counts: Counts,
    silent: Sequence[str],
    problems: Mapping[str, str],
    listeners: int,
) -> DiagnosticArray:
    """All of it as one message.

    now_ns     ROS time
    silent     cameras of which no image comes
    problems   why the newest image of a camera could not be read, by camera
    listeners  how many nodes hear the announcements
    """
    level, message = DiagnosticStatus.OK, f"{counts.announced} items announced"
    if silent:
        level = DiagnosticStatus.WARN
        message = f"no images of {', '.join(silent)}: start the driver, or remap"
    if not listeners:
        level, message = DiagnosticStatus.WARN, "nobody listens: start the detector"
    if problems:
        level = DiagnosticStatus.ERROR
        message = "; ".join(f"camera {name}: {text}" for name, text in problems.items())
    values = {f"images {camera}": str(number) for camera, number in counts.images.items()}
    values |= {
        "malformed": str(counts.malformed),
        "codes": str(counts.codes),
        "scanned": str(counts.scanned),
        "unfit": str(counts.unfit),
        "last_unfit": counts.last_unfit,
        "announced": str(counts.announced),
        "last": counts.last,
        "reading_ms": f"{counts.reading_ms:.1f}",
        "listeners": str(listeners),
    }
    status = DiagnosticStatus(
        level=level,
        name=f"{node}: codes",
        message=message,
        hardware_id=node,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
    return DiagnosticArray(header=Header(stamp=stamp_of(now_ns)), status=[status])
