"""Which parts of a blob are one body, from the boundaries that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.station.fit import depth_noise_m
from damage_perception.station.masks import FloatImage, Labels, Mask, grown, hull, keep

# A boundary separates where this share of it bends inward or jumps; a smaller share where the two
# parts together leave much of their convex hull empty, as one body seldom does.
SEPARATING_SHARE = 0.65
ANGULAR_SHARE = 0.4
CONVEX_FILL = 0.85
# Faces of one body share an edge of about their own size: a shorter contact joins nothing.
MIN_CONTACT = 0.3
# A part smaller than this share of its neighbour needs a clear jump in depth to stand alone,
# and more than that where the neighbour surrounds it: a cap, a handle, a bulge.
FRAGMENT_SHARE = 0.05
KNOB_SHARE = 0.25
KNOB_SURROUNDED = 0.6
CLEAR_JUMP = 0.5
JUMP_M = 0.02
# Parts that end at the same height with no more than a groove between them are one pack.
LEVEL_M = 0.005
LEVEL_SHARE = 0.05
GROOVE_M = 0.03
GROOVE_SHARE = 0.3
# A hollow lies within the outline of what surrounds it, bordered by it and behind its rim.
SURROUNDED_SHARE = 0.85
BORDERED_SHARE = 0.6
BEHIND_SHARE = 0.7
RIM = 7
RIM_SHARE = 0.15

Table = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Contacts:
    """What is known of ``n`` parts and, in (n, n) tables of pixels, of their common boundaries.

    size and top_m (n,): pixels and height above the support; around (n,): length of the outline.
    corners: of the convex hull of each, (k, 1, 2) int32.
    length: of the common boundary; bending: how much of it bends inward; jumping: how much has
    a jump in depth; grooved: how much has both sides at about one depth.
    """

    size: Table
    top_m: Table
    around: Table
    corners: list[NDArray[np.int32]]
    length: Table
    bending: Table
    jumping: Table
    grooved: Table

    def join(self, first: int, second: int) -> None:
        """Make the second part one with the first."""
        self.around[first] += self.around[second] - 2 * self.length[first, second]
        self.size[first] += self.size[second]
        self.top_m[first] = max(self.top_m[first], self.top_m[second])
        self.size[second] = 0
        self.corners[first] = self._hull(first, second)
        for table in (self.length, self.bending, self.jumping, self.grooved):
            table[first] += table[second]
            table[:, first] += table[:, second]
            table[second] = table[:, second] = 0
            table[first, first] = 0

    def weakest(self) -> tuple[int, int] | None:
        """The two parts that most clearly are one; None where all others are bodies apart."""
        touching = self.length > 0
        length = np.maximum(self.length, 1)
        share, jump = self.bending / length, self.jumping / length
        smaller = np.minimum(self.size[:, None], self.size[None, :])
        ratio = smaller / np.maximum(np.maximum(self.size[:, None], self.size[None, :]), 1)
        outline = np.where(
            self.size[:, None] < self.size[None, :], self.around[:, None], self.around
        )
        touching &= length > MIN_CONTACT * np.sqrt(smaller)
        continuous = share < ANGULAR_SHARE
        for first, second in np.argwhere(touching & ~continuous & (share < SEPARATING_SHARE)):
            if first < second and self._fill(first, second) > CONVEX_FILL:
                continuous[first, second] = True
        fragment = (ratio < FRAGMENT_SHARE) & (jump < CLEAR_JUMP)
        knob = (ratio < KNOB_SHARE) & (length > KNOB_SURROUNDED * outline)
        higher = np.maximum(self.top_m[:, None], self.top_m[None, :])
        lower = np.minimum(self.top_m[:, None], self.top_m[None, :])
        level = higher - lower < np.maximum(LEVEL_M, LEVEL_SHARE * higher)
        level &= self.grooved > GROOVE_SHARE * length
        joins = np.where(touching & (continuous | fragment | knob | level), share, np.inf)
        first, second = divmod(int(np.argmin(joins)), len(joins))
        return (first, second) if np.isfinite(joins[first, second]) else None

    def _hull(self, first: int, second: int) -> NDArray[np.int32]:
        corners = np.concatenate((self.corners[first], self.corners[second]))
        return cast(NDArray[np.int32], cv2.convexHull(corners))

    def _fill(self, first: int, second: int) -> float:
        """Share of the common convex hull that both parts fill."""
        corners = self._hull(first, second)
        # The hull runs through the centres of the outermost pixels.
        area = cv2.contourArea(corners) + 0.5 * cv2.arcLength(corners, True) + 1
        return float(self.size[first] + self.size[second]) / area


def merge(
    parts: Labels,
    count: int,
    bent: tuple[Mask, ...],
    inverse: FloatImage,
    height_m: FloatImage,
    distance: float,
    reach: int,
) -> Labels:
    """Join the parts of one body; (h, w) int32, numbered from 1 without gaps.

    parts     (h, w) int32, 0 outside, 1 to ``count``
    bent      (h, w) uint8 each, 1 where the surface bends inward along a row, along a column
    inverse   (h, w) float32, inverse depth in 1/m
    height_m  (h, w) float32 above the support
    distance  typical depth in metres
    reach     pixels over which a bend is measured

    Parts join whose common boundary does not separate, weakest boundary first; then whatever is
    a hollow joins what surrounds it.
    """
    contacts = _contacts(parts, count, bent, inverse, height_m, distance, reach)
    owner = np.arange(count + 1, dtype=np.int32)
    while (pair := contacts.weakest()) is not None:
        first, second = pair
        contacts.join(first, second)
        owner[owner == second] = first
    owner[0] = 0
    merged = owner[parts]
    noise = depth_noise_m(distance) / distance**2
    for inner in [int(each) for each in np.unique(merged) if each > 0]:
        for around in _surrounding(merged, inner, inverse, noise):
            merged[merged == around] = inner
    return keep(merged, [int(each) for each in np.unique(merged) if each > 0], count)


def _contacts(
    parts: Labels,
    count: int,
    bent: tuple[Mask, ...],
    inverse: FloatImage,
    height_m: FloatImage,
    distance: float,
    reach: int,
) -> _Contacts:
    """The parts and their boundaries.

    A bend counts where it lies across the boundary: beside an occluding edge a face seems bent
    along one direction only.
    """
    around = np.zeros(count + 1)
    length, bending, jumping, grooved = (np.zeros((count + 1, count + 1)) for _ in range(4))
    for labels, surface, across in (
        (parts, inverse, bent[0]),
        (parts.T, inverse.T, bent[1].T),
    ):
        rows, columns = np.nonzero(labels[:, :-1] != labels[:, 1:])
        one, other = labels[rows, columns], labels[rows, columns + 1]
        np.add.at(around, one, 1)
        np.add.at(around, other, 1)
        shared = (one > 0) & (other > 0)
        rows, columns, pair = rows[shared], columns[shared], (one[shared], other[shared])
        last = labels.shape[1] - 1
        before, after = np.maximum(columns - 1, 0), np.minimum(columns + 2, last)
        bends = across[rows, before] | across[rows, after]
        bends |= across[rows, columns] | across[rows, columns + 1]
        step = np.abs(surface[rows, before] - surface[rows, after]) * distance**2
        before, after = np.maximum(columns - reach, 0), np.minimum(columns + 1 + reach, last)
        gap = np.abs(surface[rows, before] - surface[rows, after]) * distance**2
        np.add.at(length, pair, 1)
        np.add.at(bending, pair, bends)
        np.add.at(jumping, pair, step > JUMP_M)
        np.add.at(grooved, pair, np.minimum(gap, step) < GROOVE_M)
    tops = [_top_m(height_m[parts == part]) for part in range(1, count + 1)]
    return _Contacts(
        np.bincount(parts.ravel(), minlength=count + 1).astype(np.float64),
        np.array([0.0, *tops]),
        around,
        [_corners(parts, part) for part in range(count + 1)],
        *(table + table.T for table in (length, bending, jumping, grooved)),
    )


def _top_m(height_m: FloatImage) -> float:
    """Height of a part, metres; 0 of one that lost all of its pixels to others."""
    return float(np.percentile(height_m, 90)) if height_m.size else 0.0


def _corners(parts: Labels, part: int) -> NDArray[np.int32]:
    points = cv2.findNonZero((parts == part).view(np.uint8))
    if points is None:
        return np.zeros((0, 1, 2), np.int32)
    return cast(NDArray[np.int32], cv2.convexHull(points))


def _surrounding(parts: Labels, inner: int, inverse: FloatImage, noise: float) -> list[int]:
    """The parts that a part is a hollow of: an opened carton's inside; empty where it is none.

    A thing that lies on another is within its outline too, but in front of the surface around;
    a thing in a tote is behind its rim, but the support shows around it.
    """
    member = parts == inner
    others = ((parts > 0) & ~member).view(np.uint8)
    if not member.any() or not others.any():
        return []
    pixels = np.count_nonzero(member)
    if np.count_nonzero(hull(others)[member]) < SURROUNDED_SHARE * pixels:
        return []
    around = grown(member.view(np.uint8), RIM) & ~member
    rim = (around & others) > 0
    if np.count_nonzero(rim) < max(RIM, BORDERED_SHARE * np.count_nonzero(around)):
        return []
    lid = _continued(rim, inverse, member)
    if np.count_nonzero(inverse[member] < lid - noise) < BEHIND_SHARE * pixels:
        return []
    shares = np.bincount(parts[rim]) / np.count_nonzero(rim)
    return [int(each) for each in np.flatnonzero(shares > RIM_SHARE)]


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
