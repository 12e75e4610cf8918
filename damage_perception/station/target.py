"""Which of the items in one frame is the one that is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import Frame
from damage_perception.station.item import Item

# An item found is the labelled one where their outlines share as much (intersection over union),
# or where it holds as much of the labelled one: its report answers for what it holds.
MIN_IOU: Final = 0.3
MIN_HELD: Final = 0.5


def find_target(
    items: Sequence[Item],
    frame: Frame,
    outline: NDArray[np.bool_] | None = None,
    damage: NDArray[np.bool_] | None = None,
) -> int | None:
    """Which of the items found is the labelled one; None where it is none of them.

    outline  (H, W) where the labelled item is, if known: the item that fits it best, None where
             that is less than MIN_IOU and the item holds less than MIN_HELD of it
    damage   (H, W) where its damage is, if known: the item that shares most pixels with it; where
             none shares any, as if not known, because spills lie beside the item

    With neither, the largest for its distance from the image's centre: the one with the greatest
    pixel count * exp(-(d / r)^2), d from the centre of the image to that of the item's box, r half
    the image's diagonal.
    """
    if not items:
        return None
    if outline is not None:
        fits = [overlap(item.mask, outline) for item in items]
        best = int(np.argmax(fits))
        held = float((items[best].mask & outline).sum() / max(1, outline.sum()))
        return best if fits[best] >= MIN_IOU or held >= MIN_HELD else None
    if damage is not None:
        shared = [int(np.count_nonzero(item.mask & damage)) for item in items]
        if max(shared) > 0:
            return int(np.argmax(shared))
    height, width = frame.color.shape[:2]
    reach = (width**2 + height**2) / 4
    weights = []
    for item in items:
        x, y, w, h = item.box
        distance = (x + w / 2 - width / 2) ** 2 + (y + h / 2 - height / 2) ** 2
        weights.append(np.count_nonzero(item.mask) * np.exp(-distance / reach))
    return int(np.argmax(weights))


def overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Intersection over union of two (H, W) masks, 0..1."""
    return int(np.count_nonzero(a & b)) / max(1, int(np.count_nonzero(a | b)))
