"""Fixtures shared by all tests."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shipped_card() -> Path:
    """The model card in models/."""
    return ROOT / "models" / "damage_net.yaml"


@pytest.fixture
def model_copy(shipped_card: Path, tmp_path: Path) -> Path:
    """The card of a copy of the shipped model, free to be spoilt."""
    shutil.copytree(shipped_card.parent, tmp_path / "models")
    return tmp_path / "models" / shipped_card.name


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Real RGB-D recordings beside the checkout; what needs them skips where they are absent."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"no recordings at {path}")
    return path
