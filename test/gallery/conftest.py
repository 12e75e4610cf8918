"""Galleries for the tests."""

import pytest


@pytest.fixture
def store(tmp_path):
    """An empty gallery in a folder."""
    pytest.importorskip("lancedb", reason="lancedb is not installed: no gallery can be kept")
    from damage_perception.gallery.store.store import GalleryStore

    return GalleryStore.open(tmp_path / "gallery")
