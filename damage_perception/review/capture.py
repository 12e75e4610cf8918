"""What is captured at the booth: one moment of all cameras, kept as an item where it is damaged."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import IO, Final

from damage_perception.frame import Frame
from damage_perception.records.item_record import ItemRecord, Judgement, Kept, RecordError
from damage_perception.records.recording import RecordingFormat
from damage_perception.records.store import RecordStore
from damage_perception.review.sharing import Cameras
from damage_perception.verdict.report import Reason, Verdict

SITE: Final = "booth"
# Stamps farther apart may show an item that was moved in between.
ONE_MOMENT_MS: Final = 200.0
_PATIENCE_S: Final = 1.0
_AGAIN_S: Final = 0.03


@dataclass(frozen=True, eq=False)
class Moment:
    """What all cameras showed at once; None of a camera that gave no picture."""

    pictures: Mapping[str, Frame | None]

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Of the cameras that gave one."""
        return tuple(frame for frame in self.pictures.values() if frame is not None)

    @property
    def missing(self) -> int:
        """How many cameras gave no picture."""
        return len(self.pictures) - len(self.frames)

    @property
    def spread_ms(self) -> float:
        """From the first stamp to the last one."""
        stamps = [frame.stamp_ns for frame in self.frames]
        return (max(stamps) - min(stamps)) / 1e6 if stamps else 0.0

    @property
    def is_one(self) -> bool:
        """Whether the pictures may count as taken at the same time."""
        return self.spread_ms <= ONE_MOMENT_MS


def take_moment(cameras: Cameras, patience_s: float = _PATIENCE_S) -> Moment:
    """The newest frames of all cameras.

    Where one is missing, or they are no one moment, it is tried again for ``patience_s``; then the
    best of what was seen stands.
    """
    until_s = time.monotonic() + patience_s
    best = _newest(cameras)
    while (best.missing or not best.is_one) and time.monotonic() < until_s:
        time.sleep(_AGAIN_S)
        best = min(best, _newest(cameras), key=lambda one: (one.missing, one.spread_ms))
    return best


def keep_damaged(
    store: RecordStore, moment: Moment, sku: str, kind: str, by: str, now_ns: int
) -> ItemRecord:
    """Keeps what the cameras show as an item that a person calls damaged; its record.

    kind    of damage, or "none" where it is not said
    now_ns  nanoseconds since 1970

    Raises RecordError where no camera gave a picture, or it cannot be written.
    """
    if not moment.frames:
        raise RecordError("no camera gives a picture")
    made, cameras = _recording_format(), tuple(frame.camera_name for frame in moment.frames)
    messages = [message for frame in moment.frames for message in made.frame_messages(frame)]
    at = datetime.fromtimestamp(now_ns / 1e9)
    record = ItemRecord(
        site=SITE,
        time_ns=now_ns,
        item_id=f"booth-{at:%Y%m%d-%H%M%S}-{now_ns // 1_000_000 % 1000:03d}",
        sku=sku,
        verdict=Verdict.UNKNOWN,
        reasons=Reason.NONE,
        camera=cameras[0],
        cameras=cameras,
        kept=Kept.BOOTH,
    )

    def write(stream: IO[bytes]) -> None:
        made.write(stream, messages, {})

    added = store.add(record, write)
    return store.index.judge(added.key, Judgement.DAMAGED, by, now_ns, kind)


@cache
def _recording_format() -> RecordingFormat:
    return RecordingFormat()


def _newest(cameras: Cameras) -> Moment:
    return Moment({name: cameras.newest(name) for name in cameras.names})
