"""Where the colour differs from the support's: for pixels that the depth camera cannot read."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.station.masks import FloatImage, Mask, components, grown

# Light and shadow scale all channels alike; what differs in hue, or is much darker or brighter
# than a shadow or a highlight makes it, is something else.
HUE_SHIFT = 0.12
DARKEST_SHADOW = 0.5
BRIGHTEST_LIGHT = 1.4
# Sensor offset in grey levels: keeps ratios of near-black pixels finite.
DARK_LEVEL = 10.0
NOISE_FACTOR = 4.0
COARSE = 4
# So many spots, none much larger than most, are the support's own: holes of a perforated tray.
PATTERN_SPOTS = 12
PATTERN_SPREAD = 2.0


def unlike_support(color: NDArray[np.uint8], support: Mask, asked: Mask) -> Mask:
    """(h, w) uint8, 1 where the colour of an asked pixel is not that of the support around it.

    color    (h, w, 3) uint8
    support  (h, w) uint8, 1 where the support is seen
    asked    (h, w) uint8, 1 where the answer is wanted; the others are 0, and all are 0 where no
             support is seen
    """
    answer = np.zeros_like(asked)
    small = np.ascontiguousarray(color[::COARSE, ::COARSE])
    seen = support[::COARSE, ::COARSE] > 0
    if np.count_nonzero(seen) < 10:
        return answer
    ground = _local_mean(small.astype(np.float32), seen.astype(np.float32))
    limits = _usual_range(*_ratios(small[seen], ground[seen]))
    rows, columns = np.nonzero(asked)
    around = ground[rows // COARSE, columns // COARSE]
    answer[rows, columns] = _unlike(*_ratios(color[rows, columns], around), limits)
    return answer


def unlike_border(color: NDArray[np.uint8]) -> Mask:
    """(h, w) uint8, 1 where the colour is not the one that the image's border continues.

    For a frame without any depth: the support's colour is a plane of light over the image, fitted
    to the border without what deviates from it.
    """
    height, width = color.shape[:2]
    rim = max(2, min(height, width) // 24)
    border = np.ones((height, width), bool)
    border[rim:-rim, rim:-rim] = False
    v, u = np.nonzero(border)
    design = np.column_stack((np.ones(len(u)), u / width - 0.5, v / height - 0.5))
    values = color[border].astype(np.float64)
    centre = np.median(values, axis=0)
    distance = np.abs(values - centre).max(axis=1)
    kept = distance <= max(2.0 * float(np.median(distance)), 6.0)
    solution = np.linalg.lstsq(design[kept], values[kept], rcond=None)[0]
    x = (np.arange(width) / width - 0.5)[None, :, None]
    y = (np.arange(height) / height - 0.5)[:, None, None]
    ground = np.clip(solution[0] + x * solution[1] + y * solution[2], 0, 255).astype(np.float32)
    light, hue = _ratios(color, ground)
    usual = (v[kept], u[kept])
    unlike: Mask = _unlike(light, hue, _usual_range(light[usual], hue[usual])).view(np.uint8)
    return unlike


def without_pattern(spots: Mask, raised: Mask) -> Mask:
    """(h, w) uint8, the spots without a pattern that the support shows away from the raised."""
    labels, regions = components(spots)
    beside = np.bincount(labels[grown(raised) > 0], minlength=len(regions) + 1) > 0
    areas = np.array([0, *(region.area for region in regions)])
    loose = areas[1:][~beside[1:]]
    if len(loose) < PATTERN_SPOTS:
        return spots
    kept = areas > PATTERN_SPREAD * float(np.percentile(loose, 90))
    return kept.astype(np.uint8)[labels]


def _local_mean(color: FloatImage, seen: FloatImage) -> FloatImage:
    """Mean colour of the support in a window, of the whole support where the window has none."""
    window = max(3, min(color.shape[:2]) // 4)
    overall = (color * seen[..., None]).sum(axis=(0, 1)) / seen.sum()
    weight = cv2.boxFilter(seen, -1, (window, window), borderType=cv2.BORDER_CONSTANT)
    total = cv2.boxFilter(
        color * seen[..., None], -1, (window, window), borderType=cv2.BORDER_CONSTANT
    )
    prior = np.float32(0.02)
    mean: FloatImage = (total + prior * overall) / (weight + prior)[..., None]
    return mean


def _ratios(color: NDArray[np.uint8], ground: FloatImage) -> tuple[FloatImage, FloatImage]:
    """How much lighter each pixel is than the ground, and how far its hue is from the ground's."""
    ratio = (color + np.float32(DARK_LEVEL)) / (ground + np.float32(DARK_LEVEL))
    red, green, blue = (ratio[..., channel] for channel in range(3))
    light = (red + green + blue) * np.float32(1 / 3)
    hue = np.maximum(np.maximum(np.abs(red - light), np.abs(green - light)), np.abs(blue - light))
    return light, (hue / light).astype(np.float32)


def _usual_range(light: FloatImage, hue: FloatImage) -> tuple[float, float, float]:
    """Darkest, lightest and furthest hue of the support, given some of its pixels.

    Its own texture and noise widen what counts as the support.
    """
    light_noise = NOISE_FACTOR * 1.4826 * float(np.median(np.abs(light - 1.0)))
    hue_noise = NOISE_FACTOR * float(np.median(hue))
    return (
        min(DARKEST_SHADOW, 1.0 - light_noise),
        max(BRIGHTEST_LIGHT, 1.0 + light_noise),
        max(HUE_SHIFT, hue_noise),
    )


def _unlike(
    light: FloatImage, hue: FloatImage, limits: tuple[float, float, float]
) -> NDArray[np.bool_]:
    darkest, lightest, furthest = limits
    unlike: NDArray[np.bool_] = (light < darkest) | (light > lightest) | (hue > furthest)
    return unlike
