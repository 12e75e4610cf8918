"""Photographs named by a configuration appear in training worlds and nowhere else."""

import cv2
import numpy as np
import pytest

from damage_perception.simulation.packaging import photographs
from damage_perception.simulation.split import Split, generator


@pytest.fixture
def library(tmp_path):
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[10:50, 10:70] = (0, 0, 200)
    cv2.imwrite(str(tmp_path / "red.png"), picture)
    cv2.imwrite(str(tmp_path / "red_depth.png"), picture[..., 0])
    photographs.use(tmp_path, tmp_path)
    yield tmp_path
    photographs.use(None, None)


def drawn(split: Split) -> list[np.ndarray]:
    rng = generator(split, "photograph", 1)
    parts = [photographs.print_photograph(split, rng, (20, 30)) for _ in range(40)]
    return [part for part in parts if part is not None]


def test_some_prints_are_photographs_without_their_black_surroundings(library) -> None:
    parts = drawn(Split.TRAIN)
    assert 4 < len(parts) < 36
    for part in parts:
        assert part.shape == (20, 30, 3)
        assert (part == (200, 0, 0)).all()


def test_the_test_world_shows_none(library) -> None:
    assert not drawn(Split.TEST)


def test_nothing_is_drawn_where_no_folder_is_named() -> None:
    assert not drawn(Split.TRAIN)


def test_a_folder_without_pictures_is_named(tmp_path) -> None:
    with pytest.raises(ValueError, match="holds no"):
        photographs.use(tmp_path, None)
