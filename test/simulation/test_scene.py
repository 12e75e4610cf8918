"""What is damage leaves a mark in colour or depth, what is none leaves no label."""

from dataclasses import replace

import numpy as np
import pytest

from damage_perception.frame import CameraModel
from damage_perception.kinds import CODES, KINDS, MISSING_UNIT, NONE
from damage_perception.simulation.damage.actions import APPLICABLE, SHARES, damage
from damage_perception.simulation.packaging.pieces import make_piece
from damage_perception.simulation.packaging.product import FORMS, Product
from damage_perception.simulation.rendering.camera import Pose
from damage_perception.simulation.rendering.ground import ground
from damage_perception.simulation.rendering.light import sample_lighting
from damage_perception.simulation.rendering.mesh import Body, vector
from damage_perception.simulation.rendering.render import Rendering, render
from damage_perception.simulation.scene import sample_scene
from damage_perception.simulation.split import Split, generator

CAMERA = CameraModel(160, 120, 140.0, 140.0, 79.5, 59.5)
TOWARD = vector(0.5, 0.0, 0.86)
CASES = [(form, kind) for form in FORMS for kind in APPLICABLE[form]]


def piece(form: str, decoy: bool = False) -> Body:
    product = Product.generate(Split.TRAIN, 11, form)
    return make_piece(product, generator(Split.TRAIN, "piece", 1), decoy)


def seen(body: Body) -> Rendering:
    rng = generator(Split.TRAIN, "render", 5)
    size = float(np.linalg.norm(body.size_m))
    pose = Pose.looking_at(vector(0, 0, body.size_m[2] / 2), 1.6 * size + 0.1, 0.5, 0.0, 0.0)
    patches = [ground(Split.TRAIN, rng), *body.patches]
    return render(patches, body.ghosts, sample_lighting(rng), CAMERA, pose, rng)


@pytest.mark.parametrize(("form", "kind"), CASES)
def test_damage_is_labelled_and_changes_what_is_seen(form: str, kind: str) -> None:
    pristine, body = piece(form), piece(form)
    damage(body, kind, 0.6, Split.TRAIN, generator(Split.TRAIN, "damage", 2), TOWARD)
    before, after = seen(pristine), seen(body)
    labelled = after.kinds == CODES[kind]
    assert not before.kinds.any()
    assert labelled.sum() > 20
    assert set(np.unique(after.kinds)) == {0, CODES[kind]}
    deeper = np.abs(after.depth_true_m - before.depth_true_m)[labelled] > 0.001
    tinted = np.abs(after.color.astype(int) - before.color.astype(int)).max(-1)[labelled] > 12
    assert (deeper | tinted).mean() > 0.3


def test_every_kind_befalls_some_form() -> None:
    assert {kind for kinds in APPLICABLE.values() for kind in kinds} == set(SHARES)
    assert set(SHARES) <= set(KINDS) and sum(SHARES.values()) == pytest.approx(1)
    assert [form for form in FORMS if MISSING_UNIT in APPLICABLE[form]] == ["multipack"]


@pytest.mark.parametrize("form", FORMS)
def test_a_printed_decoy_has_colour_but_neither_depth_nor_label(form: str) -> None:
    plain, printed = seen(piece(form)), seen(piece(form, decoy=True))
    assert np.abs(plain.radiance - printed.radiance).max() > 0.02
    assert not printed.kinds.any()
    if form == "multipack":
        assert np.abs(plain.depth_true_m - printed.depth_true_m).mean() < 0.005
    else:
        item = (plain.items == 1) & (printed.items == 1)
        assert np.median(np.abs(plain.depth_true_m - printed.depth_true_m)[item]) < 0.002


def test_the_top_of_a_box_is_as_high_as_the_box() -> None:
    body = piece("carton")
    rendering = seen(body)
    points = rendering.depth_true_m[..., None] * CAMERA.rays
    height = points @ rendering.normal + rendering.offset_m
    item = rendering.items == 1
    tolerance = 0.02 * min(body.size_m) + 0.001
    assert np.abs(np.quantile(height[item], 0.98) - body.size_m[2]) < tolerance
    assert np.abs(height[rendering.items == 0]).max() < 1e-3


def test_a_scene_is_fixed_by_its_generator() -> None:
    first, second = (
        sample_scene(Split.TEST, generator(Split.TEST, "view", 4), kind="tear") for _ in range(2)
    )
    assert first.truth == second.truth
    assert all(
        np.array_equal(a.points, b.points)
        for a, b in zip(first.patches, second.patches, strict=True)
    )


def test_a_form_refuses_damage_it_cannot_have() -> None:
    with pytest.raises(ValueError, match="missing_unit"):
        sample_scene(
            Split.TRAIN, generator(Split.TRAIN, "view", 1), kind=MISSING_UNIT, form="carton"
        )


def test_undamaged_scenes_have_no_kind() -> None:
    scene = sample_scene(Split.TRAIN, generator(Split.TRAIN, "view", 1), damaged=False)
    assert scene.truth.kind == NONE
    assert not scene.truth.damaged
    assert replace(scene.truth, kind="crush").damaged
