"""Which views become references, and which are refused, into a real store."""

import numpy as np
import pytest
from color_network import color_inspector, embedding
from image_folder import box_scene

pytest.importorskip("lancedb", reason="a gallery needs lancedb: pip install lancedb")

from damage_perception.enrollment import Shown, embed_again, enroll_views, select, show
from damage_perception.frame import CameraModel, Frame
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.network import BackendError
from damage_perception.network.turning import TURNS
from damage_perception.verdict.policy import VerdictPolicy

BOX = (110, 80, 90, 70)
GREEN, BLUE, RED = (60, 150, 60), (60, 60, 150), (190, 60, 60)


def frame(color, flat=False):
    image, depth = box_scene(BOX)
    x, y, width, height = BOX
    noise = 0 if flat else np.random.default_rng(0).integers(-12, 12, (height, width, 3))
    image[y : y + height, x : x + width] = np.clip(np.array(color) + noise, 0, 255)
    if flat:
        # Neither on the item nor at its outline is there an edge.
        image[:] = color
    camera = CameraModel(320, 240, 300.0, 300.0, 159.5, 119.5)
    return Frame(image, depth.astype(np.float32) / 1000, camera, stamp_ns=1)


def shown(*named):
    inspector = color_inspector()
    return [show(name, frame(*how), inspector) for name, *how in named]


def test_pristine_views_of_one_product_are_taken_and_the_others_named():
    views = shown(("a", GREEN), ("b", GREEN), ("c", RED), ("d", GREEN, True), ("e", BLUE))
    chosen = select(views, [], color_inspector().network, VerdictPolicy.at(0.8))
    assert [view.name for view in chosen.accepted] == ["a", "b"]
    assert "looks damaged" in chosen.refused["c"]
    assert "blur" in chosen.refused["d"]
    assert "another product than the other views" in chosen.refused["e"]


def test_what_is_known_of_a_sku_decides_what_else_may_be_it():
    views = shown(("a", GREEN), ("b", BLUE))
    chosen = select(views, [embedding(BLUE, 16)], color_inspector().network, VerdictPolicy.at(0.8))
    assert [view.name for view in chosen.accepted] == ["b"]
    assert "the references of this sku" in chosen.refused["a"]


def test_a_frame_without_an_item_shows_nothing():
    image, depth = box_scene()
    camera = CameraModel(320, 240, 300.0, 300.0, 159.5, 119.5)
    empty = Frame(image, depth.astype(np.float32) / 1000, camera, stamp_ns=1)
    with pytest.raises(ValueError, match="no item was found"):
        show("empty", empty, color_inspector())


def test_enrolled_views_are_in_the_store_and_can_be_taken_back(tmp_path):
    store, inspector = GalleryStore.open(tmp_path / "gallery"), color_inspector()
    done = enroll_views(
        lambda create: store, "tea", shown(("a", GREEN), ("b", RED)), inspector, "me"
    )
    assert [r.sku for r in store.references()] == ["tea"] and set(done.refused) == {"b"}
    refused = enroll_views(lambda create: store, "tea", shown(("c", BLUE)), inspector, "me")
    assert refused.change is None and len(store.references()) == 1
    forced = enroll_views(
        lambda create: store, "tea", shown(("c", BLUE)), inspector, "me", force=True
    )
    assert forced.change is not None and len(store.references()) == 2
    store.undo(forced.change.change_id, "me", "")
    assert [r.source for r in store.references()] == ["a"]


def test_an_item_without_a_cell_is_too_small_to_be_a_reference():
    [view] = shown(("a", GREEN))
    tiny = Shown("a", view.view, view.assessment, embedding(GREEN, 0), view.faults)
    assert (
        "too small"
        in select([tiny], [], color_inspector().network, VerdictPolicy.at(0.8)).refused["a"]
    )


def test_kept_views_are_embedded_by_another_model(tmp_path):
    store, inspector = GalleryStore.open(tmp_path / "gallery"), color_inspector()
    enroll_views(lambda create: store, "tea", shown(("a", GREEN), ("b", GREEN)), inspector, "me")
    network = inspector.network
    assert embed_again(store, network, "me") == 0

    class newer(network.card):
        model_id = "newer"

    network.card = newer
    assert store.references(model_id="newer") == []
    assert embed_again(store, network, "me") == 2
    found = store.references(model_id="newer")
    before = store.references(model_id="color")
    assert np.abs(found[0].embedding.cells - before[0].embedding.cells).max() < 3

    network._assess = lambda view: type(network).__mro__[1]._assess(network, view)

    class blind(network.card):
        model_id = "blind"

    network.card = blind
    with pytest.raises(BackendError, match="compares nothing"):
        embed_again(store, network, "me")


@pytest.mark.parametrize("size", [48, 640])
def test_a_model_of_another_size_of_view_is_given_views_of_that_size(tmp_path, size):
    store, inspector = GalleryStore.open(tmp_path / "gallery"), color_inspector()
    [kept] = shown(("a", GREEN))
    enroll_views(lambda create: store, "tea", [kept], inspector, "me", force=True)
    network, given = inspector.network, []

    class other(network.card):
        model_id = "other"

    assess = network.assess
    network.card, network.view_size = other, size
    network.assess = lambda views: given.extend(views) or assess(views)
    assert embed_again(store, network, "me") == 1
    view, *turned = given
    assert len(turned) == len(TURNS)
    assert view.color.shape == (size, size, 3) and view.width_m == kept.view.width_m
    assert view.height_m.shape == view.item.shape == (size, size)
    assert set(np.unique(view.item)) == {0, 1}
    assert view.item.mean() == pytest.approx(kept.view.item.mean(), abs=0.05)
    [before], [after] = (store.references(model_id=name) for name in ("color", "other"))
    assert np.abs(after.embedding.cells - before.embedding.cells).max() < 6
    assert len(before.embedding.turned) == len(after.embedding.turned) > 0
