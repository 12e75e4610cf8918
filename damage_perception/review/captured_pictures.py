"""Pictures that were captured: what is wrong with them, and references that are made of them."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from damage_perception.enrollment import Shown, enroll_views, show
from damage_perception.frame import Frame
from damage_perception.gallery.reference import Change
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.inspector import Inspector
from damage_perception.records.item_record import RecordError
from damage_perception.review.capture import Moment
from damage_perception.review.item_picture import jpeg_of
from damage_perception.station import StationError
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.report import Reason

# What `show` says of a frame without an item; all else that it says is a failure.
_NO_ITEM: Final = "no item was found"
# Of captures: those that a person still pictures at, on a few screens.
_MOST_HELD: Final = 8


class Problem(Enum):
    """What is wrong with the picture of a camera, by the name of its text."""

    NO_PICTURE = "no_picture"
    NOT_SET_UP = "not_set_up"
    NO_PLANE = "no_plane"
    FAILED = "failed"
    NO_ITEM = "no_item"
    NOT_LOCATED = "not_located"
    CUT_OFF = "cut_off"
    TOO_SMALL = "too_small"
    NO_DEPTH = "no_depth"
    EXPOSURE = "exposure"
    BLUR = "blur"
    COLOR_MISMATCH = "color_mismatch"
    DAMAGED = "damaged"
    OTHER_PRODUCT = "other_product"


_OF_REASON: Final[Mapping[Reason, Problem]] = {
    Reason.NO_EVIDENCE: Problem.NO_ITEM,
    Reason.NOT_LOCATED: Problem.NOT_LOCATED,
    Reason.CUT_OFF: Problem.CUT_OFF,
    Reason.NO_DEPTH: Problem.NO_DEPTH,
    Reason.EXPOSURE: Problem.EXPOSURE,
    Reason.BLUR: Problem.BLUR,
    Reason.COLOR_MISMATCH: Problem.COLOR_MISMATCH,
}


@dataclass(frozen=True, eq=False)
class CheckedPicture:
    """The picture of one camera as people are shown it.

    jpeg    of the item, outlined, or of all; empty where the camera gave no picture
    shown   the item in it; None where there is none
    detail  of what went wrong, where that is known
    """

    camera: str
    jpeg: bytes = b""
    shown: Shown | None = None
    problems: tuple[Problem, ...] = ()
    detail: str = ""


def check_pictures(moment: Moment, inspector: Inspector) -> tuple[CheckedPicture, ...]:
    """What each camera shows of the item, and what is wrong with that.

    Whether it is damaged is asked by the damage network alone, and of its product nothing.
    """
    return tuple(
        CheckedPicture(name, problems=(Problem.NO_PICTURE,))
        if frame is None
        else _check(name, frame, inspector)
        for name, frame in moment.pictures.items()
    )


def unchecked_pictures(moment: Moment) -> tuple[CheckedPicture, ...]:
    """The pictures alone, where nothing can look for an item in them."""
    return tuple(
        CheckedPicture(name, problems=(Problem.NO_PICTURE,))
        if frame is None
        else CheckedPicture(name, jpeg_of(frame.color))
        for name, frame in moment.pictures.items()
    )


@dataclass(frozen=True, eq=False)
class Enrolled:
    """What became of pictures that were to be enrolled.

    pictures  with what is wrong with each by now; nothing where it was enrolled
    change    of the gallery; None where all were refused
    """

    pictures: tuple[CheckedPicture, ...]
    change: Change | None

    @property
    def count(self) -> int:
        """Of references that were added."""
        return len(self.change.reference_ids) if self.change else 0

    @property
    def refused(self) -> tuple[CheckedPicture, ...]:
        """Those that whoever vouches for them may enroll all the same."""
        return tuple(
            one
            for one in self.pictures
            if one.problems and one.shown is not None and Problem.TOO_SMALL not in one.problems
        )


def enroll(
    pictures: Sequence[CheckedPicture],
    sku: str,
    open_gallery: Callable[[bool], GalleryStore],
    inspector: Inspector,
    by: str,
    force: bool = False,
) -> Enrolled:
    """Makes references of ``sku`` of those pictures that are fit for it.

    force  whoever asks vouches for the pictures

    Raises GalleryError, and BackendError.
    """
    why = "vouched for at the booth" if force else "captured at the booth"
    shown = [one.shown for one in pictures if one.shown is not None]
    done = enroll_views(open_gallery, sku, shown, inspector, by, why, force)
    accepted = {one.name for one in done.accepted}
    return Enrolled(tuple(_after(one, accepted) for one in pictures), done.change)


@dataclass(frozen=True)
class Capture:
    """What was captured, as long as somebody looks at it."""

    sku: str
    pictures: tuple[CheckedPicture, ...]


class Captures:
    """The newest captures by a token of each; older ones are forgotten. Any thread may ask."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Capture] = OrderedDict()
        self._lock = threading.Lock()

    def hold(self, capture: Capture) -> str:
        """Its token."""
        token = secrets.token_urlsafe(8)
        with self._lock:
            self._held[token] = capture
            while len(self._held) > _MOST_HELD:
                self._held.popitem(last=False)
        return token

    def find(self, token: str) -> Capture:
        """Raises RecordError where it is forgotten."""
        with self._lock:
            found = self._held.get(token)
        if found is None:
            raise RecordError("these pictures are no longer held: capture the item again")
        return found


def _check(name: str, frame: Frame, inspector: Inspector) -> CheckedPicture:
    if name not in inspector.cameras:
        return CheckedPicture(name, jpeg_of(frame.color), problems=(Problem.NOT_SET_UP,))
    try:
        shown = show(name, frame, inspector)
    except ValueError as error:
        if isinstance(error.__cause__, StationError):
            wrong = Problem.NO_PLANE
        else:
            wrong = Problem.NO_ITEM if str(error) == _NO_ITEM else Problem.FAILED
        detail = "" if wrong is Problem.NO_ITEM else str(error)
        return CheckedPicture(name, jpeg_of(frame.color), problems=(wrong,), detail=detail)
    return CheckedPicture(
        name, jpeg_of(frame.color, shown), shown, _problems_of(shown, inspector.policy)
    )


def _problems_of(shown: Shown, policy: VerdictPolicy) -> tuple[Problem, ...]:
    found = [wrong for reason, wrong in _OF_REASON.items() if reason in shown.faults]
    if not len(shown.embedding.cells):
        found.append(Problem.TOO_SMALL)
    # Where nothing is seen of an item it does not match its depth either: that is no news.
    if {Problem.EXPOSURE, Problem.BLUR} & set(found):
        found = [one for one in found if one is not Problem.COLOR_MISMATCH]
    # Of a view that is unfit to judge by, nobody says whether it looks damaged.
    if not found and policy.diverts(shown.assessment.probability):
        found.append(Problem.DAMAGED)
    return tuple(found)


def _after(one: CheckedPicture, accepted: set[str]) -> CheckedPicture:
    if one.camera in accepted:
        return replace(one, problems=())
    return one if one.problems else replace(one, problems=(Problem.OTHER_PRODUCT,))
