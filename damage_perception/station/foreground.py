"""From what a finder says of each cell of an image to its items, without depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.station.masks import FloatImage, Labels, components, filled, keep

# From where on a cell counts, chosen on simulated images of the validation split.
ITEM = 0.5
SEAM = 0.2


@dataclass(frozen=True, eq=False)
class Foreground:
    """What an image shows, in cells of some pixels.

    item  (h, w) float32, 0..1, the cell shows an item
    seam  (h, w) float32, 0..1, two items touch there
    """

    item: FloatImage
    seam: FloatImage


# What finds the foreground of an (H, W, 3) uint8 RGB image of any size.
FindForeground = Callable[[NDArray[np.uint8]], Foreground]


def label_items(
    found: Foreground, size: tuple[int, int], least: float, separate_touching: bool
) -> Labels:
    """(H, W) labels of the items, 0 where there is none.

    size   (H, W) of the image that ``found`` is of
    least  pixels of it below which a thing is no item
    """
    height, width = size
    solid = filled((cv2.resize(found.item, (width, height)) > ITEM).view(np.uint8))
    if not separate_touching:
        labels, regions = components(solid)
        return keep(labels, [r.label for r in regions if r.area >= least], len(regions))
    seam = cv2.resize(found.seam, (width, height)) > SEAM
    labels, regions = components(((solid > 0) & ~seam).view(np.uint8))
    kept = keep(labels, [r.label for r in regions if r.area >= least], len(regions))
    if not kept.any():
        return kept
    return _grown(kept, solid)


def _grown(cores: Labels, solid: NDArray[np.uint8]) -> Labels:
    """Every solid pixel that hangs together with a core goes to the nearest core."""
    whole, regions = components(solid)
    held = np.zeros(len(regions) + 1, np.bool_)
    held[np.unique(whole[cores > 0])] = True
    outside = (cores == 0).view(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(
        outside, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_CCOMP
    )
    # OpenCV numbers the cores anew.
    number = np.zeros(int(nearest.max()) + 1, np.int32)
    number[nearest[cores > 0]] = cores[cores > 0]
    return np.where(held[whole], number[nearest], 0).astype(np.int32)
