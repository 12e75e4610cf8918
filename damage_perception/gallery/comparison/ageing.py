"""Which references are old and serve no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from damage_perception.gallery.reference import State

DAY_NS = 24 * 3600 * 10**9


class Aged(Protocol):
    """What is known of a reference's age; Reference says what the fields mean."""

    @property
    def sku(self) -> str: ...
    @property
    def state(self) -> State: ...
    @property
    def added_ns(self) -> int: ...
    @property
    def last_used_ns(self) -> int: ...


@dataclass(frozen=True)
class AgeLimits:
    """When an active reference may go.

    older_than_days  since it was enrolled, and
    unused_days      since an item was last compared with it
    keep             newest references of each sku that stay in any case
    """

    older_than_days: float
    unused_days: float
    keep: int


A = TypeVar("A", bound=Aged)


def stale(references: Sequence[A], now_ns: int, limits: AgeLimits) -> list[A]:
    """Those active ``references`` that ``limits`` lets go, oldest first.

    now_ns  nanoseconds since 1970. One that was never used counts as unused since it was added.
    """
    active = [each for each in references if each.state is State.ACTIVE]
    newest_first = sorted(active, key=lambda each: each.added_ns, reverse=True)
    seen: dict[str, int] = {}
    going = []
    for each in newest_first:
        seen[each.sku] = seen.get(each.sku, 0) + 1
        old = now_ns - each.added_ns > limits.older_than_days * DAY_NS
        last_ns = max(each.last_used_ns, each.added_ns)
        unused = now_ns - last_ns > limits.unused_days * DAY_NS
        if seen[each.sku] > limits.keep and old and unused:
            going.append(each)
    return going[::-1]
