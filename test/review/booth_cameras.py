"""Cameras for tests of the booth: each shows what it is told to, at the stamp of the asking."""

import time
from dataclasses import replace

import numpy as np
from color_network import ColorNetwork
from image_folder import box_scene
from red_network import PLANE

from damage_perception.frame import CameraModel, Frame
from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.station import Station
from damage_perception.verdict.policy import VerdictPolicy

BOX = (110, 80, 90, 70)
GREEN, BLUE, RED = (60, 150, 60), (60, 60, 150), (190, 60, 60)
CAMERA = CameraModel(320, 240, 300.0, 300.0, 159.5, 119.5)


def item(color=GREEN, box=BOX, flat=False, depth=True):
    """A frame of a box of one colour on PLANE.

    flat  without an edge, as where it is blurred
    """
    image, distances = box_scene(box) if box else box_scene()
    if box:
        x, y, width, height = box
        noise = 0 if flat else np.random.default_rng(0).integers(-12, 12, (height, width, 3))
        image[y : y + height, x : x + width] = np.clip(np.array(color) + noise, 0, 255)
    if flat:
        image[:] = color
    return Frame(image, distances.astype(np.float32) / 1000 if depth else None, CAMERA)


class ShownCameras:
    """Cameras that show ``frames`` by name, None: nothing; ``late_ms`` is how old each stamp is."""

    def __init__(self, **frames):
        self.frames = frames
        self.late_ms = dict.fromkeys(frames, 0)

    @property
    def names(self):
        return tuple(self.frames)

    def newest(self, name):
        frame = self.frames[name]
        if frame is None:
            return None
        stamp_ns = time.time_ns() - self.late_ms[name] * 1_000_000
        return replace(frame, camera_name=name, frame_id=f"{name}_optical", stamp_ns=stamp_ns)


def booth_inspector(*names):
    """An inspector of cameras above PLANE; red is damage, another colour another product."""
    cameras = {name: MountedCamera(Station(PLANE)) for name in names}
    return Inspector(ColorNetwork(), cameras, VerdictPolicy.at(0.8, frames_per_camera=1))
