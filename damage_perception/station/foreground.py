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
# What a seam leaves of a small item between others, of the least area of an item.
CORE_SHARE = 0.25


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
    cores = solid
    if separate_touching:
        seam = cv2.resize(found.seam, (width, height)) > SEAM
        cores = ((solid > 0) & ~seam).view(np.uint8)
    parts, regions = components(cores)
    kept = [region.label for region in regions if region.area >= CORE_SHARE * least]
    if not kept:
        return np.zeros(size, np.int32)
    labels = _grown(keep(parts, kept, len(regions)), solid)
    areas = np.bincount(labels.ravel(), minlength=len(kept) + 1)
    large = [label for label in range(1, len(areas)) if areas[label] >= least]
    return keep(labels, large, len(areas) - 1)


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
