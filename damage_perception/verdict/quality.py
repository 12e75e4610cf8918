"""Whether a view of an item is fit to judge by."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from damage_perception.station import Item
from damage_perception.verdict.agreement import agreement_of
from damage_perception.verdict.report import Reason
from damage_perception.view import View


@dataclass(frozen=True)
class QualityLimits:
    """Limits below which a view does not count.

    require_depth    a view without depth cannot pass an item
    min_depth_share  share of the item's pixels that need a depth reading, 0..1
    min_sharpness    99th percentile of the absolute Laplacian on the item and its
                     outline, grey levels; 0: off
    dark, bright     grey levels at or beyond which a pixel says nothing
    max_lost_share   share of such pixels on the item above which the view does not count, 0..1
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
    if _lost_pixels(view, limits) > limits.max_lost_share * size:
        found |= Reason.EXPOSURE
    elif limits.min_sharpness > 0 and _sharpness(view) < limits.min_sharpness:
        found |= Reason.BLUR
    if limits.check_color and item.depth_share > 0 and not agreement_of(view).holds:
        found |= Reason.COLOR_MISMATCH
    return found


def _lost_pixels(view: View, limits: QualityLimits) -> int:
    """How many pixels of the item are too dark or too bright in every channel."""
    red, green, blue = cv2.split(view.color)
    dark = cv2.max(cv2.max(red, green), blue) <= limits.dark
    bright = cv2.min(cv2.min(red, green), blue) >= limits.bright
    return int(np.count_nonzero((dark | bright) & (view.item > 0)))


def _sharpness(view: View) -> float:
    gray = cv2.cvtColor(view.color, cv2.COLOR_RGB2GRAY)
    edges = np.abs(cv2.Laplacian(gray, cv2.CV_16S, ksize=1))
    # With its outline: a plain carton has no other edge that could be sharp.
    outlined = cv2.dilate(view.item, np.ones((5, 5), np.uint8)).astype(bool)
    return float(np.percentile(edges[outlined], 99))
