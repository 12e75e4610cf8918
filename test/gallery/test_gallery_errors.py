"""A gallery that cannot be opened, read or written says so in one line, and what to do."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from made_references import embedding, new, view

from damage_perception.gallery.reference import GalleryError, NewReference
from damage_perception.gallery.store.schema import schemas
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.gallery.wording import in_words

lancedb = pytest.importorskip("lancedb", reason="lancedb is not installed: no gallery can be kept")


def reason(uri, create=True):
    with pytest.raises(GalleryError) as error:
        GalleryStore.open(uri, create)
    text = str(error.value)
    assert "\n" not in text
    assert str(uri).removesuffix("/") in text
    return text


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "gallery").touch()
    assert "there is a file where its folder should be" in reason(tmp_path / "gallery")
    assert "does not exist" in reason(tmp_path / "gallery", create=False)


def test_a_gallery_that_does_not_exist(tmp_path):
    assert "enroll a reference, or mend the path" in reason(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()
    assert "there is no gallery" in reason(tmp_path, create=False)


def test_a_folder_that_is_no_gallery(tmp_path):
    (tmp_path / "letter.txt").touch()
    assert "is no gallery, and holds 'letter.txt'" in reason(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]


def test_a_table_of_another_program(tmp_path):
    table = schemas()["journal"].remove_metadata()
    lancedb.connect(tmp_path).create_table("journal", schema=table)
    assert "another program's" in reason(tmp_path)


def test_a_gallery_of_a_newer_format(tmp_path):
    table = schemas()["journal"].with_metadata({"damage_perception.gallery": "3"})
    lancedb.connect(tmp_path).create_table("journal", schema=table)
    assert "has format 3; this version reads up to 2: update" in reason(tmp_path)


def test_a_creation_that_was_killed_is_finished(tmp_path):
    lancedb.connect(tmp_path).create_table("pieces", schema=schemas()["pieces"])
    assert GalleryStore.open(tmp_path).summaries() == []


def test_a_version_torn_by_a_power_cut_is_named_and_can_be_moved_away(store, tmp_path):
    first = store.enroll("tea", "net", new(), "ann", "")
    store.enroll("tea", "net", new(), "ann", "")
    versions = tmp_path / "gallery" / "journal.lance" / "_versions"
    newest = min(versions.glob("*.manifest"))
    newest.write_bytes(newest.read_bytes()[:100])
    assert f"torn by a power cut: move {newest} away" in reason(tmp_path / "gallery")
    newest.unlink()
    assert GalleryStore.open(tmp_path / "gallery").changes() == [first]


def test_an_address_of_an_unknown_kind():
    assert "use a path, s3://" in reason("ftp://server/gallery")


WITHOUT_RIGHTS = """
import os, sys
import lancedb, pyarrow
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.gallery.reference import GalleryError, Action
os.setgroups([]); os.setgid(65534); os.setuid(65534)
for uri in sys.argv[1:3]:
    try:
        store = GalleryStore.open(uri)
        print("reads", len(store.references()))
        store.record_uses({store.references()[0].reference_id: 1}, 1)
        print("wrote")
    except GalleryError as error:
        print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
@pytest.mark.slow
def test_without_permission_a_gallery_is_read_but_not_written(tmp_path):
    GalleryStore.open(tmp_path / "gallery").enroll("tea", "net", new(), "ann", "")
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_RIGHTS, tmp_path / "gallery", tmp_path / "new"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    read, wrote, created = run.stdout.splitlines()
    assert read == "reads 1"
    assert f"{tmp_path / 'gallery'} cannot be written: no permission" in wrote
    assert f"{tmp_path / 'new'} cannot be opened: no permission" in created


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of one megabyte."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here, so none can be filled")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_loses_nothing_that_was_committed(tiny_disk):
    noise = np.random.default_rng(0).integers(0, 255, (160, 160, 3), dtype=np.uint8)
    large = replace(view(side=160), color=noise)
    store = GalleryStore.open(tiny_disk / "gallery")
    committed = []
    with pytest.raises(GalleryError, match="cannot be written: the disk is full"):
        for _ in range(50):
            one = [NewReference(large, embedding(), "camera")]
            committed.append(store.enroll("tea", "net", one, "ann", ""))
    assert committed
    again = GalleryStore.open(tiny_disk / "gallery")
    assert again.changes()[::-1] == committed
    assert len(again.views([c.reference_ids[0] for c in committed])) == len(committed)


def test_without_lancedb_the_package_to_install_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(GalleryError, match=r"pip install -r requirements/robot\.txt"):
        GalleryStore.open(tmp_path)


def test_a_lancedb_that_cannot_be_imported_is_said_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "lancedb.py").write_text("raise ImportError('pyarrow requires NumPy 2.0 or newer')")
    monkeypatch.delitem(sys.modules, "lancedb", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(GalleryError, match=r"requires NumPy 2\.0 .*requirements/robot\.txt"):
        GalleryStore.open(tmp_path)


def test_reports_of_another_kind_are_cut_short():
    text = in_words(RuntimeError("lance error: " + json.dumps("x\n" * 200)))
    assert len(text) < 170
    assert in_words(OSError(5, "Input/output error")) == "Input/output error"
