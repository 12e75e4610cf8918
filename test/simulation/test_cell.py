from itertools import islice

import numpy as np

from damage_perception.frame import CameraModel
from damage_perception.simulation.cell import CellStream, render_ahead, station_camera
from damage_perception.simulation.split import Split

CAMERA = CameraModel(160, 120, 140.0, 140.0, 79.5, 59.5)


def test_items_pass_an_unchanging_station() -> None:
    stream = CellStream(3, Split.TEST, damaged_share=0.5, exposures=2, camera=CAMERA)
    items = list(islice(stream, 6))
    assert len({item.item_id for item in items}) == 6
    for item in items:
        assert len(item.frames) == 2
        assert not np.array_equal(item.frames[0].color, item.frames[1].color)
        assert item.kinds.any() == item.truth.damaged
        empty, full = stream.empty[0].color.astype(int), item.frames[0].color.astype(int)
        corner = np.s_[:12, :12]
        assert np.abs(empty[corner].mean() - full[corner].mean()) < 12


def test_an_item_is_the_same_whenever_it_is_asked_for() -> None:
    first = CellStream(3, Split.TEST, exposures=1, camera=CAMERA).item(2)
    again = CellStream(3, Split.TEST, exposures=1, camera=CAMERA).item(2)
    assert first.truth == again.truth
    assert np.array_equal(first.frames[0].color, again.frames[0].color)


def test_the_empty_station_is_its_plane() -> None:
    stream = CellStream(4, Split.TEST, exposures=1, camera=CAMERA)
    depth = stream.empty[0].depth_m
    assert depth is not None
    height = depth * (CAMERA.rays @ stream.normal) + stream.offset_m
    assert abs(np.median(height[depth > 0])) < 0.01


def test_items_are_the_same_however_many_processes_render_them() -> None:
    [(item, pristine), (_, none)] = [
        next(iter(render_ahead(3, 1, references, CAMERA, workers)))
        for references, workers in ((2, 2), (0, 1))
    ]
    alone = CellStream(3, camera=CAMERA).item(0)
    assert item.truth == alone.truth and len(item.frames) == len(alone.frames)
    assert np.array_equal(item.frames[-1].color, alone.frames[-1].color)
    assert (len(pristine), none) == (2, ())


def test_the_stations_camera_shows_items_whole_and_large() -> None:
    stream = CellStream(1, exposures=1, camera=station_camera(320, 180))
    spans = []
    for item in islice(stream, 8):
        rows, columns = np.nonzero(item.items == 1)
        assert rows.min() > 0 and rows.max() < 179 and columns.min() > 0 and columns.max() < 319
        spans.append(max(np.ptp(rows), np.ptp(columns)))
    # As many pixels of 1280 x 720 are four times as many.
    assert 4 * np.median(spans) > 220
