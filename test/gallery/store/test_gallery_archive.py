"""An exported gallery is plain files, and comes back as it was."""

import json

import numpy as np
import pytest
from made_references import embedding, new

from damage_perception.gallery.reference import Action, GalleryError, State
from damage_perception.gallery.store.archive import export_gallery, import_gallery
from damage_perception.gallery.store.store import GalleryStore


@pytest.fixture
def other(tmp_path, store):
    return GalleryStore.open(tmp_path / "other")


@pytest.fixture
def exported(store, tmp_path):
    """The folder of a gallery with three references of two products, one of them a candidate."""
    store.enroll("tea", "net", new(2), "ann", "")
    store.enroll('mug "blue" ?*', "net", new(), "ann", "", State.CANDIDATE)
    folder = tmp_path / "export"
    assert export_gallery(store, folder) == 3
    return folder


def facts(store):
    names = ("reference_id", "sku", "state", "model_id", "added_ns", "source", "uses")
    references = store.references(states=tuple(State))
    return {each.reference_id: [getattr(each, n) for n in names] for each in references}


def test_a_gallery_comes_back_as_it_was(store, other, exported):
    assert import_gallery(other, exported, "bob", "moved") == (3, 0)
    assert facts(other) == facts(store)
    names = list(facts(store))
    assert other.encoded_views(names) == store.encoded_views(names)
    pairs = zip(store.references(), other.references(), strict=True)
    for mine, theirs in pairs:
        np.testing.assert_array_equal(mine.embedding.cells, theirs.embedding.cells)
        np.testing.assert_array_equal(mine.embedding.descriptor, theirs.embedding.descriptor)
        assert len(mine.embedding.turned) > 0
        np.testing.assert_array_equal(mine.embedding.turned, theirs.embedding.turned)
    assert {change.action for change in other.changes()} == {Action.IMPORT}


def test_what_is_there_already_stays_as_it_is(store, other, exported):
    import_gallery(other, exported, "bob", "")
    name = other.references("tea")[0].reference_id
    other.change(Action.RETIRE, "tea", [name], "bob", "")
    assert import_gallery(other, exported, "bob", "") == (0, 3)
    assert facts(other)[name][2] is State.RETIRED
    assert len(other.changes()) == 3


def test_an_import_can_be_undone(other, exported):
    import_gallery(other, exported, "bob", "")
    other.undo(None, "bob", "")
    other.undo(None, "bob", "")
    assert facts(other) == {}
    assert import_gallery(other, exported, "bob", "") == (3, 0)


def test_some_products_and_retired_ones_when_asked_for(store, tmp_path):
    names = store.enroll("tea", "net", new(2), "ann", "").reference_ids
    store.enroll("mug", "net", new(), "ann", "")
    store.change(Action.RETIRE, "tea", names[:1], "ann", "")
    assert export_gallery(store, tmp_path / "a", ["tea"]) == 1
    assert export_gallery(store, tmp_path / "b", ["tea"], tuple(State)) == 2
    with pytest.raises(GalleryError, match="sku 'cup' is not in gallery"):
        export_gallery(store, tmp_path / "c", ["cup"])
    with pytest.raises(GalleryError, match="not empty: name a new folder"):
        export_gallery(store, tmp_path / "a")


def test_an_empty_gallery_is_exported(store, other, tmp_path):
    assert export_gallery(store, tmp_path / "a") == 0
    assert import_gallery(other, tmp_path / "a", "bob", "") == (0, 0)


def edit(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def set_first(name, value):
    return lambda document: document["references"][0].update({name: value})


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("reference_id", "../../../etc", "expected 16 hex"),
        ("state", "new", "state is 'new'"),
        ("uses", "3", "uses is '3'; expected int"),
        ("extra", 1, "a reference has"),
        ("width_m", None, "width_m is None; expected float"),
    ],
)
def test_a_spoilt_entry_is_named(other, exported, name, value, text):
    edit(exported / "0001" / "references.json", set_first(name, value))
    with pytest.raises(GalleryError, match=text):
        import_gallery(other, exported, "bob", "")


def test_spoilt_files_are_named(other, exported):
    with pytest.raises(GalleryError, match="name the folder of an exported gallery"):
        import_gallery(other, exported / "0001", "bob", "")
    arrays = sorted((exported / "0001").glob("*.npz"))[0]
    good = arrays.read_bytes()
    for spoilt in (b"", b"no arrays", good[: len(good) // 2]):
        arrays.write_bytes(spoilt)
        with pytest.raises(GalleryError, match=f"{arrays.stem}"):
            import_gallery(other, exported, "bob", "")
    np.savez(arrays, cells=np.array([object()]), where=[], descriptor=[])
    with pytest.raises(GalleryError, match="is spoilt"):
        import_gallery(other, exported, "bob", "")
    np.savez(arrays, cells=embedding().cells, where=np.zeros((1, 2)), descriptor=np.ones(3))
    with pytest.raises(GalleryError, match="expected"):
        import_gallery(other, exported, "bob", "")
    arrays.write_bytes(good)
    picture = arrays.with_suffix(".jpg")
    picture.write_bytes(b"no picture")
    with pytest.raises(GalleryError, match="color is no picture"):
        import_gallery(other, exported, "bob", "")
    picture.unlink()
    with pytest.raises(GalleryError, match="No such file"):
        import_gallery(other, exported, "bob", "")
    assert facts(other) == {}


@pytest.mark.parametrize(
    ("index", "text"),
    [
        ("{", "is not JSON"),
        ("[]", "has no skus"),
        ('{"format": 2, "skus": {}}', "has format 2; this version reads 1"),
        ('{"format": 1, "skus": {"../x": "tea"}}', "skus has '../x'"),
        ('{"format": 1, "skus": {"0001": "a/b"}}', "slash"),
    ],
)
def test_a_spoilt_index_is_named(other, exported, index, text):
    (exported / "gallery.json").write_text(index)
    with pytest.raises(GalleryError, match=text):
        import_gallery(other, exported, "bob", "")
