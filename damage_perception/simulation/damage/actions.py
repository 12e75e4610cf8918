"""How the kinds of damage are made, how often, and which forms of packaging they can befall."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from damage_perception.kinds import CRUSH, DECONSTRUCTION, HOLE, MISSING_UNIT, SPILLAGE, TEAR
from damage_perception.simulation.damage.crush import crush
from damage_perception.simulation.damage.cuts import pierce, tear
from damage_perception.simulation.damage.opening import open_up
from damage_perception.simulation.damage.spill import spill
from damage_perception.simulation.rendering.mesh import Array, Body
from damage_perception.simulation.split import Split

# Of damaged scenes whose form is not given; kinds that are not made are not listed.
SHARES: dict[str, float] = {
    CRUSH: 0.22,
    TEAR: 0.19,
    HOLE: 0.17,
    DECONSTRUCTION: 0.17,
    SPILLAGE: 0.16,
    MISSING_UNIT: 0.09,
}
APPLICABLE: dict[str, tuple[str, ...]] = {
    "carton": (CRUSH, TEAR, HOLE, DECONSTRUCTION, SPILLAGE),
    "printed_box": (CRUSH, TEAR, HOLE, DECONSTRUCTION, SPILLAGE),
    "mailer": (TEAR, HOLE, DECONSTRUCTION, SPILLAGE),
    "cylinder": (CRUSH, HOLE, DECONSTRUCTION, SPILLAGE),
    "bottle": (CRUSH, HOLE, SPILLAGE),
    "book": (CRUSH, TEAR, DECONSTRUCTION, SPILLAGE),
    "multipack": (MISSING_UNIT, CRUSH, TEAR, DECONSTRUCTION, SPILLAGE),
}


def damage(
    body: Body, kind: str, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
    """Damage a body in place.

    severity 0 (just to be seen) to 1 (wrecked); toward is the (3,) direction of the camera in the
    body's axes: damage is put where it may be seen.
    """
    _ACTIONS[kind](body, severity, split, rng, toward)


def _missing(
    body: Body, severity: float, split: Split, rng: np.random.Generator, toward: Array
) -> None:
    names = sorted({patch.name for patch in body.patches if patch.name.startswith("unit")})
    most = max(1, round(severity * 0.5 * len(names)))
    count = int(rng.integers(1, most + 1))
    gone = set(rng.choice(names, count, replace=False).tolist())
    body.ghosts += [patch for patch in body.patches if patch.name in gone]
    body.patches = [patch for patch in body.patches if patch.name not in gone]


_ACTIONS: dict[str, Callable[[Body, float, Split, np.random.Generator, Array], None]] = {
    CRUSH: crush,
    TEAR: tear,
    HOLE: pierce,
    DECONSTRUCTION: open_up,
    SPILLAGE: spill,
    MISSING_UNIT: _missing,
}
