"""Masks at working scale and what OpenCV does with them: (h, w) uint8, 0 or 1."""

from __future__ import annotations

from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]
FloatImage = NDArray[np.float32]
Labels = NDArray[np.int32]


class Component(NamedTuple):
    """One connected region: its label, its bounding box and its number of pixels."""

    label: int
    x: int
    y: int
    width: int
    height: int
    area: int


def grown(mask: Mask, size: int = 3) -> Mask:
    """The mask and what lies within a square of ``size`` pixels around it."""
    return cast(Mask, cv2.dilate(mask, np.ones((size, size), np.uint8)))


def shrunk(mask: Mask, size: int = 3) -> Mask:
    """The mask without what lies within a square of ``size`` pixels from its border."""
    return cast(Mask, cv2.erode(mask, np.ones((size, size), np.uint8)))


def opened(mask: Mask, size: int = 3) -> Mask:
    """The mask without what is thinner than ``size`` pixels."""
    return cast(Mask, cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((size, size), np.uint8)))


def closed(mask: Mask, size: int) -> Mask:
    """The mask with its gaps up to ``size`` pixels bridged."""
    return cast(Mask, cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((size, size), np.uint8)))


def filled(mask: Mask) -> Mask:
    """The mask with everything that it encloses."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return cast(Mask, cv2.drawContours(np.zeros_like(mask), outlines, -1, 1, cv2.FILLED))


def hull(mask: Mask) -> Mask:
    """The convex hull of a mask that is not empty."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    corners = cv2.convexHull(np.concatenate(outlines))
    return cast(Mask, cv2.fillConvexPoly(np.zeros_like(mask), corners, 1))


def components(mask: Mask, connectivity: int = 8) -> tuple[Labels, list[Component]]:
    """(h, w) labels from 1 of the connected regions, and the regions."""
    labels = np.zeros(mask.shape, np.int32)
    # Where nothing is need not be looked at.
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return labels, []
    part = np.s_[y : y + height, x : x + width]
    count, labels[part], stats, _ = cv2.connectedComponentsWithStats(
        mask[part], connectivity=connectivity
    )
    stats[:, :2] += (x, y)
    rows = stats.tolist()
    return labels, [Component(i, *rows[i]) for i in range(1, count)]


def keep(labels: Labels, kept: list[int], count: int) -> Labels:
    """(h, w) labels with only the kept ones of 1 to ``count``, numbered from 1 in their order."""
    number = np.zeros(count + 1, np.int32)
    number[kept] = np.arange(1, len(kept) + 1)
    return number[labels]
