"""``python -m benchmarks.severity``: how exactly depth and area of simulated damage are measured.

Crushed packages, tears, holes and spills of the test split, each taken once by a simulated depth
camera. The truth is that of a perfect camera: how far the surface lies below that of the same
scene without the damage, and the visible area of what is labelled. Measured is what a report would
say, in the region that is labelled, and in the regions of that kind that the network shows where it
calls the item damaged. Results go to benchmarks/results/severity.json.

labelled  in the region that is labelled, by depth camera, too
perfect   the same, with the depth of a camera without faults: what the way of measuring costs
shown     in the regions that the network shows
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.kinds import CODES, CRUSH, HOLE, KINDS, SPILLAGE, TEAR
from damage_perception.network import DamageNetwork
from damage_perception.share import default_model_card
from damage_perception.simulation.damage.actions import APPLICABLE
from damage_perception.simulation.labelled_view import LabelledView, sample_image
from damage_perception.simulation.packaging.product import sample_station_product
from damage_perception.simulation.rendering.camera import cell_camera
from damage_perception.simulation.split import Split, generator
from damage_perception.station import Item, Plane, Station
from damage_perception.station.target import find_target
from damage_perception.verdict.geometry import ViewGeometry
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.regions import find_regions
from damage_perception.verdict.severity import Extent
from damage_perception.view import Window

RESULTS: Final = Path(__file__).parent / "results" / "severity.json"
# Crushed packages are half of the scenes: depth is measured on these.
_ROUND: Final = (CRUSH, TEAR, CRUSH, HOLE, CRUSH, SPILLAGE)
_SCENES: Final = 300
# The deepest of true depths, too, are at silhouettes.
_DEEPEST: Final = 97
_LEAST_PIXELS: Final = 40
# Items are called damaged from this confidence on; the threshold that ships is higher.
_CALLED: Final = 0.5


@dataclass(frozen=True)
class Measured:
    """One damaged package: what is true, and what is measured in either region."""

    kind: str
    sensor: str
    true: Extent
    labelled: Extent
    perfect: Extent
    shown: Extent | None


def main() -> None:
    """Measures, prints and writes."""
    network = DamageNetwork.load(default_model_card())
    found = [measured(view, network) for view in scenes(_SCENES)]
    result = {"model_id": network.card.model_id, "scenes": len(found), **summary(found)}
    text = json.dumps(result, indent=1)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    print(text)


def scenes(count: int) -> Iterator[LabelledView]:
    """Damaged packages of the test split, as a cell's camera sees them."""
    camera = cell_camera(640, 480)
    for number in range(count):
        rng = generator(Split.TEST, "severity", number)
        kind = _ROUND[number % len(_ROUND)]
        product = sample_station_product(Split.TEST, rng)
        while kind not in APPLICABLE[product.form]:
            product = sample_station_product(Split.TEST, rng)
        yield sample_image(Split.TEST, rng, camera, product=product, damaged=True, kind=kind)


def measured(view: LabelledView, network: DamageNetwork) -> Measured:
    """Truth and measures of one scene."""
    frame, kind = view.frame, view.truth.kind
    perfect = replace(frame, depth_m=view.depth_true_m)
    mask = view.items == 1
    rows, columns = np.nonzero(mask)
    box = (int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    item = Item(mask, box, None, 1.0, False)
    window = Window.around(item)
    labels = (view.kinds == CODES[kind]).astype(np.float32)
    maps = np.zeros((len(KINDS), window.side, window.side), np.float32)
    maps[KINDS.index(kind)] = window.cut(labels, 0)
    labelled, ideal = (
        Extent.joined(r.extent for r in find_regions(maps, ViewGeometry.of(taken, item, window)))
        for taken in (frame, perfect)
    )
    station = Station(Plane(np.asarray(view.normal, np.float64), float(view.offset_m)))
    policy = VerdictPolicy.at(_CALLED)
    result = Inspector(network, {frame.camera_name: MountedCamera(station)}, policy).judge(frame)
    target = find_target(result.items, frame, mask)
    shown = None
    if target is not None:
        regions = [r for r in result.reports[target].regions if r.kind == kind]
        shown = Extent.joined(region.extent for region in regions) if regions else None
    return Measured(kind, view.sensor, truth(view), labelled, ideal, shown)


def truth(view: LabelledView) -> Extent:
    """What a perfect camera would measure."""
    labels = view.kinds == CODES[view.truth.kind]
    camera = view.frame.camera
    area_m2 = float((view.depth_true_m[labels] ** 2).sum()) / (camera.fx * camera.fy)
    share = min(1.0, labels.sum() / (view.items == 1).sum())
    return Extent(1e4 * area_m2, _true_depth_mm(view, labels), share)


def _true_depth_mm(view: LabelledView, labels: NDArray[np.bool_]) -> float:
    """How far the surface lies below that of the twin, square to the twin's."""
    assert view.twin is not None
    before, after = view.twin.surface_m, view.surface_m
    # Rows run down and columns to the right, so this points into the item.
    inward = np.cross(np.gradient(before, axis=1), np.gradient(before, axis=0))
    inward /= np.linalg.norm(inward, axis=-1, keepdims=True) + 1e-12
    depth = ((after - before) * inward).sum(axis=-1)
    known = labels & np.isfinite(depth)
    smooth = cv2.medianBlur(np.where(np.isfinite(depth), depth, 0).astype(np.float32), 3)
    if known.sum() < _LEAST_PIXELS:
        return float("nan")
    return 1e3 * float(np.percentile(smooth[known], _DEEPEST))


def summary(found: list[Measured]) -> Mapping[str, Any]:
    """Errors of depth over crushed packages, of area over all, by region."""
    crushed = [one for one in found if one.kind == CRUSH]

    def depths(region: str, some: list[Measured]) -> list[tuple[float, float]]:
        seen = [(one.true, getattr(one, region)) for one in some if getattr(one, region)]
        return [(true.depth_mm, measured.depth_mm) for true, measured in seen]

    return {
        "true_depth_mm": _median([one.true.depth_mm for one in crushed]),
        "true_area_cm2": _median([one.true.area_cm2 for one in found]),
        "labelled": {
            "depth": _errors(depths("labelled", crushed)),
            "depth_by_sensor": {
                sensor: _errors(depths("labelled", [o for o in crushed if o.sensor == sensor]))
                for sensor in sorted({one.sensor for one in crushed})
            },
            "area": _errors([(o.true.area_cm2, o.labelled.area_cm2) for o in found]),
        },
        "perfect": {"depth": _errors(depths("perfect", crushed))},
        "shown": {
            "depth": _errors(depths("shown", crushed)),
            "area": _errors([(o.true.area_cm2, o.shown.area_cm2) for o in found if o.shown]),
        },
    }


def _errors(pairs: list[tuple[float, float]]) -> dict[str, float | int]:
    """Of (true, measured), where both are known."""
    both = np.array([pair for pair in pairs if np.isfinite(pair).all()])
    error = both[:, 1] - both[:, 0]
    return {
        "measured": len(both),
        "of": len(pairs),
        "median_error": round(float(np.median(np.abs(error))), 2),
        "median_relative_error": round(float(np.median(np.abs(error) / both[:, 0])), 3),
        "bias": round(float(np.median(error)), 2),
    }


def _median(values: list[float]) -> float:
    return round(float(np.nanmedian(values)), 1)


if __name__ == "__main__":
    main()
