"""Views, embeddings and records that tests put into galleries."""

import numpy as np

from damage_perception.gallery.reference import Action, NewReference
from damage_perception.gallery.store.journal import Entry, JournalRecord
from damage_perception.network.contract import LOOK_CHANNELS
from damage_perception.network.embedding import Embedding
from damage_perception.view import UNKNOWN_HEIGHT_M, View, Window


def view(seed=0, side=48):
    """A smooth picture, a slope with a hole in it, and a square item."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, side)
    color = np.stack([np.add.outer(x * k, x) * 60 for k in rng.random(3) + 0.5], axis=2)
    height = np.add.outer(x, x).astype(np.float32) * 0.1 - 0.004
    height[3:9, 5:20] = UNKNOWN_HEIGHT_M
    item = np.zeros((side, side), np.uint8)
    item[side // 4 : -side // 4, side // 4 : -side // 4] = 1
    return View(color.astype(np.uint8), height, item, 0.31, Window(40, 60, 200))


def embedding(seed=0, cells=5, channels=8):
    rng = np.random.default_rng(seed)
    descriptor = rng.normal(size=16).astype(np.float32)
    return Embedding(
        rng.normal(size=(cells, channels)).astype(np.float32),
        rng.integers(0, 20, (cells, 2)).astype(np.uint8),
        descriptor / np.linalg.norm(descriptor),
        rng.normal(size=(3, LOOK_CHANNELS)).astype(np.float32),
    )


def new(count=1, seed=0):
    """So many new references."""
    return [NewReference(view(seed + i), embedding(seed + i), f"camera {i}") for i in range(count)]


def enrolled(change_id, *names, sku="tea", time_ns=1, state="active", action=Action.ENROLL):
    """A record that brings references."""
    entries = tuple(Entry(name, "file", state, "net", time_ns) for name in names)
    return JournalRecord(change_id, time_ns, action, sku, entries, "ann", "")


def record(change_id, action, *names, undoes="", time_ns=2, **values):
    """A record of another action on references."""
    entries = tuple(Entry(name, **values) for name in names)
    return JournalRecord(change_id, time_ns, action, "tea", entries, "ann", "", undoes)
