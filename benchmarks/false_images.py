"""How often real views count as false images, how often false ones are seen, and what it costs.

`python -m benchmarks.false_images RECORDINGS`: RECORDINGS holds NAME_color.png and NAME_depth.png
of boxed groceries before a depth camera (mOSD: 640x480, fx = fy = 525, millimetres). Every view is
varied in light, noise, sharpness and registration; false colour is that of the table without the
items (painted over), of another scene, and images of which the lower half is empty or black. Views
that are dark, overexposed or blurred do not count here: they are refused for that.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from damage_perception.frame import CameraModel, ColorImage, Frame
from damage_perception.station import Item, Plane, Station, SupportWatch
from damage_perception.verdict.agreement import agreement_of
from damage_perception.verdict.image_watch import ImageWatch
from damage_perception.verdict.quality import QualityLimits, faults
from damage_perception.view import cut_views

CAMERA = CameraModel(640, 480, 525.0, 525.0, 319.5, 239.5)
VIEW_SIZE, VARIATIONS = 320, 80


@dataclass(frozen=True)
class _Scene:
    frame: Frame
    plane: Plane
    items: list[Item]
    empty: ColorImage

    def refused(self, color: ColorImage) -> list[bool]:
        """Whether each item counts as not seen in ``color``; of views that are fit otherwise."""
        frame = replace(self.frame, color=color)
        views = cut_views(frame, self.items, self.plane, VIEW_SIZE)
        others = QualityLimits(check_color=False)
        pairs = zip(views, self.items, strict=True)
        return [not agreement_of(v).holds for v, item in pairs if not faults(v, item, others)]

    def middle(self) -> int:
        """The row through the middle of most items."""
        return int(np.median([item.box[1] + item.box[3] / 2 for item in self.items]))


def read_scenes(folder: Path) -> Iterator[_Scene]:
    """The scenes of a folder, each with the colour of its table without the items."""
    for path in sorted(folder.glob("*_color.png")):
        color = np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), np.uint8)
        depth = cv2.imread(str(path).replace("_color", "_depth"), cv2.IMREAD_UNCHANGED)
        frame = Frame(color, (depth / 1000).astype(np.float32), CAMERA)
        plane = Station().plane_in(frame)
        assert plane is not None
        items = Station().locate(frame, plane)
        covered = np.any([item.mask for item in items], axis=0).astype(np.uint8)
        covered = cv2.dilate(covered, np.ones((15, 15), np.uint8))
        yield _Scene(
            frame, plane, items, np.asarray(cv2.inpaint(color, covered, 5, cv2.INPAINT_TELEA))
        )


def varied(color: ColorImage, rng: np.random.Generator) -> ColorImage:
    """Another light, noise, sharpness and registration of up to three pixels."""
    image = color * rng.uniform(0.25, 1.6) + rng.normal(0, rng.uniform(0, 6), color.shape)
    shift = np.array([[1, 0, rng.uniform(-3, 3)], [0, 1, rng.uniform(-3, 3)]])
    image = cv2.warpAffine(
        np.clip(image, 0, 255).astype(np.uint8), shift, (640, 480), borderMode=cv2.BORDER_REPLICATE
    )
    if rng.random() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 2.0))
    if rng.random() < 0.3:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    return np.asarray(image, np.uint8)


def live(color: ColorImage, rng: np.random.Generator) -> ColorImage:
    """The image with the noise of a camera."""
    return np.clip(color + rng.normal(0, 2, color.shape), 0, 255).astype(np.uint8)


def milliseconds(action: Callable[[], object], times: int = 50) -> float:
    """Median time of ``action``."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        taken.append(1e3 * (time.perf_counter() - start))
    return float(np.median(taken))


def main() -> None:
    """Prints the two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    scenes = list(read_scenes(parser.parse_args().recordings))
    if not scenes:
        parser.error("no NAME_color.png there")
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    found: dict[str, list[bool]] = {}
    for index, scene in enumerate(scenes):
        color, middle = scene.frame.color, scene.middle()
        other = scenes[(index + len(scenes) // 2) % len(scenes)].frame.color
        torn, half = live(color, rng), live(color, rng)
        torn[middle:] = live(scene.empty, rng)[middle:]
        half[middle:] = 0
        found.setdefault("good, as recorded", []).extend(scene.refused(color))
        for _ in range(VARIATIONS):
            found.setdefault("good, varied", []).extend(scene.refused(varied(color, rng)))
        for name, image in (
            ("the empty table", live(scene.empty, rng)),
            ("another scene", other),
            ("lower half of the empty table", torn),
            ("lower half black", half),
        ):
            found.setdefault(name, []).extend(scene.refused(image))
    table = Table("colour", "views", "refused", title="Colour held against depth")
    for name, refused in found.items():
        table.add_row(name, str(len(refused)), f"{sum(refused)} ({np.mean(refused):.1%})")
    Console().print(table)
    _print_times(scenes[0], rng)


def _print_times(scene: _Scene, rng: np.random.Generator) -> None:
    view = cut_views(scene.frame, scene.items, scene.plane, VIEW_SIZE)[0]
    frames = [
        replace(scene.frame, color=live(scene.frame.color, rng), stamp_ns=number)
        for number in range(2)
    ]
    images, supports, station = ImageWatch(), SupportWatch(), Station(plane=scene.plane)

    def watch_images() -> None:
        for frame in frames:
            images.faults(frame, QualityLimits())

    table = Table("check", "ms", title="Time, one thread, 640x480")
    table.add_row("colour against depth, a view", f"{milliseconds(lambda: agreement_of(view)):.2f}")
    table.add_row("repeated, torn, noise, a frame", f"{milliseconds(watch_images) / 2:.2f}")
    support = milliseconds(lambda: supports.find(scene.frame, station))
    table.add_row("the support, a frame", f"{support:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
