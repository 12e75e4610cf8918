"""damage-perception gallery: what people see of a gallery and do to it."""

import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from made_references import new

from damage_perception.cli import main
from damage_perception.cli.gallery import default_gallery
from damage_perception.gallery.reference import NewReference, State
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.network import DamageNetwork
from damage_perception.network.turning import with_turned
from damage_perception.view import UNKNOWN_HEIGHT_M, View, Window


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, store):
    """Runs `gallery` with arguments; exit status, what it printed, what it complained of."""
    monkeypatch.setenv("DAMAGE_PERCEPTION_GALLERY", store.uri)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main(["gallery", *map(str, arguments)])
        text = capsys.readouterr()
        return end.value.code, text.out, text.err

    return run


def test_the_gallery_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("DAMAGE_PERCEPTION_GALLERY", "s3://site/gallery")
    assert default_gallery() == "s3://site/gallery"
    monkeypatch.delenv("DAMAGE_PERCEPTION_GALLERY")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_gallery() == str(tmp_path / "damage_perception" / "gallery")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_gallery() == "/home/ann/.local/share/damage_perception/gallery"


def test_list(run, store):
    assert run("list") == (0, "the gallery is empty\n", "")
    store.enroll("tea [green]", "net", new(2), "ann", "")
    status, text, _ = run("list")
    assert status == 0
    line = text.splitlines()[1]
    assert line.startswith("tea [green]")
    assert line.split()[2:5] == ["2", "0", "0"]


def test_show_draws_every_reference(run, store, tmp_path):
    store.enroll("tea", "net", new(3), "ann", "")
    status, text, _ = run("show", "tea", "--out", tmp_path / "sheets" / "tea.jpg")
    assert status == 0
    assert text.count("active") == 3
    sheet = cv2.imread(str(tmp_path / "sheets" / "tea.jpg"))
    assert sheet.shape[1] == 3 * 320


def test_show_says_how_well_references_serve(run, store, tmp_path, shipped_card):
    network = DamageNetwork.load(shipped_card)
    rng = np.random.default_rng(0)
    size = network.view_size
    item = np.zeros((size, size), np.uint8)
    item[80:240, 90:230] = 1
    print_ = np.full((size, size, 3), 150, np.uint8)
    print_[item > 0] = (30, 90, 160)
    print_[120:150, 110:210] = 230
    views = [
        View(
            np.clip(print_ + rng.normal(0, 3, print_.shape), 0, 255).astype(np.uint8),
            np.full((size, size), UNKNOWN_HEIGHT_M, np.float32),
            item,
            0.0,
            Window(0, 0, size),
        )
        for _ in range(3)
    ]
    references = [
        NewReference(one, with_turned(one, seen, network.embed), "camera")
        for one, seen in zip(views, network.embed(views), strict=True)
    ]
    store.enroll("tea", network.card.model_id, references, "ann", "")
    status, text, _ = run("show", "tea", "--out", tmp_path / "tea.jpg")
    assert status == 0
    said = " ".join(text.split())
    assert "damage written into them is told in" in said and "of 9 copies" in said
    assert "held against one another they get a confidence of damage of" in said
    assert "show one side" in said
    # These are one piece that nobody moved, and the command says so.
    assert "nobody moved" in said
    status, text, _ = run("show", "tea", "--no-check", "--out", tmp_path / "tea.jpg")
    assert status == 0 and "copies" not in text


def test_what_is_wrong_is_said_in_one_line(run, store, tmp_path):
    store.enroll("tea", "net", new(), "ann", "")
    for arguments, text in (
        (("show", "tee", "--out", tmp_path / "a.jpg"), "did you mean tea?"),
        (("show", "tea", "--out", tmp_path / "a.gif"), "ends in .jpg or .png"),
        (("accept", "tea"), "has no candidates"),
        (("undo", "ffff"), "not in the log"),
        (("import", tmp_path), "name the folder of an exported gallery"),
        (("list", "--gallery", tmp_path / "none"), "does not exist"),
    ):
        status, _, complaint = run(*arguments)
        assert status == 2
        assert text in complaint
        assert complaint.startswith("error: ")
        assert complaint.count("\n") == 1


def test_candidates_are_accepted_and_rejected_and_it_is_undone(run, store):
    names = store.enroll("tea", "net", new(3), "line", "", State.CANDIDATE).reference_ids
    assert run("reject", "tea", names[0], "--why", "blurred")[0] == 0
    assert run("accept", "tea")[0] == 0
    assert [each.reference_id for each in store.references()] == list(names[1:])
    status, text, _ = run("undo")
    assert status == 0
    assert "undo" in text
    assert store.references() == []
    status, text, _ = run("log", "tea")
    actions = [line.split("  ")[2] for line in text.splitlines()]
    assert [action.split()[0] for action in actions] == ["undo", "accept", "reject", "propose"]
    assert "(undone)" in actions[1]
    assert "blurred" in text
    assert len(run("log", "--limit", "1")[1].splitlines()) == 1


def test_a_gallery_is_carried_elsewhere(run, store, tmp_path):
    store.enroll("tea", "net", new(2), "ann", "")
    assert run("export", tmp_path / "export")[1].startswith("wrote 2 references")
    other = tmp_path / "other"
    status, text, _ = run("import", tmp_path / "export", "--gallery", other)
    assert (status, text) == (0, "added 2 references, 0 were there already\n")
    assert len(GalleryStore.open(other).references("tea")) == 2
    assert "0 references, 2" in run("import", tmp_path / "export", "--gallery", other)[1]


def test_prune_retires_what_is_old_and_unused(run, store):
    old = store.enroll("tea", "net", new(3), "ann", "").reference_ids
    time.sleep(0.01)
    store.record_uses({old[2]: 1}, time.time_ns() + 10**12)
    store.enroll("tea", "net", new(), "ann", "")
    limits = ("--older-than-days", "0", "--unused-days", "0", "--keep", "1")
    status, text, _ = run("prune", *limits, "--dry-run")
    assert (status, text.splitlines()[-1]) == (0, "would retire 2 references")
    assert len(store.references()) == 4
    assert "retired 2 references" in run("prune", *limits)[1]
    assert {each.reference_id for each in store.references()} & set(old) == {old[2]}
    assert "removed 0" in run("prune", "--purge")[1]
    text = run("prune", "--purge", "--purge-older-than-days", "0")[1]
    assert "removed 2 retired references for good" in text
    assert len(store.references(states=tuple(State))) == 2


@pytest.mark.slow
def test_help_does_not_wait_for_the_store():
    code = (
        "import sys; from damage_perception.cli.main import app, main\n"
        "try: main(['gallery', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'lancedb', 'pyarrow', 'cv2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
