"""Large items are cut into tiles, and what tiles show is laid into the whole view."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from damage_perception.frame import CameraModel, Frame
from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.kinds import KINDS, TEAR
from damage_perception.network import Assessment
from damage_perception.network.detail import ALWAYS, AUTO, OFF, Detail
from damage_perception.station import Plane, Station
from damage_perception.tiles import LARGER, MOST_ALONG, cut_tiles, lay_in, tile_windows
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.report import Verdict
from damage_perception.view import UNKNOWN_HEIGHT_M, Window

SIZE = 64
ROWS, COLUMNS = 480, 640
CAMERA = CameraModel(COLUMNS, ROWS, 600.0, 600.0, 319.5, 239.5)
PLANE = Plane(np.array([0.0, 0.0, -1.0]), 0.8)
DETAIL = Detail(0.5, 1.0, 0.0)
# A stain far smaller than a pixel of the whole view would show.
STAIN = np.s_[262:264, 382:384]


def large_item(stained=True, box=(240, 150, 150, 120)):
    """A frame of one grey item, red in a spot, and the same as a boolean image."""
    x, y, width, height = box
    color = np.full((ROWS, COLUMNS, 3), 90, np.uint8)
    texture = np.random.default_rng(1).integers(100, 140, (height, width, 1))
    color[y : y + height, x : x + width] = texture
    if stained:
        color[STAIN] = (250, 20, 20)
    depth_m = np.full((ROWS, COLUMNS), 0.8, np.float32)
    depth_m[y : y + height, x : x + width] = 0.7
    return Frame(color, depth_m, CAMERA, "camera", "camera_optical", 1)


def items_of(frame):
    return Station(PLANE).locate(frame, PLANE)


class SharpNetwork:
    """Sees a stain only where it is as red as it was: in pixels that were not shrunk."""

    view_size = SIZE
    backend = "scripted"
    backend_reason = "a test"
    problem = ""
    on_gpu = False
    kinds = KINDS
    finder = None

    def __init__(self, detail):
        self.card = SimpleNamespace(
            model_id="sharp", calibration_id="none", references=None, detail=detail
        )
        self.batches = []

    def assess(self, views):
        self.batches.append(list(views))
        return [self._assess(view) for view in views]

    def _assess(self, view):
        color = view.color.astype(int)
        red = (color[..., 0] - color[..., 1]) > 200
        logit = 5.0 if red.any() else -5.0
        maps = np.zeros((len(KINDS), SIZE // 4, SIZE // 4), np.float32)
        cells = red.reshape(SIZE // 4, 4, SIZE // 4, 4).any(axis=(1, 3))
        maps[KINDS.index(TEAR)] = 0.9 * cv2.dilate(cells.astype(np.float32), np.ones((3, 3)))
        kinds = maps.max(axis=(1, 2))
        return Assessment(logit, 1 / (1 + np.exp(-logit)), kinds, maps)


def judge(detail, frame=None, card=DETAIL):
    subject = SharpNetwork(card)
    cameras = {"camera": MountedCamera(Station(PLANE))}
    inspector = Inspector(subject, cameras, VerdictPolicy.at(0.5), detail=detail)
    return subject, inspector.judge(frame or large_item())


def test_a_tile_is_a_view_at_the_cameras_resolution():
    frame = large_item()
    [item] = items_of(frame)
    tiles = cut_tiles(frame, item, PLANE, SIZE)
    for tile in tiles:
        window = tile.window
        assert (window.side, tile.color.shape, tile.item.shape) == (
            SIZE,
            (SIZE, SIZE, 3),
            (SIZE,) * 2,
        )
        assert np.array_equal(tile.color, window.cut(frame.color, 0))
        assert np.array_equal(tile.item.astype(bool), window.cut(item.mask, 0))
        assert tile.height_m[tile.item > 0] == pytest.approx(0.1, abs=1e-3)
        assert tile.width_m == pytest.approx(SIZE * 0.7 / CAMERA.fx, rel=0.02)
    bare = Frame(frame.color, None, CAMERA, "camera", "camera_optical", 1)
    assert (cut_tiles(bare, item, None, SIZE)[0].height_m == UNKNOWN_HEIGHT_M).all()


@given(
    st.integers(0, 600), st.integers(0, 440), st.integers(8, 640), st.integers(8, 480),
    st.sampled_from((32, 64, 192)),
)  # fmt: skip
def test_tiles_cover_a_large_item_and_are_few(x, y, width, height, size):
    width, height = min(width, COLUMNS - x), min(height, ROWS - y)
    mask = np.zeros((ROWS, COLUMNS), bool)
    mask[y : y + height, x : x + width] = True
    item = SimpleNamespace(mask=mask, box=(x, y, width, height))
    windows = tile_windows(item, size)
    if Window.around(item).side <= LARGER * size:
        assert windows == ()
        return
    assert len(windows) <= MOST_ALONG**2
    covered = np.zeros_like(mask)
    for window in windows:
        assert window.side >= size
        assert 0 <= window.x <= COLUMNS - window.side or window.side > COLUMNS
        covered[max(0, window.y) : window.y + window.side, window.x : window.x + window.side] = True
    # Only tiles that show next to nothing of it are left out.
    assert (
        (mask & ~covered).sum() <= 0.05 * windows[0].side ** 2 * MOST_ALONG**2 if windows else True
    )


def test_damage_that_the_whole_view_loses_is_found_by_a_tile_at_its_place():
    _, whole = judge(OFF)
    assert whole.assessments[0].logit < 0 and whole.reports[0].regions == ()
    network, fine = judge(ALWAYS)
    [batch] = network.batches
    assert len(batch) > 1
    assert fine.assessments[0].logit > 0 and fine.assessments[0].kinds[KINDS.index(TEAR)] > 0.8
    assert fine.reports[0].verdict is Verdict.DIVERT, fine.reports[0].reasons
    [region] = fine.reports[0].regions
    x, y, width, height = region.box
    assert region.kind == TEAR
    assert x <= 382 and x + width >= 384 and width < 24
    assert y <= 262 and y + height >= 264 and height < 24
    # The whole view stays what the report is made from.
    assert fine.views[0].window == Window.around(fine.items[0])


def test_an_undamaged_item_stays_undamaged():
    _, fine = judge(ALWAYS, large_item(stained=False))
    assert fine.assessments[0].logit < 0


def test_small_items_and_models_that_know_no_tiles_are_judged_whole():
    small = large_item(box=(360, 240, 40, 40))
    network, _ = judge(ALWAYS, small)
    assert [len(batch) for batch in network.batches] == [1]
    network, result = judge(ALWAYS, card=None)
    assert [len(batch) for batch in network.batches] == [1]
    assert result.assessments[0].logit < 0


def test_auto_takes_tiles_where_the_time_allows():
    def passes(view_s, on_gpu=False, frames=4):
        now = iter(np.arange(1000) * view_s)
        network = SharpNetwork(DETAIL)
        network.on_gpu = on_gpu
        cameras = {"camera": MountedCamera(Station(PLANE))}
        # A frame may take 1000 ms / 5 frames / 2.
        policy = VerdictPolicy.at(0.99, frames_per_camera=5, deadline_ns=10**9)
        inspector = Inspector(network, cameras, policy, detail=AUTO)
        inspector._assessing._clock = lambda: next(now)
        for i in range(frames):
            inspector.observe(large_item(), i * 10**7)
        return [len(batch) for batch in network.batches]

    first, *others = passes(view_s=0.001)
    assert first == 1 and min(others) > 1
    assert set(passes(view_s=0.09)) == {1}
    assert min(passes(view_s=0.09, on_gpu=True)) > 1


def test_maps_of_tiles_lie_in_the_whole_view_at_their_resolution():
    whole = np.full((2, 4, 4), 0.2, np.float32)
    tile = np.zeros((2, 4, 4), np.float32)
    tile[1, 0, 3] = 0.9
    maps = lay_in(whole, Window(100, 100, 64), [tile], [Window(132, 116, 16)])
    assert maps.shape == (2, 16, 16)
    assert (maps[1, 4, 11], maps[0, 4, 11]) == pytest.approx((0.9, 0.2))
    assert maps.max(axis=(1, 2)) == pytest.approx([0.2, 0.9])
    # What lies beyond the view is left out.
    beyond = lay_in(whole, Window(100, 100, 64), [tile], [Window(88, 96, 16)])
    assert beyond.max() == pytest.approx(0.2)
