"""Which things are pieces of one broken item, and no items of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from damage_perception.verdict.place import Place
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.track import SAME_FOOTPRINT, Track

# An item from which a piece broke off shows less of its footprint than this.
SHRUNK: Final = 0.8
# What is first seen farther apart in time comes one after the other, as on a belt.
TOGETHER_NS: Final = 100_000_000


def is_piece(track: Track, tracks: Sequence[Track], policy: VerdictPolicy) -> bool:
    """Whether it is a piece of one of ``tracks`` that has its announced name already."""
    return any(other.announced and _together(track, other, policy) for other in tracks)


def is_in_pieces(track: Track, tracks: Sequence[Track], policy: VerdictPolicy) -> bool:
    """Whether an announced item is seen in pieces, of which ``track`` is one.

    A piece that is seen now and then only, as noise is, does not count.
    """
    for other in tracks:
        named, piece = (track, other) if track.announced else (other, track)
        if named.announced and not piece.announced and _together(named, piece, policy):
            seen = len(piece.evidence.sightings)
            if seen and 2 * seen >= len(named.evidence.sightings):
                return True
    return False


def origin_of(
    piece: Track, tracks: Sequence[Track], before: Mapping[int, Place | None], camera: str
) -> Track | None:
    """The item that a new one broke off from; None where it came from elsewhere.

    before  by the id() of each of ``tracks``, where the image before showed it

    What is broken off lies where the item was, and the item is smaller now: on a belt the next one
    may lie there, too.
    """
    place = piece.last[camera]
    for track in tracks:
        was, now = before[id(track)], track.last.get(camera)
        if was is None or now is None or was.overlap(place) < SAME_FOOTPRINT:
            continue
        # Where it is not in this image at all, the pieces are all that is left of it.
        if was is now or now.area_m2() < SHRUNK * was.area_m2():
            return track
    return None


def _together(one: Track, other: Track, policy: VerdictPolicy) -> bool:
    """Whether two things are pieces of one: one broke off, or they came side by side."""
    within = policy.pieces_within_m
    if one is other or one.station != other.station or not within:
        return False
    if one.origin is other or other.origin is one:
        return True
    if abs(one.first_ns - other.first_ns) > TOGETHER_NS:
        return False
    shared = one.last.keys() & other.last.keys()
    return any(one.last[name].gap_m(other.last[name]) < within for name in shared)
