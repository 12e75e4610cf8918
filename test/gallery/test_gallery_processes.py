"""Processes that die at any moment or change a gallery at once lose nothing that was committed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_references import new

from damage_perception.gallery.reference import State
from damage_perception.gallery.store.store import GalleryStore

pytest.importorskip("lancedb", reason="lancedb is not installed: no gallery can be kept")

HERE = Path(__file__).parent
KILLS = int(os.environ.get("GALLERY_KILLS", "100"))


class Enroller:
    """A process that enrolls on demand, and what it prints."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", HERE / "enroller.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        )

    def line(self):
        text = self.process.stdout.readline()
        assert text, "the enroller died"
        return text.strip()

    def start(self, uri):
        """Begins to enroll at ``uri``; the id of the process that does."""
        self.process.stdin.write(f"{uri}\n")
        self.process.stdin.flush()
        # The fork may be faster than its parent.
        lines = [self.line(), self.line()]
        assert "opened" in lines, lines
        return next(int(line.split()[1]) for line in lines if line.startswith("started"))

    def committed(self):
        """Ids of the changes printed until the fork ended."""
        return [line.split()[1] for line in iter(self.line, "ended")]

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture
def enroller():
    process = Enroller()
    assert process.line() == "ready"
    yield process
    process.close()


@pytest.mark.slow
def test_killed_processes_lose_no_change_and_leave_no_half_one(enroller, tmp_path):
    uri = tmp_path / "gallery"
    GalleryStore.open(uri)
    delays_s = random.Random(0)
    committed = []
    for _ in range(KILLS):
        child = enroller.start(uri)
        time.sleep(delays_s.uniform(0, 0.25))
        os.kill(child, signal.SIGKILL)
        committed += enroller.committed()
        store = GalleryStore.open(uri, create=False)
        log = [change.change_id for change in store.changes()]
        assert set(committed) <= set(log)
        # At most the one that was written but not printed any more.
        assert len(log) - len(committed) <= KILLS
    references = store.references(states=tuple(State))
    assert len(references) == 2 * sum(c.action.value == "enroll" for c in store.changes())
    assert len(store.views([each.reference_id for each in references])) == len(references)
    assert len(committed) > KILLS / 2


@pytest.mark.slow
def test_two_processes_change_a_gallery_at_once_and_a_third_sees_it(tmp_path):
    uri = tmp_path / "gallery"
    reader = GalleryStore.open(uri)
    enrollers = [Enroller(), Enroller()]
    for each in enrollers:
        assert each.line() == "ready"
    before = reader.version
    children = [each.start(uri) for each in enrollers]
    versions = set()
    until_s = time.monotonic() + 4
    while time.monotonic() < until_s:
        versions.add(reader.version)
        time.sleep(0.02)
    for child in children:
        os.kill(child, signal.SIGKILL)
    committed = [each.committed() for each in enrollers]
    for each in enrollers:
        each.close()
    assert all(committed)
    assert len(versions) > 2
    assert min(versions) >= before
    assert {c for ids in committed for c in ids} <= {c.change_id for c in reader.changes()}


def test_a_reader_sees_what_another_wrote(store, tmp_path):
    reader = GalleryStore.open(tmp_path / "gallery", create=False)
    before = reader.version
    assert reader.references() == []
    store.enroll("tea", "net", new(), "ann", "")
    assert reader.version > before
    assert len(reader.references()) == 1


def test_a_reader_survives_a_purge(store, tmp_path):
    store.enroll("tea", "net", new(2), "ann", "")
    reader = GalleryStore.open(tmp_path / "gallery", create=False)
    names = [each.reference_id for each in reader.references()]
    store.undo(None, "ann", "")
    kept = store.enroll("mug", "net", new(), "ann", "").reference_ids
    store.purge(0, "ann")
    assert [each.reference_id for each in reader.references()] == list(kept)
    assert list(reader.views(kept)) == list(kept)
    assert not set(names) & set(kept)
