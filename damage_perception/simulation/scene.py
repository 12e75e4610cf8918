"""A scene: the target item in its surroundings, drawn from a split."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np

from damage_perception.frame import CameraModel
from damage_perception.kinds import NONE
from damage_perception.simulation.damage.actions import APPLICABLE, SHARES, damage
from damage_perception.simulation.packaging.pieces import make_piece
from damage_perception.simulation.packaging.product import (
    FORM_SHARES,
    FORMS,
    Product,
    sample_product,
)
from damage_perception.simulation.rendering.camera import Pose
from damage_perception.simulation.rendering.mesh import Array, Patch, rotation
from damage_perception.simulation.rendering.render import Rendering, render
from damage_perception.simulation.rendering.surroundings import Surroundings, sample_surroundings
from damage_perception.simulation.split import Split


@dataclass(frozen=True)
class Truth:
    """What is true of the target item; severity is 0..1, 0 where it is undamaged."""

    sku: str
    form: str
    kind: str
    severity: float
    printed_decoy: bool

    @property
    def damaged(self) -> bool:
        return self.kind != NONE


@dataclass(frozen=True)
class Scene:
    """Patches in the world (z up, ground at 0, target around the origin) under a light.

    body and ghosts are the target's, undamaged is its body before the damage; size_m is the
    target's. It is turned by yaw (radians) about z and moved to place_m.
    """

    truth: Truth
    size_m: Array
    body: tuple[Patch, ...]
    ghosts: tuple[Patch, ...]
    undamaged: tuple[Patch, ...]
    surroundings: Surroundings
    yaw: float
    place_m: tuple[float, float]

    @property
    def patches(self) -> tuple[Patch, ...]:
        """All that can be seen."""
        return (*self.surroundings.patches, *self.body)

    def pristine(self) -> Scene:
        """The same scene without the damage."""
        return replace(self, body=self.undamaged, ghosts=())

    def render(self, camera: CameraModel, pose: Pose, rng: np.random.Generator) -> Rendering:
        """What a perfect camera sees from a pose."""
        return render(self.patches, self.ghosts, self.surroundings.lighting, camera, pose, rng)

    def on_target(self, points_m: Array) -> Array:
        """(..., 3) world points in the axes of the product, which all its pieces share."""
        shift = np.array([*self.place_m, 0.0], np.float32)
        return np.asarray((points_m - shift) @ rotation("z", self.yaw), np.float32)

    def outline_m(self) -> Array:
        """(N, 3) points of the target, for framing it; spills on the ground do not count."""
        return np.concatenate([p.points.reshape(-1, 3) for p in self.body if p.item == 1])


def sample_scene(
    split: Split,
    rng: np.random.Generator,
    *,
    damaged: bool | None = None,
    kind: str | None = None,
    form: str | None = None,
    decoy: bool | None = None,
    product: Product | None = None,
    severity: float | None = None,
    azimuth: float | None = None,
    surroundings: Surroundings | None = None,
    place_m: tuple[float, float] = (0.0, 0.0),
) -> Scene:
    """Draw a scene; what is not given is drawn too.

    Half of the scenes are damaged where ``damaged`` and ``kind`` are not given. azimuth (radians)
    is the side of the camera: damage is put where it may be seen from there. In given
    surroundings the item is alone, at ``place_m`` from the origin. Raises ValueError
    where the form cannot have the kind of damage.
    """
    if damaged is None:
        damaged = kind not in (None, NONE) or (kind is None and rng.random() < 0.5)
    if not damaged:
        kind = NONE
    elif kind is None and product is None and form is None:
        kind = str(rng.choice(tuple(SHARES), p=tuple(SHARES.values())))
    product = product or sample_product(split, rng, form or _form_for(kind, rng))
    if damaged and kind is None:
        kind = str(rng.choice(APPLICABLE[product.form]))
    kind = kind or NONE
    if kind != NONE and kind not in APPLICABLE[product.form]:
        raise ValueError(
            f"a {product.form} has no {kind}; expected one of {APPLICABLE[product.form]}"
        )
    decoy = product.printed_decoy if decoy is None else decoy
    level = float(rng.beta(1.1, 1.5)) if severity is None else severity
    side = float(rng.uniform(0, 2 * np.pi)) if azimuth is None else azimuth
    yaw = float(rng.uniform(0, 2 * np.pi))

    body = make_piece(product, rng, decoy)
    undamaged = deepcopy(body) if kind != NONE else body
    if kind != NONE:
        toward = np.array([0.6 * np.cos(side - yaw), 0.6 * np.sin(side - yaw), 0.8], np.float32)
        damage(body, kind, level, split, rng, toward)
    body = body.placed(yaw, *place_m, item=1)
    around = surroundings or sample_surroundings(split, rng, body, product, yaw)
    truth = Truth(product.sku, product.form, kind, level if kind != NONE else 0.0, decoy)
    return Scene(
        truth,
        np.array(product.size_m, np.float32),
        tuple(body.patches),
        tuple(body.ghosts),
        tuple(undamaged.placed(yaw, *place_m, item=1).patches),
        around,
        yaw,
        place_m,
    )


def _form_for(kind: str | None, rng: np.random.Generator) -> str | None:
    """A form that can have a kind of damage; None leaves the choice to the product."""
    if kind in (None, NONE):
        return None
    shares = np.where([kind in APPLICABLE[form] for form in FORMS], FORM_SHARES, 0)
    return str(rng.choice(FORMS, p=shares / shares.sum()))
