"""Every item's picture finds its report, whichever comes first, and none is waited for too long."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from damage_perception.ros.demo.item_pictures import ItemPictures


@pytest.fixture
def clock():
    return SimpleNamespace(now_s=100.0)


@pytest.fixture
def pictures(tmp_path, clock):
    return ItemPictures(tmp_path / "overlays", lambda: clock.now_s)


def image(level):
    """A picture all of one grey level."""
    return SimpleNamespace(
        encoding="rgb8", width=8, height=8, step=24, data=np.full(192, level, np.uint8).tobytes()
    )


def level_of(tmp_path, item_id):
    return float(cv2.imread(str(tmp_path / "overlays" / f"{item_id}_overlay.jpg")).mean())


def test_either_half_may_come_first(pictures, tmp_path):
    pictures.report("early", 5, keep=True)
    assert not pictures.complete
    pictures.image(image(40), 5)
    pictures.image(image(200), 6)
    pictures.report("late", 6, keep=True)
    assert pictures.complete
    assert level_of(tmp_path, "early") == pytest.approx(40, abs=3)
    assert level_of(tmp_path, "late") == pytest.approx(200, abs=3)


def test_items_of_one_image_keep_their_own_pictures(pictures, tmp_path):
    for item_id, keep in (("first", True), ("nobody's", False), ("second", True)):
        pictures.report(item_id, 5, keep)
    for level in (40, 120, 200):
        pictures.image(image(level), 5)
    assert level_of(tmp_path, "first") == pytest.approx(40, abs=3)
    assert level_of(tmp_path, "second") == pytest.approx(200, abs=3)
    assert len(list((tmp_path / "overlays").iterdir())) == 2


def test_a_lost_half_is_given_up(pictures, clock, tmp_path):
    pictures.report("unseen", 5, keep=True)
    pictures.image(image(40), 6)
    clock.now_s += 3
    assert pictures.complete
    pictures.report("much later", 6, keep=True)
    pictures.image(image(200), 6)
    assert level_of(tmp_path, "much later") == pytest.approx(200, abs=3)
