"""Reports, announcements and images as ROS messages."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Point32, Polygon, Vector3
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest
from std_msgs.msg import Header

from damage_perception.frame import CameraModel
from damage_perception.kinds import CODES
from damage_perception.ros.gallery.packaging_changes import Noticed
from damage_perception.verdict.difference import ReferenceStatus
from damage_perception.verdict.regions import Region
from damage_perception.verdict.report import Report
from damage_perception.verdict.tracker import Announcement
from damage_perception_msgs.msg import (
    DamageRegion,
    DamageReport,
    ItemAnnouncement,
    PackagingChange,
)

NANOSECONDS = 1_000_000_000

# A deadline farther ahead is of another clock.
_LONGEST_WAIT_NS: Final = 3600 * NANOSECONDS

# Of names in announcements; they go into reports, records and the log.
_LONGEST_TEXT: Final = 256

# What the pixels of an image say, by type and channels.
_ENCODINGS = {("uint8", 3): "rgb8", ("uint8", 1): "mono8", ("uint16", 1): "16UC1"}
_ENCODINGS |= {("float32", 1): "32FC1"}


def stamp_of(nanoseconds: int) -> Time:
    """A point in time as a message."""
    return Time(sec=nanoseconds // NANOSECONDS, nanosec=nanoseconds % NANOSECONDS)


def nanoseconds_of(stamp: Time | Duration) -> int:
    """A point or a length of time in nanoseconds."""
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)


def longest_wait_ns(timeout: Duration, usual_ns: int) -> int:
    """How long a request waits at most, an hour where it asks for more.

    usual_ns  where it says nothing, or no time to wait for
    """
    asked_ns = nanoseconds_of(timeout)
    return min(asked_ns, _LONGEST_WAIT_NS) if asked_ns > 0 else usual_ns


def steady_deadline_ns(deadline: Time, ros_ns: int, steady_ns: int) -> int:
    """A deadline given in ROS time, in steady time; 0 where there is none.

    ros_ns, steady_ns  ROS time and steady time as it came. Simulated time that has not begun says
                       nothing of how long it is to the deadline: there is none.
    """
    deadline_ns = nanoseconds_of(deadline)
    if deadline_ns == 0 or ros_ns == 0:
        return 0
    # One that is over long since is not none.
    return max(1, steady_ns + deadline_ns - ros_ns)


def report_message(report: Report, now_ns: int) -> DamageReport:
    """The message of a report published at ``now_ns`` of ROS time."""
    seen = report.stamp_ns > 0
    stamp_ns = report.stamp_ns if seen else now_ns
    latency_ns = now_ns - stamp_ns
    message = DamageReport(
        header=Header(stamp=stamp_of(stamp_ns), frame_id=report.frame_id),
        item_id=report.item_id,
        sku=report.sku,
        verdict=int(report.verdict),
        reasons=int(report.reasons),
        detail=report.detail,
        confidence=float(report.confidence),
        threshold=float(report.threshold),
        kinds=[CODES[kind] for kind in report.kinds],
        kind_confidences=list(report.kinds.values()),
        anomaly_score=float(report.anomaly_score),
        network_confidence=float(report.alone),
        references_used=report.references is ReferenceStatus.USED,
        references=int(report.references),
        identified_sku=report.identity.sku,
        identification_confidence=float(report.identity.confidence),
        regions=[_region_message(region) for region in report.regions],
        severity=int(report.severity),
        damage_area_m2=report.extent.area_cm2 / 1e4,
        damage_depth_m=report.extent.depth_mm / 1e3,
        damage_item_share=report.extent.item_share,
        cameras=list(report.cameras),
        frames_used=report.frames_used,
        first_seen=stamp_of(report.first_seen_ns),
        latency=Duration(sec=latency_ns // NANOSECONDS, nanosec=latency_ns % NANOSECONDS),
        model_id=report.model_id,
        calibration_id=report.calibration_id,
        backend=report.backend,
        backend_reason=report.backend_reason,
    )
    if report.position_m is not None:
        message.position_valid = True
        message.position = _point(report.position_m)
    return message


def announcement_of(
    message: ItemAnnouncement, cameras: Sequence[str], ros_ns: int, steady_ns: int
) -> Announcement:
    """What a message announces, its deadline in steady time.

    ros_ns, steady_ns  ROS time and steady time as it came

    Raises ValueError where its item has no id, or is for none of ``cameras``, or its deadline is no
    time to wait for, or a text is longer than _LONGEST_TEXT.
    """
    for name in ("item_id", "sku", "camera"):
        if len(text := getattr(message, name)) > _LONGEST_TEXT:
            raise ValueError(
                f"{name} {text[:20]!r}... is {len(text)} letters long; expected {_LONGEST_TEXT} at "
                "most"
            )
    if message.camera and message.camera not in cameras:
        raise ValueError(
            f"item {message.item_id!r} is announced for camera {message.camera!r}; expected "
            f"one of {', '.join(cameras)}, or none"
        )
    return Announcement(
        item_id=message.item_id,
        sku=message.sku,
        deadline_ns=_deadline_ns(message, ros_ns, steady_ns),
        camera=message.camera,
        stamp_ns=nanoseconds_of(message.header.stamp) or ros_ns,
    )


def _deadline_ns(message: ItemAnnouncement, ros_ns: int, steady_ns: int) -> int:
    """The deadline of an announcement in steady time; 0 for the usual one."""
    sec, nanosec = message.deadline.sec, message.deadline.nanosec
    if sec < 0 or nanosec >= NANOSECONDS:
        raise ValueError(
            f"item {message.item_id!r} has the deadline {sec} s, {nanosec} ns; expected a time in "
            "ROS time, with less than 10^9 ns"
        )
    deadline_ns = steady_deadline_ns(message.deadline, ros_ns, steady_ns)
    left_ns = deadline_ns - steady_ns
    if left_ns > _LONGEST_WAIT_NS:
        raise ValueError(
            f"item {message.item_id!r} has a deadline {left_ns / NANOSECONDS:.0f} s ahead; "
            "expected an hour at most: give it in ROS time, with use_sim_time the same everywhere"
        )
    return deadline_ns


def packaging_change_message(noticed: Noticed, text: str, now_ns: int) -> PackagingChange:
    """The message of a change of packaging, noticed at ``now_ns``; ``text`` is for people."""
    return PackagingChange(
        header=Header(stamp=stamp_of(now_ns)),
        sku=noticed.sku,
        item_ids=list(noticed.item_ids),
        message=text,
    )


def image_message(pixels: NDArray[np.generic], header: Header) -> Image:
    """An image of (H, W, 3) uint8 RGB, (H, W) uint8, uint16 millimetres or float32 metres."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    message = Image(
        header=header,
        height=height,
        width=width,
        encoding=_ENCODINGS[str(pixels.dtype), channels],
        step=width * channels * pixels.dtype.itemsize,
    )
    # rclpy checks any other sequence element by element, at 40 ms and more an image.
    data = array("B")
    data.frombytes(np.ascontiguousarray(pixels).data.cast("B"))
    message.data = data
    return message


def camera_info_message(camera: CameraModel, header: Header) -> CameraInfo:
    """The calibration of a rectified camera."""
    fx, fy, cx, cy = camera.fx, camera.fy, camera.cx, camera.cy
    return CameraInfo(
        header=header,
        height=camera.height,
        width=camera.width,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def _region_message(region: Region) -> DamageRegion:
    x, y, width, height = region.box
    # A box may begin outside the image, which the message cannot say.
    left, top = max(x, 0), max(y, 0)
    message = DamageRegion(
        header=Header(stamp=stamp_of(region.stamp_ns), frame_id=region.frame_id),
        camera=region.camera,
        kind=CODES[region.kind],
        confidence=float(region.confidence),
        box=RegionOfInterest(
            x_offset=left,
            y_offset=top,
            width=max(0, x + width - left),
            height=max(0, y + height - top),
        ),
        severity=int(region.severity),
        item_share=float(region.item_share),
        depth_m=float(region.depth_m),
        polygon=Polygon(points=[Point32(x=float(u), y=float(v)) for u, v in region.polygon]),
    )
    if region.position_m is not None and region.size_m is not None:
        message.position_valid = True
        message.position = _point(region.position_m)
        message.size = Vector3(**dict(zip("xyz", map(float, region.size_m), strict=True)))
        message.area_m2 = float(region.area_m2)
    return message


def _point(position_m: NDArray[np.float64]) -> Point:
    return Point(**dict(zip("xyz", map(float, position_m), strict=True)))
