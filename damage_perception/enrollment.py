"""Which views may become references of a product: pristine ones, sharp ones, of that product."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from damage_perception.frame import Frame
from damage_perception.gallery.reference import (
    Change,
    NewReference,
    NoGalleryError,
    State,
)
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.inspector import FrameResult, Inspector
from damage_perception.network import Assessment, DamageNetwork, Embedding
from damage_perception.network.bank import Bank
from damage_perception.network.turning import with_turned
from damage_perception.station import StationError
from damage_perception.station.target import find_target
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.quality import faults
from damage_perception.verdict.report import Reason
from damage_perception.view import View

_TOO_SMALL: Final = "the item is too small in the image"
# Views that are embedded again in one pass, and written in one change.
_BATCH: Final = 16


@dataclass(frozen=True, eq=False)
class Shown:
    """An item that is shown to be enrolled.

    name    of the image, for people
    faults  what makes the view unfit to judge by
    """

    name: str
    view: View
    assessment: Assessment
    embedding: Embedding
    faults: Reason


@dataclass(frozen=True)
class Selection:
    """The views that may become references, and by name why the others may not."""

    accepted: tuple[Shown, ...]
    refused: Mapping[str, str]


def show(name: str, frame: Frame, inspector: Inspector) -> Shown:
    """The item in the middle of ``frame``. Raises ValueError saying why there is none."""
    try:
        result = inspector.judge(frame)
    except StationError as error:
        raise ValueError(str(error)) from error
    target = find_target(result.items, frame)
    if target is None:
        raise ValueError("no item was found")
    return show_item(name, result, target, inspector)


def show_item(name: str, result: FrameResult, number: int, inspector: Inspector) -> Shown:
    """Item ``number`` of what was made of a frame. Raises ValueError where it has no embedding."""
    assessment, view = result.assessments[number], result.views[number]
    if assessment is None:
        raise ValueError(f"inference failed: {inspector.network.problem}")
    if assessment.embedding is None:
        card = inspector.network.card
        raise ValueError(f"model {card.model_id} compares nothing with references")
    found = faults(view, result.items[number], inspector.quality)
    return Shown(name, view, assessment, assessment.embedding, found)


def select(
    shown: Sequence[Shown],
    known: Sequence[Embedding],
    network: DamageNetwork,
    policy: VerdictPolicy,
) -> Selection:
    """Sorts out what is damaged, unfit or of another product.

    known      references that the sku has already; where it has none, the views vouch for one
               another
    policy     says from which confidence of damage on a view is refused
    """
    accepted, refused = [], {}
    for one in shown:
        if problem := _problem(one, policy):
            refused[one.name] = problem
        else:
            accepted.append(one)
    fit = list(accepted)
    for one in fit:
        others = list(known) or [other.embedding for other in fit if other is not one]
        if others and not same_product(one.embedding, others, network):
            accepted.remove(one)
            refused[one.name] = "it looks like another product than " + (
                "the references of this sku" if known else "the other views"
            )
    return Selection(tuple(accepted), refused)


def same_product(
    embedding: Embedding, references: Sequence[Embedding], network: DamageNetwork
) -> bool:
    """Whether a view shows the product of ``references``. Raises BackendError."""
    return network.compare(embedding, Bank.of(references)).same >= 0


def _problem(shown: Shown, policy: VerdictPolicy) -> str:
    """Why a view by itself may not become a reference; empty where it may."""
    if shown.faults:
        return f"it is unfit to judge by: {', '.join(shown.faults.words())}"
    if not len(shown.embedding.cells):
        return _TOO_SMALL
    confidence = shown.assessment.probability
    if policy.diverts(confidence):
        return f"it looks damaged, with a confidence of {confidence:.2f}"
    return ""


@dataclass(frozen=True)
class Enrolled:
    """What became of views that were to be enrolled; no change where all were refused."""

    change: Change | None
    accepted: tuple[Shown, ...]
    refused: Mapping[str, str]


def enroll_views(
    open_store: Callable[[bool], GalleryStore],
    sku: str,
    shown: Sequence[Shown],
    inspector: Inspector,
    by: str,
    why: str = "",
    force: bool = False,
) -> Enrolled:
    """Adds the views that pass ``select`` to the references of ``sku``.

    open_store  opens the gallery; with True it makes an empty one where there is none, which is
                asked for only where a view is enrolled
    force       whoever asks vouches for the views: whether they are damaged or of another product
                is not asked

    Raises GalleryError, and BackendError.
    """
    network = inspector.network
    try:
        known = open_store(False).references(sku, model_id=network.card.model_id)
    except NoGalleryError:
        known = []
    if force:
        usable = tuple(one for one in shown if len(one.embedding.cells))
        names = {one.name for one in shown} - {one.name for one in usable}
        chosen = Selection(usable, dict.fromkeys(names, _TOO_SMALL))
    else:
        embeddings = [reference.embedding for reference in known]
        chosen = select(shown, embeddings, network, inspector.policy)
    if not chosen.accepted:
        return Enrolled(None, (), chosen.refused)
    new = [
        NewReference(one.view, with_turned(one.view, one.embedding, network.embed), one.name)
        for one in chosen.accepted
    ]
    change = open_store(True).enroll(sku, network.card.model_id, new, by, why)
    return Enrolled(change, chosen.accepted, chosen.refused)


def embed_again(store: GalleryStore, network: DamageNetwork, by: str) -> int:
    """Embeds the kept views of all references that lack an embedding of ``network``; how many.

    Views that were kept at another size than the network takes are resized.

    Raises GalleryError, and BackendError.
    """
    states = (State.ACTIVE, State.CANDIDATE)
    model_id, embed = network.card.model_id, network.embed
    have = {r.reference_id for r in store.references(states=states, model_id=model_id)}
    lacking = [
        r.reference_id for r in store.references(states=states) if r.reference_id not in have
    ]
    for start in range(0, len(lacking), _BATCH):
        views = store.views(lacking[start : start + _BATCH])
        sized = [view.resized(network.view_size) for view in views.values()]
        upright = zip(views, sized, embed(sized), strict=True)
        store.reembed(
            model_id, {name: with_turned(view, one, embed) for name, view, one in upright}, by
        )
    return len(lacking)
