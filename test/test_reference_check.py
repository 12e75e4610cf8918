"""What people are told of the references of a product."""

from dataclasses import replace

import numpy as np
import pytest
from color_network import ColorNetwork, embedding

from damage_perception.network import Embedding
from damage_perception.network.contract import LOOK_CHANNELS
from damage_perception.reference_check import MOST_CHECKED, check_references
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.view import View, Window

GREEN, BLUE, RED = (60, 150, 60), (60, 60, 150), (190, 60, 60)
SIZE = 64


class Network(ColorNetwork):
    view_size = SIZE


def view(color):
    shown = np.full((SIZE, SIZE, 3), 110, np.uint8)
    item = np.zeros((SIZE, SIZE), np.uint8)
    item[16:48, 16:48] = 1
    shown[item > 0] = color
    return View(shown, np.full((SIZE, SIZE), -10, np.float32), item, 0.0, Window(0, 0, SIZE))


def looking(color, way):
    """An embedding whose looks say which way it is seen, and differ from piece to piece."""
    seen = embedding(color, cells=16)
    rng = np.random.default_rng(way[1])
    looks = np.eye(LOOK_CHANNELS, dtype="f4")[way[0]] + rng.normal(0, 0.05, (16, LOOK_CHANNELS))
    cells = seen.cells.copy()
    cells[:, -LOOK_CHANNELS:] = looks / np.linalg.norm(looks, axis=1, keepdims=True)
    return replace(seen, given=cells, metric=None)


def check(*colors, ways=None):
    ways = ways or [(0, number) for number in range(len(colors))]
    embeddings = [looking(color, way) for color, way in zip(colors, ways, strict=True)]
    return check_references(
        [view(color) for color in colors], embeddings, Network(), VerdictPolicy.at(0.8)
    )


def test_one_reference_is_too_few():
    found = check(GREEN)
    assert np.isnan(found.confidences[0])
    assert found.written == 3
    assert found.advice[0].startswith("1 reference: enroll 2 more pieces")


def test_references_that_agree_show_one_side():
    found = check(GREEN, GREEN, GREEN)
    assert max(found.confidences) < 0.2
    assert not any(found.apart)
    assert found.advice[0].startswith("all 3 show one side")
    assert "told in" in found.lines()[0]
    assert "at most; 0.80 diverts" in found.lines()[1]


def test_a_reference_that_would_be_diverted_is_named():
    found = check(GREEN, GREEN, GREEN, BLUE)
    assert found.confidences[3] >= 0.8 > max(found.confidences[:3])
    assert any(line.startswith("reference 4 would be diverted") for line in found.advice)


def test_another_side_wants_more_views():
    found = check(GREEN, GREEN, GREEN, GREEN, ways=[(0, 0), (0, 1), (0, 2), (1, 3)])
    assert found.apart == (False, False, False, True)
    assert any(line.startswith("reference 4 is alone in what it shows") for line in found.advice)
    assert not any("one side" in line for line in found.advice)


def test_one_piece_that_nobody_moved_is_told():
    found = check(GREEN, GREEN, GREEN, ways=[(0, 0)] * 3)
    assert any("nobody moved" in line for line in found.advice)


def test_damage_that_is_not_told_is_said():
    class Blind(Network):
        def compare(self, embedding, bank):
            return replace(super().compare(embedding, bank), log_odds=-9.0)

        def _assess(self, view):
            return replace(super()._assess(view), logit=-9.0)

    found = check_references(
        [view(GREEN)] * 3, [looking(GREEN, (0, 0))] * 3, Blind(), VerdictPolicy.at(0.8)
    )
    assert found.told == 0
    assert any("hardly told" in line for line in found.advice)


@pytest.mark.parametrize("count", [MOST_CHECKED + 3])
def test_many_references_are_checked_in_part(count):
    found = check(*[GREEN] * count)
    assert len(found.confidences) == MOST_CHECKED
    assert found.written == 3 * MOST_CHECKED


def test_a_reference_without_cells_counts_for_nothing():
    bare = Embedding(np.empty((0, 192), "f4"), np.empty((0, 2), "u1"), np.ones(4, "f4") / 2)
    seen = [looking(GREEN, (0, 0)), bare, looking(GREEN, (0, 1))]
    found = check_references([view(GREEN)] * 3, seen, Network(), VerdictPolicy.at(0.8))
    assert len(found.confidences) == 3
