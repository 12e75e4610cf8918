"""Reports as markers for RViz."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from damage_perception.overlay import VERDICT_COLORS
from damage_perception.verdict.report import Verdict
from damage_perception_msgs.msg import DamageReport

_LIFETIME: Final = Duration(sec=3)
_TEXT_HEIGHT_M: Final = 0.03
_SMALLEST_M: Final = 0.005


def markers_of(reports: Sequence[DamageReport]) -> MarkerArray:
    """A text at each item's centre and a box around each region of damage, where they have one."""
    markers = []
    for report in reports:
        verdict = Verdict(report.verdict)
        if report.position_valid:
            text = f"{report.item_id} {verdict.name.lower()} {report.confidence:.2f}"
            size = Vector3(z=_TEXT_HEIGHT_M)
            marker = _marker(report, Marker.TEXT_VIEW_FACING, report.position, size, verdict)
            marker.text = text
            markers.append(marker)
        for region in report.regions:
            if region.position_valid:
                size = Vector3(
                    x=max(region.size.x, _SMALLEST_M),
                    y=max(region.size.y, _SMALLEST_M),
                    z=max(region.size.z, _SMALLEST_M),
                )
                marker = _marker(report, Marker.CUBE, region.position, size, verdict)
                marker.header = region.header
                marker.color.a = 0.5
                markers.append(marker)
    for number, marker in enumerate(markers):
        marker.id = number
    return MarkerArray(markers=markers)


def _marker(
    report: DamageReport, kind: int, position: Point, size: Vector3, verdict: Verdict
) -> Marker:
    red, green, blue = (channel / 255 for channel in VERDICT_COLORS[verdict])
    return Marker(
        header=report.header,
        ns=report.item_id,
        type=kind,
        action=Marker.ADD,
        pose=Pose(position=position, orientation=Quaternion(w=1.0)),
        scale=size,
        color=ColorRGBA(r=red, g=green, b=blue, a=1.0),
        lifetime=_LIFETIME,
    )
