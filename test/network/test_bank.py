"""What a view is compared with: bounded, and aware of how much good pieces differ."""

from dataclasses import replace

import numpy as np
import pytest

from damage_perception.network import Embedding
from damage_perception.network.bank import Bank, distance
from damage_perception.network.comparison import ReferenceCalibration
from damage_perception.network.contract import COMPARED_CHANNELS, LOOK_CHANNELS
from damage_perception.network.coreset import coreset
from damage_perception.network.turning import MOST_TURNED_CELLS, TURNS, with_turned
from damage_perception.view import View, Window

RNG = np.random.default_rng(0)
PRODUCT = RNG.normal(size=(60, LOOK_CHANNELS)).astype("f4")
OTHER = RNG.normal(size=(60, LOOK_CHANNELS)).astype("f4")


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def seen(product=PRODUCT, noise=0.6, seed=0, other=0):
    """An embedding of a product as one camera sees it, ``other`` of its cells changed."""
    rng = np.random.default_rng(seed)
    looks = product + rng.normal(0, noise, product.shape)
    looks[:other] = rng.normal(size=(other, LOOK_CHANNELS))
    cells = np.concatenate((rng.normal(size=(len(looks), COMPARED_CHANNELS)), unit(looks)), axis=1)
    return Embedding(cells.astype("f4"), np.zeros((len(looks), 2), "u1"), np.ones(4, "f4") / 2)


def excess(bank, looks):
    return bank.distance(looks) - bank.typical


def test_a_coreset_leaves_no_cell_far_away():
    rng = np.random.default_rng(0)
    groups = rng.normal(0, 10, (20, 128))
    cells = (groups[rng.integers(20, size=500)] + rng.normal(0, 0.1, (500, 128))).astype("f4")
    chosen = cells[coreset(cells, 20)]
    apart = np.linalg.norm(cells[:, None] - chosen[None], axis=2).min(axis=1)
    assert apart.max() < 5


def test_a_bank_is_bounded():
    bank = Bank.of([seen(seed=1), seen(seed=2)], most=50)
    assert bank.compared.shape == (50, COMPARED_CHANNELS)
    assert bank.upright.cells.shape == (50, LOOK_CHANNELS)
    assert bank.turned.cells.shape == (0, LOOK_CHANNELS)
    assert len(Bank.of([seen(seed=1), seen(seed=2)]).compared) == 120
    assert bank.descriptors.shape == (2, 4)


def test_a_bank_without_cells_is_refused():
    nothing = Embedding(np.empty((0, 256), "f4"), np.empty((0, 2), "u1"), np.ones(4, "f4"))
    with pytest.raises(ValueError, match="at least one cell"):
        Bank.of([nothing])
    assert Bank.of([nothing, seen()]).typical is None


def test_a_view_like_its_references_exceeds_them_by_nothing_and_a_changed_one_by_much():
    bank = Bank.of([seen(seed=seed) for seed in range(3)])
    same = excess(bank, seen(seed=9).looks)
    changed = [excess(bank, seen(seed=9, other=count).looks) for count in (2, 6, 20)]
    assert abs(same) < 0.1
    assert same < changed[0] < changed[1] < changed[2]
    assert changed[0] > 0.3


def test_what_differs_from_piece_to_piece_is_no_damage():
    rough = Bank.of([seen(seed=seed, noise=1.0) for seed in range(3)])
    smooth = Bank.of([seen(seed=seed, noise=0.1) for seed in range(3)])
    view = seen(seed=9, noise=1.0)
    assert abs(excess(rough, view.looks)) < 0.1 < 1.0 < excess(smooth, view.looks)


def test_pictures_of_one_piece_that_nobody_moved_make_no_next_piece_damaged():
    one = seen(noise=0.2)
    still = Bank.of([one, seen(noise=0.21), one])
    pieces = Bank.of([seen(seed=seed) for seed in range(3)])
    assert still.typical == pytest.approx(np.log(0.03))
    assert pieces.typical > still.typical
    # The next piece differs as pieces do: not at all, or by little more than is usual.
    assert excess(still, seen(seed=9, noise=0.2).looks) < 0.3


def test_one_reference_says_nothing_of_how_much_pieces_differ():
    bank = Bank.of([seen()])
    assert bank.typical is None
    _, excess, alone, _ = ReferenceCalibration.signals(
        0.5, bank.distance(seen(OTHER).looks), bank.typical
    )
    assert excess == 0.0
    # How far a view lies from it is another measure, with a weight of its own.
    assert alone == bank.distance(seen(OTHER).looks) > bank.distance(seen(seed=9).looks)


def test_a_wrong_one_among_references_hides_no_damage():
    references = [seen(seed=seed) for seed in range(3)]
    right, mixed = Bank.of(references), Bank.of([*references, seen(OTHER)])
    changed = seen(seed=9, other=6).looks
    assert excess(mixed, changed) > 0.6 * excess(right, changed)


def test_a_reference_is_known_turned_too():
    upright = [seen(seed=seed) for seed in range(3)]
    lying = seen(OTHER, seed=9)
    turned = [replace(one, turned=seen(OTHER, seed=5 + i).looks) for i, one in enumerate(upright)]
    told, strange = (excess(Bank.of(some), lying.looks) for some in (turned, upright))
    assert abs(told) < 0.4 * strange
    assert len(Bank.of(turned).compared) == len(Bank.of(upright).compared)
    as_taken = seen(seed=9, other=6).looks
    assert excess(Bank.of(turned), as_taken) == excess(Bank.of(upright), as_taken)


def test_turned_copies_are_bounded():
    asked = []

    def embed(views):
        asked.extend(views)
        return [seen(seed=number) for number, _ in enumerate(views)]

    view = View(
        np.zeros((64, 64, 3), np.uint8),
        np.zeros((64, 64), np.float32),
        np.ones((64, 64), np.uint8),
        0.3,
        Window(0, 0, 64),
    )
    embedding = with_turned(view, seen(), embed)
    assert len(asked) == len(TURNS)
    assert embedding.turned.shape == (MOST_TURNED_CELLS, LOOK_CHANNELS)
    assert embedding.cells.shape == seen().cells.shape


def test_many_references_measure_a_view_as_they_measure_one_another():
    many = [seen(seed=seed) for seed in range(12)]
    few, whole = Bank.of(many, most=200), Bank.of(many, most=1200)
    views = [seen(seed=seed).looks for seed in range(20, 30)]
    assert abs(np.median([excess(few, view) for view in views])) < 0.15
    assert abs(np.median([excess(whole, view) for view in views])) < 0.15


def test_distance_is_bounded_where_two_views_are_the_same():
    looks = seen().looks
    assert np.isfinite(distance(looks, looks)) and distance(looks, looks) < -6
