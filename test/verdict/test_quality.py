"""Which views are fit to judge by: exposure is what can be seen, not how bright it is."""

import numpy as np
import pytest

from damage_perception.station import Item
from damage_perception.verdict.quality import QualityLimits, faults
from damage_perception.verdict.report import Reason
from damage_perception.view import View, Window

SIDE = 320
EDGE = slice(46, 274)


def view(surface, ground=140):
    """A view of an item whose surface (228, 228[, 3]) is given in grey levels."""
    color = np.full((SIDE, SIDE, 3), ground, np.float64)
    color[EDGE, EDGE] = surface[..., None] if surface.ndim == 2 else surface
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[EDGE, EDGE] = 1
    height = np.full((SIDE, SIDE), 0.05, np.float32)
    return View(np.clip(color, 0, 255).astype(np.uint8), height, mask, 0.3, Window(0, 0, SIDE))


def found(surface, **limits):
    item = Item(
        mask=np.ones((SIDE, SIDE), np.bool_),
        box=(46, 46, 228, 228),
        centroid_m=None,
        depth_share=1.0,
        cut_off=False,
    )
    return faults(view(surface), item, QualityLimits(min_sharpness=0, **limits))


def white():
    return np.full((228, 228), 255.0)


def white_with_label_and_folds():
    """A white mailer: nine tenths of it are saturated."""
    surface = white()
    for row in range(20, 60, 8):
        surface[row : row + 3, 20:120] = 40
    for fold in range(80, 224, 36):
        surface[fold : fold + 2] = 235
        surface[:, fold : fold + 2] = 238
    return surface


def textured():
    rng = np.random.default_rng(0)
    patches = rng.uniform(40, 200, (12, 12)).repeat(19, 0).repeat(19, 1)
    return patches + rng.normal(0, 2, patches.shape)


def half_black_half_white():
    surface = white()
    surface[:, :114] = 0
    return surface


def saturated_with_noise():
    """A sensor at its limit: single pixels fall short of it."""
    surface = white()
    surface[np.random.default_rng(0).random(surface.shape) < 0.05] = 245
    return surface


def saturated_but_for_a_corner():
    surface = white()
    surface[:80, :80] = textured()[:80, :80]
    return surface


def saturated_with_a_mixed_outline():
    """At its outline an item's pixels are mixed with the ground's."""
    surface = np.full((228, 228), 200.0)
    surface[3:-3, 3:-3] = 255
    return surface


def test_a_white_item_whose_detail_is_seen_counts():
    surface = white_with_label_and_folds()
    assert np.mean(surface >= 252) > 0.85
    assert found(surface) is Reason.NONE


@pytest.mark.parametrize(
    "surface",
    [
        white,
        half_black_half_white,
        saturated_with_noise,
        saturated_but_for_a_corner,
        saturated_with_a_mixed_outline,
        lambda: textured() * 12,
        lambda: textured() * 0.02,
        lambda: white() * 0,
    ],
    ids=[
        "white",
        "half black, half white",
        "noise",
        "all but a corner",
        "all but the outline",
        "over-exposed",
        "under-exposed",
        "black",
    ],
)
def test_where_nothing_is_seen_the_exposure_is_at_fault(surface):
    assert found(surface()) is Reason.EXPOSURE


def test_a_well_exposed_item_counts_at_any_share_that_is_allowed():
    for share in (0.0, 0.5, 0.8, 1.0):
        assert found(textured(), max_lost_share=share) is Reason.NONE
