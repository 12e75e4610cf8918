"""The detector's services around its gallery: enroll, confirm, review, undo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from rclpy.lifecycle import LifecycleNode
from rclpy.task import Future

from damage_perception.gallery.reference import GalleryError, check_sku
from damage_perception.ros.detector.worker import Worker
from damage_perception.ros.gallery import requests
from damage_perception.ros.gallery.enrollment import Enrollment
from damage_perception.ros.gallery.keeper import GalleryKeeper
from damage_perception.ros.gallery.requests import Outcome
from damage_perception.ros.messages import longest_wait_ns
from damage_perception.ros.requests.answers import Offered, alone, resolver
from damage_perception_msgs.srv import (
    ConfirmItem,
    EnrollReference,
    ReviewCandidates,
    UndoGalleryChange,
)

_INACTIVE: Final = "the node is not active: configure and activate it first"
_NO_GALLERY: Final = "the node has no gallery: set the parameter gallery"
_USUAL_VIEWS: Final = 3
_MOST_VIEWS: Final = 32
_USUAL_WAIT_NS: Final = 5_000_000_000


class GalleryServices(Offered):
    """The services from creation to ``destroy``.

    now_ns  a steady clock
    values  the node's parameters as they are now
    worker  the running worker; None while the node is not active
    keeper  of the gallery; None: the node has none
    """

    def __init__(
        self,
        node: LifecycleNode,
        now_ns: Callable[[], int],
        values: Callable[[], Mapping[str, Any]],
        worker: Callable[[], Worker | None],
        keeper: GalleryKeeper | None,
    ) -> None:
        self._now_ns = now_ns
        self._values = values
        self._worker = worker
        self._keeper = keeper
        super().__init__(
            node,
            (EnrollReference, "~/enroll_reference", self._enroll),
            (ConfirmItem, "~/confirm_item", self._confirm),
            (ReviewCandidates, "~/review_candidates", self._review),
            (UndoGalleryChange, "~/undo_gallery_change", self._undo),
        )

    @alone("an enrolment")
    async def _enroll(
        self, request: EnrollReference.Request, response: EnrollReference.Response
    ) -> EnrollReference.Response:
        keeper, worker = self._keeper, self._worker()
        if keeper is None or worker is None:
            response.message = _NO_GALLERY if keeper is None else _INACTIVE
            return response
        response.message = self._unenrollable(request, keeper)
        if response.message:
            return response
        now_ns = self._now_ns()
        cameras = [request.camera] if request.camera else list(self._values()["cameras"])
        wait_ns = longest_wait_ns(request.timeout, _USUAL_WAIT_NS)
        taken: Future = Future()
        worker.add(
            Enrollment(
                cameras,
                request.views or _USUAL_VIEWS,
                now_ns,
                now_ns + wait_ns,
                resolver(self._node, taken),
            )
        )
        images, response.message = await taken
        if images is None:
            return response
        inspector, frames = images
        sku, by, force = request.sku, request.by, request.force

        def enroll(keeper: GalleryKeeper) -> Outcome:
            return requests.enroll_frames(keeper.store, sku, frames, inspector, by, force)

        outcome = await self._ask(enroll, response)
        response.refused = list(outcome.refused)
        response.accepted = len(outcome.change.reference_ids) if outcome.change else 0
        return response

    async def _confirm(
        self, request: ConfirmItem.Request, response: ConfirmItem.Response
    ) -> ConfirmItem.Response:
        def confirm(keeper: GalleryKeeper) -> Outcome:
            item = keeper.items.get(request.item_id)
            outcome = requests.confirm(
                keeper.store, request.item_id, item, keeper.network, request.by
            )
            keeper.items.remove(request.item_id)
            return outcome

        await self._ask(confirm, response)
        return response

    async def _review(
        self, request: ReviewCandidates.Request, response: ReviewCandidates.Response
    ) -> ReviewCandidates.Response:
        def review(keeper: GalleryKeeper) -> Outcome:
            store = keeper.store()
            return requests.review(store, request.sku, request.accept, request.by, request.why)

        outcome = await self._ask(review, response)
        response.candidates = len(outcome.change.reference_ids) if outcome.change else 0
        return response

    async def _undo(
        self, request: UndoGalleryChange.Request, response: UndoGalleryChange.Response
    ) -> UndoGalleryChange.Response:
        def undo(keeper: GalleryKeeper) -> Outcome:
            return requests.undo(keeper.store(), request.change_id, request.by, request.why)

        await self._ask(undo, response)
        return response

    async def _ask(self, request: Callable[[GalleryKeeper], Outcome], response: Any) -> Outcome:
        """What became of ``request``, told in the fields that every response has."""
        keeper = self._keeper
        if keeper is None:
            response.message = _NO_GALLERY
            return Outcome(_NO_GALLERY)
        answer: Future = Future()
        done = resolver(self._node, answer)
        keeper.ask(partial(request, keeper), lambda outcome: done(outcome, ""))
        result, _ = await answer
        outcome: Outcome = result
        response.success = outcome.change is not None
        response.message = outcome.message
        response.change_id = outcome.change.change_id if outcome.change else ""
        if outcome.change is None:
            self._node.get_logger().warning(f"gallery: {outcome.message}")
        return outcome

    def _unenrollable(self, request: EnrollReference.Request, keeper: GalleryKeeper) -> str:
        """Why a request cannot be met; empty where it can."""
        cameras = self._values()["cameras"]
        if request.camera and request.camera not in cameras:
            return f"camera {request.camera!r} is not one of {', '.join(cameras)}"
        if request.views > _MOST_VIEWS:
            return f"views is {request.views}; expected {_MOST_VIEWS} at most"
        try:
            check_sku(request.sku)
        except GalleryError as error:
            return str(error)
        if keeper.network.card.references is None:
            return f"model {keeper.network.card.model_id} compares nothing with references"
        return ""
