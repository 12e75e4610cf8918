"""Which parts of a blob are one body, from the boundaries that they share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from damage_perception.station.fit import depth_noise_m
from damage_perception.station.masks import FloatImage, Labels, Mask, grown, hull, keep

# A boundary separates where this share of it bends inward or jumps.
SEPARATING_SHARE = 0.65
# Faces of one body share an edge of about their own size: a shorter contact joins fragments only.
MIN_CONTACT = 0.3
# A part smaller than this share of its neighbour needs a clear jump in depth to stand alone.
FRAGMENT_SHARE = 0.15
CLEAR_JUMP = 0.5
JUMP_M = 0.02
# A hollow lies within the outline of what surrounds it, behind its rim.
SURROUNDED_SHARE = 0.85
BEHIND_SHARE = 0.7
RIM = 7


def merge(
    parts: Labels,
    count: int,
    bent: tuple[Mask, ...],
    inverse: FloatImage,
    distance: float,
) -> Labels:
    """Join the parts of one body; (h, w) int32, numbered from 1 without gaps.

    parts     (h, w) int32, 0 outside, 1 to ``count``
    bent      (h, w) uint8 each, 1 where the surface bends inward along a row, along a column
    inverse   (h, w) float32, inverse depth in 1/m
    distance  typical depth in metres

    Parts join whose common boundary does not separate, weakest boundary first; then whatever lies
    in the hollow of another joins it.
    """
    size = np.bincount(parts.ravel(), minlength=count + 1).astype(np.float64)
    length, bending, jumping = _boundaries(parts, count, bent, inverse, distance)
    owner = np.arange(count + 1, dtype=np.int32)
    while True:
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(length > 0, bending / length, np.inf)
            jump = np.where(length > 0, jumping / length, 0.0)
        smaller = np.minimum(size[:, None], size[None, :])
        larger = np.maximum(size[:, None], size[None, :])
        continuous = (share < SEPARATING_SHARE) & (length > MIN_CONTACT * np.sqrt(smaller))
        fragment = (smaller < FRAGMENT_SHARE * larger) & (jump < CLEAR_JUMP)
        joins = np.where(continuous | fragment, share, np.inf)
        first, second = np.unravel_index(int(np.argmin(joins)), joins.shape)
        if not np.isfinite(joins[first, second]):
            break
        owner[owner == second] = first
        size[first] += size[second]
        size[second] = 0
        for table in (length, bending, jumping):
            table[first] += table[second]
            table[:, first] += table[:, second]
            table[second] = table[:, second] = 0
            table[first, first] = 0
    owner[0] = 0
    merged = owner[parts]
    noise = depth_noise_m(distance) / distance**2
    for hollow, around in _hollows(merged, inverse, noise):
        merged[merged == hollow] = around
    return keep(merged, [int(each) for each in np.unique(merged) if each > 0], count)


def _boundaries(
    parts: Labels,
    count: int,
    bent: tuple[Mask, ...],
    inverse: FloatImage,
    distance: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """For each two parts: boundary length in pixels, how much of it bends inward, and jumps.

    A bend counts where it lies across the boundary: beside an occluding edge a face seems bent
    along one direction only.
    """
    tables = tuple(np.zeros((count + 1, count + 1)) for _ in range(3))
    jump_limit = JUMP_M / distance**2
    for across, near, far, before, after in (
        (bent[0], np.s_[:, 1:-2], np.s_[:, 2:-1], np.s_[:, :-3], np.s_[:, 3:]),
        (bent[1], np.s_[1:-2, :], np.s_[2:-1, :], np.s_[:-3, :], np.s_[3:, :]),
    ):
        one, other = parts[near], parts[far]
        rows, columns = np.nonzero((one != other) & (one > 0) & (other > 0))
        pair = (one[rows, columns], other[rows, columns])
        bends = np.zeros(len(rows), np.uint8)
        for side in (before, near, far, after):
            bends |= across[side][rows, columns]
        step = np.abs(inverse[before][rows, columns] - inverse[after][rows, columns])
        for table, amount in zip(tables, (1.0, bends, step > jump_limit), strict=True):
            np.add.at(table, pair, amount)
    length, bending, jumping = (table + table.T for table in tables)
    return length, bending, jumping


def _hollows(parts: Labels, inverse: FloatImage, noise: float) -> list[tuple[int, int]]:
    """Pairs of a part and the one it is a hollow of: an opened carton's inside, a torn hole.

    A thing that lies on another is within its outline too, but in front of the surface around.
    """
    present = [int(each) for each in np.unique(parts) if each > 0]
    hollows: list[tuple[int, int]] = []
    for around in present:
        body = (parts == around).view(np.uint8)
        outline = hull(body)
        for inner in present:
            if inner == around or any(inner in pair for pair in hollows):
                continue
            member = parts == inner
            if np.count_nonzero(outline[member]) < SURROUNDED_SHARE * np.count_nonzero(member):
                continue
            rim = grown(member.view(np.uint8), RIM) & body
            if np.count_nonzero(rim) < 6:
                continue
            lid = _continued(rim > 0, inverse, member)
            if np.count_nonzero(inverse[member] < lid - noise) > BEHIND_SHARE * len(lid):
                hollows.append((inner, around))
    return hollows


def _continued(
    known: NDArray[np.bool_], inverse: FloatImage, asked: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The plane through the known pixels' inverse depth, at the asked pixels."""
    v, u = np.nonzero(known)
    design = np.column_stack((u, v, np.ones(len(u))))
    solution = np.linalg.lstsq(design, inverse[known], rcond=None)[0]
    v, u = np.nonzero(asked)
    plane: NDArray[np.float64] = np.column_stack((u, v, np.ones(len(u)))) @ solution
    return plane
