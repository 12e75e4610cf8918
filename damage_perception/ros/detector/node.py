"""The node ``damage_detector``: images in, one report per item out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from damage_perception.engines.loading import Loading
from damage_perception.gallery.gallery import Gallery
from damage_perception.inspector import Inspector
from damage_perception.network.damage_network import DamageNetwork
from damage_perception.network.detail import ALWAYS
from damage_perception.ros.clocks import Clocks, ClockWatch
from damage_perception.ros.detector.diagnostics import (
    BackendState,
    CameraState,
    DetectorState,
    ScoreState,
    diagnostic_array,
)
from damage_perception.ros.detector.health import Health
from damage_perception.ros.detector.listening import Listening
from damage_perception.ros.detector.loading import load
from damage_perception.ros.detector.outputs import Outputs
from damage_perception.ros.detector.settings import (
    belt_of,
    configure,
    mounted_cameras,
    policy_of,
    quality_of,
    site_of,
)
from damage_perception.ros.detector.transitions import explained, refuse_impossible_transitions
from damage_perception.ros.detector.worker import Worker
from damage_perception.ros.gallery.keeper import GalleryKeeper
from damage_perception.ros.gallery.reported_items import ReportedItem
from damage_perception.ros.gallery.services import GalleryServices
from damage_perception.ros.parameters.node_table import DETECTOR
from damage_perception.ros.parameters.parameter import Value
from damage_perception.ros.parameters.server import ParameterServer
from damage_perception.ros.requests.answers import answer_every_request
from damage_perception.ros.requests.proposals import Proposals
from damage_perception.ros.requests.services import Services
from damage_perception.ros.transport import image_transport
from damage_perception.share import default_model_card
from damage_perception.verdict.evidence import Evidence
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.report import Report
from damage_perception.verdict.score_watch import ScoreWatch
from damage_perception.verdict.site import Site

# Items are compared from the first on, unless the gallery takes longer than this to be read.
_GALLERY_PATIENCE_S: Final = 10.0


class DetectorNode(LifecycleNode):
    """Converts, schedules and reports; the inspector decides.

    The executor's thread receives and pairs images and answers services; one worker thread runs
    the inspector. Raises ParameterError where a parameter is unknown or out of bounds.
    """

    def __init__(self) -> None:
        super().__init__(DETECTOR.node)
        self.failure = ""
        self._inspector: Inspector | None = None
        self._loading: Loading | None = None
        self._outputs: Outputs | None = None
        self._requests: Services | None = None
        self._gallery_requests: GalleryServices | None = None
        self._proposals: Proposals | None = None
        self._scores = ScoreWatch()
        self._keeper: GalleryKeeper | None = None
        self._listening: Listening | None = None
        self._clocks = Clocks(self)
        self._settings = ParameterServer(
            self, DETECTOR, lambda: self._inspector is not None, self._require, self._apply
        )
        self._transport = image_transport()
        if not self._transport.fit:
            self.get_logger().warning(self._transport.text)
        self._status_publisher = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._clock_watch = ClockWatch(self, self._publish_diagnostics)
        # Simulated time may stand still; the state is told all the same.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._publish_diagnostics, clock=steady)
        refuse_impossible_transitions(self)
        answer_every_request(self)

    @property
    def autostart(self) -> bool:
        """Whether the node is to configure and activate itself."""
        return bool(self._settings.values["autostart"])

    @property
    def is_finalized(self) -> bool:
        """Whether the node was shut down by ``~/change_state`` and its process is to end."""
        return bool(self._state_machine.current_state[1] == "finalized")

    @explained
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Loads and self-tests the model, reads the stations."""
        values: dict[str, Any] = self._settings.values
        card = Path(values["model"]).expanduser() if values["model"] else default_model_card()
        cameras = mounted_cameras(values)
        logger = self.get_logger()
        loading = self._loading = load(card, values, logger.info, logger.error)
        network = loading.network
        policy = policy_of(values, network.card, site_of(values, network.card))
        self._inspector = inspector = Inspector(
            network,
            cameras,
            policy,
            quality_of(values),
            identify=values["identify"],
            detail=values["detail"],
            reported=self._keep_reported if values["gallery"] else None,
            belt=belt_of(values),
        )
        self._health = Health()
        self._outputs = Outputs(self, self._clocks.ros_ns, self._health)
        self._requests = Services(
            self,
            self._clocks,
            lambda: self._settings.values,
            lambda: self._worker,
            self._reload_site,
        )
        self._scores = ScoreWatch()
        self._proposals = Proposals(
            self, self._scores, lambda: self._settings.values, lambda: inspector.policy
        )
        self._keeper = self._keep_gallery(values["gallery"], network, self._outputs)
        self._gallery_requests = GalleryServices(
            self,
            self._clocks.steady_ns,
            lambda: self._settings.values,
            lambda: self._worker,
            self._keeper,
        )
        self.get_logger().info(
            f"model {network.card.model_id} on {network.backend} ({network.backend_reason}), "
            f"threshold {policy.threshold():.4f}, cameras {', '.join(cameras)}"
        )
        if network.card.kinds.warning:
            logger.warning(f"model {network.card.model_id}: {network.card.kinds.warning}")
        if problem := inspector.detail_problem:
            # A line of rclpy's log has one severity for good.
            if inspector.detail == ALWAYS:
                logger.warning(problem)
            else:
                logger.info(problem)
        for name, camera in cameras.items():
            if camera.station.plane is None:
                self.get_logger().warning(
                    f"camera {name} has no station: its plane is fitted in every frame; call "
                    "~/calibrate_station with the station empty"
                )
        return super().on_configure(state)

    @explained
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Starts to listen and to report."""
        assert self._inspector is not None and self._outputs is not None
        values: dict[str, Any] = self._settings.values
        result = super().on_activate(state)
        if self._keeper is not None:
            # What it read while nothing listened.
            self._inspector.use_gallery(self._keeper.gallery)
        self._listening = Listening(
            self, self._inspector, values, self._clocks, self._deliver, self._health
        )
        # From here on whoever changes the inspector has to ask the worker.
        self._listening.worker.start()
        return result

    @explained
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops listening; every item still waiting is reported unknown."""
        self._stop()
        return super().on_deactivate(state)

    @explained
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Frees the model."""
        self._free()
        return super().on_cleanup(state)

    @explained
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops and frees, from any state."""
        self._stop()
        self._free()
        return super().on_shutdown(state)

    def _stop(self) -> None:
        if self._listening is not None:
            self._listening.stop()
        self._listening = None

    def _free(self) -> None:
        if self._keeper is not None:
            self._keeper.stop()
        for part in (self._requests, self._proposals, self._gallery_requests, self._outputs):
            if part is not None:
                part.destroy()
        if self._loading is not None:
            self._loading.close()
        self._inspector = self._loading = self._outputs = self._requests = None
        self._gallery_requests = self._proposals = self._keeper = None

    def _deliver(self, reports: Sequence[Report]) -> None:
        """Publishes ``reports`` and keeps their scores; from any thread."""
        assert self._outputs is not None
        self._outputs.publish(reports)
        for report in reports:
            self._scores.take(report)

    def _keep_gallery(
        self, uri: str, network: DamageNetwork, outputs: Outputs
    ) -> GalleryKeeper | None:
        """The keeper of the gallery at ``uri``, at work; None where that is empty."""
        if not uri:
            return None
        logger = self.get_logger()
        keeper = GalleryKeeper(
            uri,
            network,
            self._use_gallery,
            outputs.publish_packaging_change,
            logger.info,
            logger.warning,
        )
        keeper.start(_GALLERY_PATIENCE_S)
        return keeper

    def _keep_reported(self, report: Report, evidence: Evidence) -> None:
        """Lets the gallery know of a report; from the thread that runs the inspector."""
        assert self._keeper is not None and self._inspector is not None
        self._keeper.report(ReportedItem.of(report, evidence, self._inspector.policy))

    def _reload_site(self) -> Site:
        """Judges by the site file as it is now, from the next frame on. Raises SiteError."""
        assert self._inspector is not None
        site = site_of(self._settings.values, self._inspector.network.card)

        def use(inspector: Inspector) -> None:
            inspector.configure(replace(inspector.policy, site=site))

        self._between_frames(use)
        return site

    def _use_gallery(self, gallery: Gallery | None) -> None:
        """Compares with ``gallery`` from the next frame on; from any thread."""

        def use(inspector: Inspector) -> None:
            inspector.use_gallery(gallery)

        self._between_frames(use)

    def _between_frames(self, action: Callable[[Inspector], None]) -> None:
        """Has ``action`` change the inspector while it handles no frame; from any thread."""
        worker, inspector = self._worker, self._inspector
        if worker is not None:
            worker.call(action)
        elif inspector is not None:
            action(inspector)

    @property
    def _worker(self) -> Worker | None:
        """What runs the inspector while the node is active."""
        return self._listening.worker if self._listening is not None else None

    def _require(self, values: dict[str, Value]) -> None:
        """Raises ParameterError where the model that runs cannot keep ``values``."""
        if self._inspector is not None:
            policy_of(values, self._inspector.network.card, self._inspector.policy.site)

    def _apply(self, values: dict[str, Value]) -> None:
        """Takes parameters that changed into the running parts."""
        if self._listening is not None:
            self._listening.configure(values)
        self._between_frames(partial(configure, values))

    def _publish_diagnostics(self) -> None:
        # Under a namespace, nodes of the same name have to be told apart.
        name = self.get_fully_qualified_name().lstrip("/")
        self._status_publisher.publish(
            diagnostic_array(
                name,
                self._clocks.ros_ns(),
                self._state_machine.current_state[1],
                self.failure,
                self._transport,
                self._clock_watch.state,
                self._detector_state(),
            )
        )

    def _detector_state(self) -> DetectorState | None:
        if self._inspector is None or self._loading is None or self._outputs is None:
            return None
        network = self._inspector.network
        return DetectorState(
            network.backend,
            network.card.model_id,
            network.card.calibration_id,
            self._inspector.policy.threshold(),
            self._health.snapshot(),
            [self._camera_state(name) for name in self._inspector.cameras],
            self._keeper.state if self._keeper is not None else None,
            self._inspector.comparison_problem,
            BackendState(
                network.backend_reason,
                self._loading.state,
                self._loading.problem or network.problem,
            ),
            self._score_states(self._inspector.policy),
            self._outputs.rival,
        )

    def _score_states(self, policy: VerdictPolicy) -> list[ScoreState]:
        asked: Any = self._settings.values["false_diverts_per_1000"]
        return [
            ScoreState(camera, compared, self._scores.condition(camera, compared, policy, asked))
            for camera, compared in self._scores.seen()
        ]

    def _camera_state(self, name: str) -> CameraState:
        if self._listening is None:
            return CameraState(name, float("nan"), False, {}, {}, "")
        return self._listening.camera_state(name)
