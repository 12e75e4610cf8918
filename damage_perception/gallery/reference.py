"""What a gallery holds, and what may stand in it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import Enum
from typing import Final

from damage_perception.network.contract import LOOK_CHANNELS
from damage_perception.network.embedding import Embedding
from damage_perception.view import View

MAX_SKU_LENGTH: Final = 128


class GalleryError(ValueError):
    """A gallery that cannot be read or changed as asked; one line that says why."""


class NoGalleryError(GalleryError):
    """There is no gallery yet where one is to be read."""


class State(str, Enum):
    """Whether items are compared with a reference."""

    ACTIVE = "active"
    CANDIDATE = "candidate"
    RETIRED = "retired"


class Action(str, Enum):
    """What a change does."""

    ENROLL = "enroll"
    PROPOSE = "propose"
    IMPORT = "import"
    ACCEPT = "accept"
    REJECT = "reject"
    RETIRE = "retire"
    REEMBED = "reembed"
    USED = "used"
    UNDO = "undo"
    PURGE = "purge"
    FREE = "free"


@dataclass(frozen=True, eq=False)
class NewReference:
    """A view of a pristine product that is to become a reference.

    source  where the view came from, for people: a camera, a file
    """

    view: View
    embedding: Embedding
    source: str


@dataclass(frozen=True, eq=False)
class Reference:
    """A view of a pristine product that items are compared with.

    model_id      of the network that the embedding is from
    added_ns      when it was enrolled, nanoseconds since 1970
    uses          how often an item was compared with it, as far as recorded
    last_used_ns  when the last of them was, nanoseconds since 1970; 0 where none is recorded
    """

    reference_id: str
    sku: str
    state: State
    model_id: str
    added_ns: int
    source: str
    embedding: Embedding
    uses: int = 0
    last_used_ns: int = 0


@dataclass(frozen=True)
class Change:
    """One entry of a gallery's log.

    sku     the product concerned; empty where the change may concern several
    by      who asked for it
    undoes  change_id of the change that this one undoes, empty where it undoes none
    undone  whether a later change undid this one
    """

    change_id: str
    time_ns: int
    action: Action
    sku: str
    reference_ids: tuple[str, ...]
    by: str
    why: str
    undoes: str
    undone: bool


@dataclass(frozen=True)
class SkuSummary:
    """How many references of a product there are in each state.

    last_change  newest one that concerns the product
    model_ids    networks that its active references have their newest embeddings from
    """

    sku: str
    active: int
    candidates: int
    retired: int
    last_change: Change
    model_ids: tuple[str, ...]


def check_sku(sku: str) -> None:
    """Raises GalleryError where ``sku`` cannot name a product."""
    wrong = ""
    if not 1 <= len(sku) <= MAX_SKU_LENGTH:
        wrong = f"has {len(sku)} characters; expected 1 to {MAX_SKU_LENGTH}"
    elif any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in sku):
        wrong = "has control characters or line breaks: leave them out"
    elif "/" in sku or "\\" in sku:
        wrong = "has a slash or backslash: write another character in its place"
    elif sku.startswith("."):
        wrong = "starts with a dot: leave it out"
    elif sku != sku.strip():
        wrong = "starts or ends with a space: leave it out"
    if wrong:
        raise GalleryError(f"sku {sku[:40]!r} {wrong}")


def check_embedding(embedding: Embedding, name: str) -> None:
    """Raises GalleryError where the shapes do not go together; ``name`` says whose they are."""
    cells, where, descriptor = embedding.cells, embedding.where, embedding.descriptor
    turned = embedding.turned
    apart = turned.ndim != 2 or turned.shape[1] != LOOK_CHANNELS
    if apart or cells.ndim != 2 or where.shape != (len(cells), 2) or descriptor.ndim != 1:
        raise GalleryError(
            f"{name}: embedding has cells {cells.shape}, where {where.shape}, descriptor "
            f"{descriptor.shape}, turned {turned.shape}; expected (n, C), (n, 2), (D,) and "
            f"(t, {LOOK_CHANNELS})"
        )
