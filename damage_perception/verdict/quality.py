"""Whether a view of an item is fit to judge by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.station import Item
from damage_perception.verdict.agreement import agreement_of
from damage_perception.verdict.report import Reason
from damage_perception.view import View

# Parts of a view's side: the rim of an item, and how far detail speaks for what is around it.
_RIM: Final = 80
# The Laplacian of a byte is four times that at most.
_EDGE_LEVELS: Final = 1024
_NEAR: Final = 50


@dataclass(frozen=True)
class QualityLimits:
    """Limits below which a view does not count.

    require_depth    a view without depth cannot pass an item
    min_depth_share  share of the item's pixels that need a depth reading, 0..1
    min_sharpness    99th percentile of the absolute Laplacian on the item and its
                     outline, grey levels; 0: off
    dark, bright     grey levels at or beyond which a pixel says nothing
    max_lost_share   share of such pixels on the item, and of those far from any that says
                     something, above which the view does not count, 0..1
    check_color      an item that depth shows and colour does not is not judged
    frozen_after_ns  how long a camera may repeat an image, by its stamps; 0: for ever
    """

    require_depth: bool = True
    min_depth_share: float = 0.3
    min_sharpness: float = 4.0
    dark: int = 8
    bright: int = 252
    max_lost_share: float = 0.8
    check_color: bool = True
    frozen_after_ns: int = 2_000_000_000

    def __post_init__(self) -> None:
        if not 0 <= self.dark < self.bright <= 255:
            raise ValueError(
                f"exposure limits are dark={self.dark} bright={self.bright}; "
                "expected 0 <= dark < bright <= 255"
            )


def faults(view: View, item: Item, limits: QualityLimits) -> Reason:
    """What makes ``view`` unfit; Reason.NONE where it counts."""
    found = Reason.NONE
    if limits.require_depth and item.depth_share < limits.min_depth_share:
        found |= Reason.NO_DEPTH
    if item.cut_off:
        found |= Reason.CUT_OFF
    if item.oversized:
        found |= Reason.NOT_LOCATED
    size = cv2.countNonZero(view.item)
    if size == 0:
        return found | Reason.NO_EVIDENCE
    if _is_lost(view, limits):
        found |= Reason.EXPOSURE
    elif limits.min_sharpness > 0 and _sharpness(view) < limits.min_sharpness:
        found |= Reason.BLUR
    if limits.check_color and item.depth_share > 0 and not agreement_of(view).holds:
        found |= Reason.COLOR_MISMATCH
    return found


def _is_lost(view: View, limits: QualityLimits) -> bool:
    """Whether the item is too dark or too bright to be seen.

    White goods are white in most of their pixels, but their print, folds and shading are seen;
    where exposure fails nothing is. So lost are pixels without any other near them.
    """
    red, green, blue = cv2.split(view.color)
    dark = cv2.max(cv2.max(red, green), blue) <= limits.dark
    bright = cv2.min(cv2.min(red, green), blue) >= limits.bright
    lost, item = dark | bright, view.item > 0
    if np.count_nonzero(lost & item) <= limits.max_lost_share * np.count_nonzero(item):
        return False
    # What is mixed with the ground at the item's outline shows nothing of it.
    inside = cv2.erode(view.item, _square(len(item) // _RIM), borderValue=0)
    # Single pixels are noise.
    detail = cv2.medianBlur(np.where(lost, np.uint8(0), inside), 3)
    unseen = (inside > 0) & (cv2.dilate(detail, _square(len(item) // _NEAR)) == 0)
    return bool(np.count_nonzero(unseen) >= limits.max_lost_share * np.count_nonzero(inside))


def _square(reach: int) -> NDArray[np.uint8]:
    """A kernel that reaches so many pixels to every side."""
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def _sharpness(view: View) -> float:
    gray = cv2.cvtColor(view.color, cv2.COLOR_RGB2GRAY)
    edges = np.abs(cv2.Laplacian(gray, cv2.CV_16S, ksize=1)).view(np.uint16)
    # With its outline: a plain carton has no other edge that could be sharp.
    outlined = cv2.dilate(view.item, np.ones((5, 5), np.uint8))
    counts = cv2.calcHist([edges], [0], outlined, [_EDGE_LEVELS], [0, _EDGE_LEVELS])
    return _percentile(counts.ravel(), 0.99)


def _percentile(counts: NDArray[Any], share: float) -> float:
    """What np.percentile says of whole numbers of which so many are 0, 1, 2 and so on."""
    reached = np.cumsum(counts, dtype=np.float64)
    place = share * (reached[-1] - 1)
    below, above = np.searchsorted(reached, [np.floor(place), np.ceil(place)], side="right")
    return float(below + (above - below) * (place - np.floor(place)))
