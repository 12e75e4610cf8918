"""Boxed groceries before a real depth camera: each is an item of its own."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from workplace import iou

from damage_perception.frame import CameraModel, Frame
from damage_perception.station import Station

CAMERA = CameraModel(640, 480, 525.0, 525.0, 319.5, 239.5)
# An object is hidden in part where others beside it are nearer by this, in this many pixels.
HIDING_M = 0.015
HIDING_PIXELS = 15
BESIDE = np.ones((15, 15), np.uint8)


@pytest.fixture(scope="module")
def scenes(recordings: Path) -> list[tuple[Frame, np.ndarray]]:
    """The frames and (H, W) which object each pixel shows: 20 and more."""
    found = []
    for path in sorted((recordings / "mosd").glob("*_color.png")):
        color = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        depth = cv2.imread(str(path).replace("_color", "_depth"), cv2.IMREAD_UNCHANGED)
        shown = cv2.imread(str(path).replace("_color", "_label"), cv2.IMREAD_UNCHANGED)
        found.append((Frame(color, (depth / 1000).astype(np.float32), CAMERA), shown))
    if not found:
        pytest.skip(f"no scenes in {recordings / 'mosd'}")
    return found


def is_hidden_in_part(shown: np.ndarray, depth_m: np.ndarray, number: int) -> bool:
    own = shown == number
    nearest = -cv2.dilate(np.where(own, -depth_m, -99).astype(np.float32), BESIDE)
    others = (shown >= 20) & ~own & (depth_m > 0) & (nearest < 99)
    return np.count_nonzero(others & (depth_m < nearest - HIDING_M)) > HIDING_PIXELS


def test_nine_in_ten_unhidden_objects_are_outlined(scenes):
    whole, hidden = [], []
    for frame, shown in scenes:
        items = Station().locate(frame)
        for number in np.unique(shown[shown >= 20]):
            best = max((iou(item.mask, shown == number) for item in items), default=0.0)
            (hidden if is_hidden_in_part(shown, frame.depth_m, number) else whole).append(best)
    assert len(whole) >= 25
    assert np.mean(np.array(whole) >= 0.8) >= 0.95
    assert np.mean(np.array(hidden) >= 0.8) >= 0.85


def test_nothing_else_on_the_table_is_an_item(scenes):
    for frame, shown in scenes:
        for item in Station().locate(frame):
            assert np.mean(shown[item.mask] >= 20) > 0.8
            assert not item.cut_off
