"""The service ``~/record_item``: keep an item whatever becomes of it, and say when it is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from rclpy.node import Node
from rclpy.task import Future

from damage_perception.records.item_record import ItemRecord
from damage_perception.ros.messages import nanoseconds_of
from damage_perception.ros.recorder.writing import Done
from damage_perception.ros.requests.answers import Offered, resolver
from damage_perception_msgs.srv import RecordItem

_USUAL_WAIT_NS: Final = 10_000_000_000
_MOST_WAITING: Final = 100


@dataclass(frozen=True)
class _Request:
    """``item_id`` empty: the next item, whichever it is."""

    item_id: str
    until_ns: int
    done: Any


class Requests(Offered):
    """The service, and who waits for what."""

    def __init__(self, node: Node) -> None:
        self._waiting: list[_Request] = []
        super().__init__(node, (RecordItem, "~/record_item", self._record))

    def take(self, item_id: str) -> Done | None:
        """Who waits for this item, to be told what became of it; None where nobody does."""
        found = [one for one in self._waiting if one.item_id in ("", item_id)]
        if not found:
            return None
        self._waiting = [one for one in self._waiting if one not in found]

        def done(record: ItemRecord | None, why: str) -> None:
            for one in found:
                one.done(record, why)

        return done

    def expire(self) -> None:
        """Answers those who have waited long enough."""
        now_ns = time.monotonic_ns()
        late = [one for one in self._waiting if one.until_ns <= now_ns]
        self._waiting = [one for one in self._waiting if one.until_ns > now_ns]
        for one in late:
            one.done(None, f"no report on {one.item_id or 'any item'} came in time")

    async def _record(
        self, request: RecordItem.Request, response: RecordItem.Response
    ) -> RecordItem.Response:
        if len(self._waiting) >= _MOST_WAITING:
            response.message = f"{_MOST_WAITING} requests wait already"
            return response
        wait_ns = nanoseconds_of(request.timeout)
        answer: Future = Future()
        until_ns = time.monotonic_ns() + (wait_ns if wait_ns > 0 else _USUAL_WAIT_NS)
        self._waiting.append(_Request(request.item_id, until_ns, resolver(self._node, answer)))
        record, why = await answer
        response.success, response.message = record is not None, why
        if record is not None:
            response.item_id, response.key, response.file = record.item_id, record.key, record.file
        return response
