"""The detector's services: they hand a job to the worker and wait without blocking reception."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final

from rclpy.lifecycle import LifecycleNode
from rclpy.task import Future

from damage_perception.ros.clocks import Clocks
from damage_perception.ros.detector.settings import nanoseconds, station_file
from damage_perception.ros.detector.worker import Job, Worker
from damage_perception.ros.messages import longest_wait_ns, report_message
from damage_perception.ros.requests.answers import Offered, alone, resolver
from damage_perception.ros.requests.calibration import CalibratedCamera, StationCalibration
from damage_perception.ros.requests.inspection import Inspection
from damage_perception.verdict.report import Report
from damage_perception.verdict.site import Site
from damage_perception.verdict.site_file import SiteError
from damage_perception_msgs.srv import CalibrateStation, Inspect, ReloadSite

# A camera at 2 Hz delivers the images of a calibration in this time.
_CALIBRATION_NS: Final = 5_000_000_000
_INACTIVE: Final = "the node is not active: configure and activate it first"

# One count for the process, so that no two inspections name an item alike.
_numbers = count(1)


class Services(Offered):
    """``~/inspect``, ``~/calibrate_station``, ``~/reload_site``, from creation to ``destroy``.

    values       the node's parameters as they are now
    worker       the running worker; None while the node is not active
    reload_site  reads the site file and judges by it; raises SiteError
    """

    def __init__(
        self,
        node: LifecycleNode,
        clocks: Clocks,
        values: Callable[[], Mapping[str, Any]],
        worker: Callable[[], Worker | None],
        reload_site: Callable[[], Site],
    ) -> None:
        self._clocks = clocks
        self._values = values
        self._worker = worker
        self._reload_site = reload_site
        super().__init__(
            node,
            (Inspect, "~/inspect", self._inspect),
            (CalibrateStation, "~/calibrate_station", self._calibrate),
            (ReloadSite, "~/reload_site", self._reload),
        )

    def _reload(
        self, request: ReloadSite.Request, response: ReloadSite.Response
    ) -> ReloadSite.Response:
        if not self._values()["site_file"]:
            response.message = "no site file: set the parameter site_file and configure anew"
            return response
        try:
            site = self._reload_site()
        except SiteError as error:
            response.message = str(error)
            return response
        response.success = True
        response.message = f"{len(site.rules)} rules of {self._values()['site_file']}"
        return response

    @alone("an inspection")
    async def _inspect(
        self, request: Inspect.Request, response: Inspect.Response
    ) -> Inspect.Response:
        now_ns = self._clocks.steady_ns()
        usual_ns = nanoseconds(self._values(), "decision_deadline_ms")
        wait_ns = longest_wait_ns(request.timeout, usual_ns)
        name = f"inspect-{next(_numbers)}"
        answer: Future = Future()
        done = resolver(self._node, answer)
        job = Inspection(name, request.sku, now_ns, now_ns + wait_ns, done)
        if not self._begin(job):
            response.message = _INACTIVE
            return response
        reports, error = await answer
        reports_now: list[Report] = reports
        response.success, response.message = not error, error
        response.reports = [report_message(report, self._clocks.ros_ns()) for report in reports_now]
        return response

    @alone("a calibration")
    async def _calibrate(
        self, request: CalibrateStation.Request, response: CalibrateStation.Response
    ) -> CalibrateStation.Response:
        now_ns = self._clocks.steady_ns()
        values = self._values()
        cameras = [request.camera] if request.camera else list(values["cameras"])
        problem = _uncalibratable(cameras, values)
        if problem:
            response.message = problem
            return response
        answer: Future = Future()
        job = StationCalibration(
            cameras,
            now_ns,
            now_ns + _CALIBRATION_NS,
            station_file(values),
            resolver(self._node, answer),
        )
        if not self._begin(job):
            response.message = _INACTIVE
            return response
        result, text = await answer
        learned: list[CalibratedCamera] = result
        response.success, response.message = bool(learned), text
        response.cameras = [entry.camera for entry in learned]
        response.rms_error_m = [entry.fit.rms_error_m for entry in learned]
        response.tilt_deg = [entry.tilt_deg for entry in learned]
        response.distance_m = [entry.distance_m for entry in learned]
        outcome = f"calibrate_station {', '.join(cameras)}: {text}"
        if learned:
            self._node.get_logger().info(outcome)
        else:
            self._node.get_logger().error(outcome)
        return response

    def _begin(self, job: Job) -> bool:
        worker = self._worker()
        if worker is None:
            return False
        worker.add(job)
        return True


def _uncalibratable(cameras: list[str], values: Mapping[str, Any]) -> str:
    """Why the stations of ``cameras`` cannot be learned; empty where they can."""
    for camera in cameras:
        if camera not in values["cameras"]:
            return f"camera {camera!r} is not one of {', '.join(values['cameras'])}"
        if values[f"{camera}.plane"]:
            return (
                f"the parameter {camera}.plane fixes the station: take it out of the parameter "
                "file, start again, then calibrate"
            )
    return ""
