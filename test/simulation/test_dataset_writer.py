import csv
import json
from pathlib import Path

import cv2
import numpy as np

from damage_perception.frame import CameraModel
from damage_perception.kinds import CODES
from damage_perception.simulation.dataset_writer import simulate
from damage_perception.simulation.rendering.camera import cell_camera
from damage_perception.simulation.split import Split

CAMERA = CameraModel(160, 120, 140.0, 140.0, 79.5, 59.5)


def test_a_data_set_holds_what_its_labels_say(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    simulate(
        tmp_path,
        6,
        1,
        Split.TEST,
        items_per_product=3,
        references_per_product=1,
        camera=CAMERA,
        progress=lambda done, total: steps.append((done, total)),
    )
    with (tmp_path / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["role"] for row in rows].count("query") == 6
    assert [row["role"] for row in rows].count("reference") == 2
    assert steps[-1] == (8, 8)
    assert json.loads((tmp_path / "camera.json").read_text())["depth_unit_m"] > 0
    for row in rows:
        read = {
            what: np.asarray(
                cv2.imread(str(tmp_path / f"{row['name']}_{what}.png"), cv2.IMREAD_UNCHANGED)
            )
            for what in ("color", "depth", "mask", "items")
        }
        assert read["color"].shape == (120, 160, 3)
        assert read["depth"].dtype == np.uint16
        assert (read["items"] == 1).any()
        expected = {CODES[row["kind"]]} if row["damaged"] == "1" else set()
        assert set(np.unique(read["mask"])) - {0} == expected


def test_a_data_set_is_fixed_by_its_seed(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        workers = 1 if folder == "a" else 2
        simulate(tmp_path / folder, 5, 5, Split.TRAIN, camera=CAMERA, workers=workers)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "b").iterdir())
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_items_span_the_pixels_that_are_asked_for(tmp_path: Path) -> None:
    camera = cell_camera(320, 180, 125)
    simulate(tmp_path, 4, 3, Split.TEST, items_per_product=1, camera=camera, fill_px=125)
    for path in sorted(tmp_path.glob("*_items.png")):
        shown = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)) == 1
        assert shown.shape == (180, 320)
        rows, columns = np.nonzero(shown)
        # A neighbour may hide some of it, and what is tall and near is kept at a distance.
        assert 50 < max(np.ptp(rows), np.ptp(columns)) < 125 * 1.2
    assert json.loads((tmp_path / "camera.json").read_text())["fx"] == 400


def test_products_may_all_bear_a_printed_picture_of_damage(tmp_path: Path) -> None:
    simulate(tmp_path, 4, 8, Split.TEST, items_per_product=2, camera=CAMERA, decoys=True)
    with (tmp_path / "labels.csv").open() as file:
        assert [row["printed_decoy"] for row in csv.DictReader(file)] == ["1"] * 4
