"""A scene: the target item, its neighbours, the ground and the light, drawn from a split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from damage_perception.frame import CameraModel
from damage_perception.kinds import KINDS, NONE
from damage_perception.simulation.camera import Pose
from damage_perception.simulation.damage import APPLICABLE, damage
from damage_perception.simulation.ground import ground, walls
from damage_perception.simulation.light import Lighting, sample_lighting
from damage_perception.simulation.mesh import Array, Body, Patch
from damage_perception.simulation.pieces import make_piece
from damage_perception.simulation.product import FORM_SHARES, FORMS, Product, sample_product
from damage_perception.simulation.render import Rendering, render
from damage_perception.simulation.split import Split

_KIND_SHARES = (0.22, 0.19, 0.17, 0.17, 0.16, 0.09)
_DECOY_SHARE = 0.18
_NEIGHBOUR_SHARE = 0.25
_WALL_SHARE = 0.15


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
class Surroundings:
    """What stays while items come and go: patches of the ground (z = 0), and the light."""

    patches: tuple[Patch, ...]
    lighting: Lighting


@dataclass(frozen=True)
class Scene:
    """Patches in the world (z up, ground at 0, target around the origin) under a light."""

    truth: Truth
    size_m: Array
    patches: tuple[Patch, ...]
    ghosts: tuple[Patch, ...]
    lighting: Lighting

    def render(self, camera: CameraModel, pose: Pose, rng: np.random.Generator) -> Rendering:
        """What a perfect camera sees from a pose."""
        return render(self.patches, self.ghosts, self.lighting, camera, pose, rng)

    def outline_m(self) -> Array:
        """(N, 3) points of the target, for framing it; spills on the ground do not count."""
        return np.concatenate([p.points.reshape(-1, 3) for p in self.patches if p.item == 1])


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
        kind = str(rng.choice(KINDS, p=_KIND_SHARES))
    product = product or sample_product(split, rng, form or _form_for(kind, rng))
    if damaged and kind is None:
        kind = str(rng.choice(APPLICABLE[product.form]))
    kind = kind or NONE
    if kind != NONE and kind not in APPLICABLE[product.form]:
        raise ValueError(
            f"a {product.form} has no {kind}; expected one of {APPLICABLE[product.form]}"
        )
    decoy = bool(rng.random() < _DECOY_SHARE) if decoy is None else decoy
    level = float(rng.beta(1.1, 1.5)) if severity is None else severity
    side = float(rng.uniform(0, 2 * np.pi)) if azimuth is None else azimuth
    yaw = float(rng.uniform(0, 2 * np.pi))

    body = make_piece(product, rng, decoy)
    if kind != NONE:
        toward = np.array([0.6 * np.cos(side - yaw), 0.6 * np.sin(side - yaw), 0.8], np.float32)
        damage(body, kind, level, split, rng, toward)
    body = body.placed(yaw, *place_m, item=1)
    around = surroundings or _sample_surroundings(split, rng, body, product)
    truth = Truth(product.sku, product.form, kind, level if kind != NONE else 0.0, decoy)
    return Scene(
        truth,
        np.array(product.size_m, np.float32),
        (*around.patches, *body.patches),
        tuple(body.ghosts),
        around.lighting,
    )


def _sample_surroundings(
    split: Split, rng: np.random.Generator, body: Body, product: Product
) -> Surroundings:
    """A ground, sometimes with the walls of a tote or with neighbours, and a light."""
    patches = [ground(split, rng)]
    reach = float(np.hypot(*product.size_m[:2])) / 2
    draw = rng.random()
    if draw < _WALL_SHARE:
        extent = max(float(np.abs(patch.points[..., :2]).max()) for patch in body.patches)
        patches += walls(split, rng, max(reach, extent) + 0.01)
    elif draw < _WALL_SHARE + _NEIGHBOUR_SHARE:
        patches += _neighbours(split, rng, reach)
    return Surroundings(tuple(patches), sample_lighting(rng))


def _form_for(kind: str | None, rng: np.random.Generator) -> str | None:
    """A form that can have a kind of damage; None leaves the choice to the product."""
    if kind in (None, NONE):
        return None
    shares = np.where([kind in APPLICABLE[form] for form in FORMS], FORM_SHARES, 0)
    return str(rng.choice(FORMS, p=shares / shares.sum()))


def _neighbours(split: Split, rng: np.random.Generator, reach_m: float) -> list[Patch]:
    """Undamaged items beside the target, near or touching."""
    patches: list[Patch] = []
    start = rng.uniform(0, 2 * np.pi)
    for number in range(int(rng.integers(1, 3))):
        product = sample_product(split, rng)
        radius = float(np.hypot(*product.size_m[:2])) / 2
        gap = float(rng.exponential(0.03))
        angle = start + number * rng.uniform(1.8, 3.4)
        away = reach_m + radius + gap
        body = make_piece(product, rng).placed(
            float(rng.uniform(0, 2 * np.pi)),
            float(np.cos(angle) * away),
            float(np.sin(angle) * away),
            item=2 + number,
        )
        patches += body.patches
    return patches
