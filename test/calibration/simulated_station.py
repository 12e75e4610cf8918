"""Corners of a board as four cameras see them, without images: placements whose truth is known."""

import numpy as np

from benchmarks.cameras import NAMES, SMALL, boards, station
from damage_perception.calibration.board import BOARDS
from damage_perception.calibration.finder import Corners
from damage_perception.calibration.poses import angle_deg, inverse, moved, pose_from
from damage_perception.calibration.views import Placement, View

BOARD = BOARDS["a4"]
MODELS = dict.fromkeys(NAMES, SMALL)


def view_of(camera, pose, name="front", noise_px=0.0, rng=None, depth_scale=None, bend_m=0.0):
    """What a camera sees of a board at ``pose`` in its frame; None where fewer than 8 corners."""
    points = BOARD.corners_m.copy()
    points[:, 2] = bend_m * (points[:, 0] / 0.1) ** 2
    points = moved(pose, points)
    focal, centre = (camera.fx, camera.fy), (camera.cx, camera.cy)
    pixels = points[:, :2] / points[:, 2:] * focal + centre
    if noise_px:
        pixels = pixels + rng.normal(0, noise_px, pixels.shape)
    shown = np.all((pixels > 3) & (pixels < (camera.width - 4, camera.height - 4)), axis=1)
    if np.count_nonzero(shown) < 8:
        return None
    depth_m = np.full(len(points), np.nan) if depth_scale is None else depth_scale * points[:, 2]
    return View(name, 0, 0, Corners(np.flatnonzero(shown), pixels[shown]), depth_m[shown])


def simulated(seed=0, count=20, names=NAMES, moved_mm=0.0, sees=None, places=None, **given):
    """Cameras (4, 4) by name, places of the board, and placements.

    moved_mm  how far the board moves between the views of two cameras
    sees      which camera sees the board in which place, by name and number; None: all
    places    of the board; None: some
    """
    rng = np.random.default_rng(seed)
    cameras = {name: pose for name, pose in station(rng).items() if name in names}
    places = boards(rng, count) if places is None else places
    given = {"noise_px": 0.04, "rng": rng, **given}
    found = []
    for number, place in enumerate(places, start=1):
        views = {}
        for name, camera in cameras.items():
            shift = pose_from(np.eye(3), rng.normal(0, moved_mm / 1000, 3))
            view = view_of(SMALL, inverse(camera) @ shift @ place, name, **given)
            if view is not None and (sees is None or sees(name, number)):
                views[name] = view
        if views:
            found.append(Placement(number, views))
    return cameras, places, found


def models(cameras):
    """Intrinsics of each camera."""
    return dict.fromkeys(cameras, SMALL)


def largest_error(found, true):
    """Millimetres and degrees, of one pose or transform against the true one, at most."""
    pairs = [(found[name], pose) for name, pose in true.items()]
    apart_mm = max(1000 * np.linalg.norm(a[:3, 3] - b[:3, 3]) for a, b in pairs)
    return apart_mm, max(angle_deg(a, b) for a, b in pairs)
