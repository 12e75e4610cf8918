"""What people ask of the gallery while the node runs. Runs in the keeper's thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from damage_perception.enrollment import enroll_views, same_product, show
from damage_perception.frame import Frame
from damage_perception.gallery.candidates import MOST_CANDIDATES, room_for_candidates
from damage_perception.gallery.reference import (
    Action,
    Change,
    GalleryError,
    NewReference,
    State,
)
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.inspector import Inspector
from damage_perception.network import DamageNetwork
from damage_perception.ros.gallery.packaging_changes import Noticed
from damage_perception.ros.gallery.reported_items import KEPT, ReportedItem
from damage_perception.verdict.difference import ReferenceStatus
from damage_perception.verdict.report import Verdict


@dataclass(frozen=True)
class Outcome:
    """What became of a request; no change where it was refused, and ``message`` says why.

    refused  of views that were to be enrolled: which were not, and why
    """

    message: str
    change: Change | None = None
    refused: tuple[str, ...] = ()


def enroll_frames(
    open_store: Callable[[bool], GalleryStore],
    sku: str,
    frames: Sequence[Frame],
    inspector: Inspector,
    by: str,
    force: bool,
) -> Outcome:
    """Enrolls the item in the middle of each frame. Raises GalleryError, and BackendError.

    open_store  as ``enroll_views`` takes it
    inspector   one of the caller's own, that nobody else calls
    """
    shown, refused = [], []
    numbers: Counter[str] = Counter()
    for frame in frames:
        numbers[frame.camera_name] += 1
        name = f"{frame.camera_name}, view {numbers[frame.camera_name]}"
        try:
            shown.append(show(name, frame, inspector))
        except ValueError as error:
            refused.append(f"{name}: {error}")
    why = "shown to the node" + (", vouched for" if force else "")
    done = enroll_views(open_store, sku, shown, inspector, by, why, force)
    refused += [f"{name}: {reason}" for name, reason in done.refused.items()]
    if done.change is None:
        return Outcome(f"no view of {sku!r} could be enrolled", None, tuple(refused))
    count = len(done.accepted)
    return Outcome(f"enrolled {_views(count)} of {sku!r}", done.change, tuple(refused))


def confirm(
    open_store: Callable[[bool], GalleryStore],
    item_id: str,
    item: ReportedItem | None,
    network: DamageNetwork,
    by: str,
) -> Outcome:
    """Makes an item that passed a candidate of its sku. Raises GalleryError, and BackendError.

    open_store  opens the gallery; with True it makes an empty one where there is none, which is
                asked for only where the item may be a candidate
    item        None: no item of that id was reported lately
    """
    if item is None:
        raise GalleryError(
            f"item {item_id!r} is not among the newest {KEPT} reported, or was confirmed already"
        )
    problem = _problem(item)
    if problem or item.view is None or item.embedding is None:
        raise GalleryError(f"item {item_id!r} {problem or 'left no view that counts'}")
    store = open_store(True)
    model_id = network.card.model_id
    known = [r.embedding for r in store.references(item.sku, model_id=model_id)]
    if known and not same_product(item.embedding, known, network):
        raise GalleryError(
            f"item {item_id!r} looks like another product than the references of {item.sku!r}"
        )
    if room_for_candidates(store, item.sku) <= 0:
        raise GalleryError(
            f"{MOST_CANDIDATES} candidates of {item.sku!r} wait already: call ~/review_candidates"
        )
    source = f"item {item_id}"
    new = [NewReference(item.view, item.embedding, source)]
    why = f"{source} passed, and was confirmed"
    change = store.enroll(item.sku, model_id, new, by, why, State.CANDIDATE)
    return Outcome(f"{source} is a candidate of {item.sku!r}", change)


def propose(store: GalleryStore, noticed: Noticed, model_id: str, by: str) -> Outcome:
    """Makes items that show a new packaging candidates of their sku. Raises GalleryError."""
    room = room_for_candidates(store, noticed.sku)
    if room <= 0:
        return Outcome(f"{MOST_CANDIDATES} candidates wait already, none is added")
    new = noticed.views[-room:]
    why = "the packaging seems to have changed"
    change = store.enroll(noticed.sku, model_id, new, by, why, State.CANDIDATE)
    return Outcome(f"{_views(len(new))} are candidates", change)


def review(store: GalleryStore, sku: str, accept: bool, by: str, why: str) -> Outcome:
    """Accepts or rejects all candidates of a sku. Raises GalleryError."""
    names = [r.reference_id for r in store.references(sku, (State.CANDIDATE,))]
    if not names:
        raise GalleryError(f"no candidate of {sku!r} waits for a review")
    action = Action.ACCEPT if accept else Action.REJECT
    change = store.change(action, sku, names, by, why)
    return Outcome(f"{action.value}ed {_views(len(names))} of {sku!r}", change)


def undo(store: GalleryStore, change_id: str, by: str, why: str) -> Outcome:
    """Takes back one change, the newest where ``change_id`` is empty. Raises GalleryError."""
    change = store.undo(change_id or None, by, why)
    return Outcome(f"change {change.undoes} is undone", change)


def _problem(item: ReportedItem) -> str:
    """Why an item may not become a candidate; empty where it may."""
    if item.verdict is not Verdict.PASS:
        return f"was reported {item.verdict.name}; expected PASS"
    if not item.sku:
        return "has no sku, and looks like none that is enrolled: announce its sku"
    if item.references is ReferenceStatus.MISMATCH:
        return f"does not look like its sku {item.sku!r}"
    if not item.good_alone:
        return f"looks damaged to the damage network, with a confidence of {item.alone:.2f}"
    return ""


def _views(count: int) -> str:
    return "1 view" if count == 1 else f"{count} views"
