"""A robot cell in operation: a fixed camera, an empty station, and items that rest on it."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import CameraModel, Frame
from damage_perception.kinds import KINDS
from damage_perception.simulation.damage.actions import APPLICABLE
from damage_perception.simulation.packaging.product import Product, sample_station_product
from damage_perception.simulation.rendering.camera import Pose, cell_camera
from damage_perception.simulation.rendering.ground import ground
from damage_perception.simulation.rendering.light import sample_lighting
from damage_perception.simulation.rendering.mesh import vector
from damage_perception.simulation.rendering.render import Rendering, render
from damage_perception.simulation.rendering.sensor import Sensor
from damage_perception.simulation.rendering.surroundings import Surroundings
from damage_perception.simulation.rendering.visibility import expose
from damage_perception.simulation.scene import Scene, Truth, sample_scene
from damage_perception.simulation.split import Split, generator

_CAMERA = cell_camera(640, 480)
_ATTEMPTS = 40
# Over the rows of the image: the largest item that the station is made for just fits.
_FOCAL_OF_ROWS = 1.45


@dataclass(frozen=True)
class CellItem:
    """An item at rest at the station: its truth, and some exposures that differ by noise alone.

    kinds and items (H, W) uint8 as in `Rendering`.
    """

    item_id: str
    truth: Truth
    frames: tuple[Frame, ...]
    kinds: NDArray[np.uint8]
    items: NDArray[np.uint8]


def station_camera(width: int, height: int) -> CameraModel:
    """A camera of so many pixels whose lens suits the station: items fill half of the rows."""
    focal = _FOCAL_OF_ROWS * height
    return CameraModel(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)


class CellStream:
    """An endless, seeded sequence of items before one camera.

    Items are rendered when they are asked for, at about 4 a second on one core at 640 x 480; render
    them ahead (``render_ahead``) for a stream at camera rate.

    camera is the camera's model; normal (3,) and offset_m are the station's plane in the optical
    frame; empty holds exposures of the empty station.
    """

    def __init__(
        self,
        seed: int,
        split: Split = Split.TEST,
        *,
        damaged_share: float = 0.3,
        exposures: int = 3,
        camera: CameraModel = _CAMERA,
    ) -> None:
        self.camera = camera
        self._split = split
        self._seed = seed
        self._damaged_share = damaged_share
        self._exposures = exposures
        rng = generator(split, "cell", seed)
        self._surroundings = Surroundings((ground(split, rng),), sample_lighting(rng))
        self._sensor = Sensor.sample(split, rng).steady()
        self._azimuth = float(rng.uniform(0, 2 * np.pi))
        self._pose = Pose.looking_at(
            vector(0, 0, 0.05),
            float(rng.uniform(0.8, 0.95)),
            float(np.radians(rng.uniform(3, 22))),
            self._azimuth,
            float(rng.normal(0, 0.05)),
        )
        self.normal, self.offset_m = self._pose.plane
        empty = render(
            self._surroundings.patches, (), self._surroundings.lighting, camera, self._pose, rng
        )
        self._level = float(empty.radiance.mean())
        self.empty = self._expose(empty, rng, exposures)

    def __iter__(self) -> Iterator[CellItem]:
        number = 0
        while True:
            yield self.item(number)
            number += 1

    def item(self, number: int) -> CellItem:
        """The item of a number, the same whenever it is asked for."""
        rng = generator(self._split, "cellitem", self._seed, number)
        product = sample_station_product(self._split, rng)
        damaged = bool(rng.random() < self._damaged_share)
        for _ in range(_ATTEMPTS):
            scene = self._scene(rng, product, _kind(rng, product) if damaged else None)
            taken, _ = expose(
                scene, self.camera, self._pose, self._sensor, rng, metered=self._level
            )
            if taken.damage_shows == damaged:
                break
        else:
            raise RuntimeError(f"no visible damage in {_ATTEMPTS} scenes of {scene.truth}")
        drawn = taken.rendering
        return CellItem(
            f"item-{number:05d}",
            scene.truth,
            (taken.frame, *self._expose(drawn, rng, self._exposures - 1)),
            drawn.kinds,
            drawn.items,
        )

    def pristine(self, number: int, count: int) -> tuple[Frame, ...]:
        """As many other pieces of the product of an item, undamaged, each turned another way."""
        product = sample_station_product(
            self._split, generator(self._split, "cellitem", self._seed, number)
        )
        rng = generator(self._split, "pristine", self._seed, number)
        frames = []
        for _ in range(count):
            scene = self._scene(rng, product, None)
            taken, _ = expose(
                scene, self.camera, self._pose, self._sensor, rng, metered=self._level
            )
            frames.append(taken.frame)
        return tuple(frames)

    def _scene(self, rng: np.random.Generator, product: Product, kind: str | None) -> Scene:
        """A piece at rest near the middle of the station; ``kind`` None: undamaged."""
        return sample_scene(
            self._split,
            rng,
            damaged=kind is not None,
            kind=kind,
            product=product,
            azimuth=self._azimuth,
            surroundings=self._surroundings,
            place_m=(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03))),
        )

    def _expose(
        self, rendering: Rendering, rng: np.random.Generator, count: int
    ) -> tuple[Frame, ...]:
        return tuple(self._sensor.apply(rendering, rng, metered=self._level) for _ in range(count))


def render_ahead(
    seed: int, items: int, references: int, camera: CameraModel, workers: int
) -> Iterator[tuple[CellItem, tuple[Frame, ...]]]:
    """The first ``items`` of a stream, each with so many pristine pieces of its product.

    workers  processes that render; what they render does not depend on their number
    """
    # Pipes and not a pool: a pool whose process is ended in the middle complains of its semaphores.
    context = multiprocessing.get_context("spawn")
    processes, results = [], []
    for first in range(workers):
        result, sending = context.Pipe(duplex=False)
        numbers = range(first, items, workers)
        share = (sending, numbers, seed, references, camera)
        processes.append(context.Process(target=_render_share, args=share, daemon=True))
        processes[-1].start()
        sending.close()
        results.append(result)
    try:
        for number in range(items):
            yield results[number % workers].recv()
    finally:
        for process in processes:
            process.terminate()


def _render_share(
    sending: Connection, numbers: range, seed: int, references: int, camera: CameraModel
) -> None:
    # Ctrl-C reaches every process of a terminal; this one ends with the one that reads.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The processes share the cores between them.
    cv2.setNumThreads(1)
    stream = CellStream(seed, camera=camera)
    with contextlib.suppress(BrokenPipeError):
        for number in numbers:
            sending.send((stream.item(number), stream.pristine(number, references)))


def _kind(rng: np.random.Generator, product: Product) -> str:
    return str(rng.choice([kind for kind in KINDS if kind in APPLICABLE[product.form]]))
