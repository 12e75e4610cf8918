"""Labelled views of the simulated cell, cut by the code that cuts them in production."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from damage_perception.frame import Frame
from damage_perception.network.contract import INPUTS, MAP_STRIDE, map_cells_along
from damage_perception.simulation.labelled_view import LabelledView, sample_view
from damage_perception.simulation.packaging.photographs import pictures_in, use
from damage_perception.simulation.packaging.product import sample_product
from damage_perception.simulation.split import Split, generator
from damage_perception.station import Item, Plane, Station, StationError
from damage_perception.view import UNKNOWN_HEIGHT_M, View, cut_items, cut_view

CHUNK = 200
# A found item that shares less than this with the true one is another thing.
MIN_OVERLAP = 0.3
# Beside kinds.CODES: damage of no known kind, or where it is not known whether there is any.
UNKNOWN_KIND = 255

# The fields of LabelledViews for one view, by name.
Row = dict[str, Any]


@dataclass(frozen=True)
class LabelledViews:
    """Views as the network takes them, with what is true of them.

    color    (N, S, S, 3) uint8
    height_m (N, S, S) float16
    item     (N, S, S) uint8
    width_m  (N,) float32
    kinds    (N, M, M) uint8, codes of kinds.CODES or UNKNOWN_KIND
    place_m  (N, M, M, 3) float16, where on the product it is, in axes that all pieces of it
             share; NaN where that is not known
    damaged  (N,) bool
    product  (N,) int32, which views show pieces of one product; -1 where that is not known
    scene    (N,) int32, which views show one scene, before and after its damage
    """

    color: NDArray[np.uint8]
    height_m: NDArray[np.float16]
    item: NDArray[np.uint8]
    width_m: NDArray[np.float32]
    kinds: NDArray[np.uint8]
    place_m: NDArray[np.float16]
    damaged: NDArray[np.bool_]
    product: NDArray[np.int32]
    scene: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.damaged)

    @staticmethod
    def load(folder: Path) -> LabelledViews:
        """The views in ``folder``; they stay on disk until a row is read."""
        paths = (folder / f"{field.name}.npy" for field in fields(LabelledViews))
        return LabelledViews(*(np.load(path, mmap_mode="r") for path in paths))


def render_views(
    folder: Path,
    split: Split,
    count: int,
    seed: int,
    size: int,
    workers: int,
    twins: bool,
    scenes: int = 1,
    photographs: tuple[Path | None, Path | None] = (None, None),
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Renders ``count`` views into ``folder``, chunk by chunk; those already there stay.

    twins        whether views come in pairs, damaged and before the damage; independent otherwise
    scenes       in how many scenes each product is shown, one after the other
    photographs  folders of pictures to print on packaging and to lay under items

    Raises ValueError where ``folder`` holds views of another number or size, or a folder of
    photographs holds none.
    """
    for pictures in filter(None, photographs):
        # Said here: a process that cannot begin would be replaced by another one, for ever.
        pictures_in(pictures)
    _allocate(folder, count, size)
    plan = _Plan(folder, split, seed, size, twins, scenes)
    jobs = [(plan, start, min(start + CHUNK, count) - start) for start in range(0, count, CHUNK)]
    waiting = [job for job in jobs if not _marker(folder, job[1]).exists()]
    progress(count - sum(job[2] for job in waiting))
    with multiprocessing.get_context("spawn").Pool(workers, _set_up, photographs) as pool:
        for done in pool.imap_unordered(_render_chunk, waiting):
            progress(done)


def inputs_of(views: LabelledViews, rows: NDArray[np.integer]) -> dict[str, NDArray[Any]]:
    """Some views as the graph takes them."""
    return {name: getattr(views, name)[rows].astype(array.dtype) for name, array in INPUTS.items()}


def without_depth(views: LabelledViews) -> LabelledViews:
    """The same as a camera of colour alone sees them."""
    unknown = np.broadcast_to(np.float16(UNKNOWN_HEIGHT_M), views.height_m.shape)
    return replace(views, height_m=unknown, width_m=np.zeros(len(views), np.float32))


def shrink_views(views: LabelledViews, folder: Path, size: int) -> LabelledViews:
    """The same at ``size``, in ``folder``; if they are there already, these."""
    if views.color.shape[1] <= size:
        return views
    _allocate(folder, len(views), size)
    marker = _marker(folder, 0)
    if not marker.exists():
        into = {
            field.name: np.load(folder / f"{field.name}.npy", mmap_mode="r+")
            for field in fields(LabelledViews)
        }
        for name, values in into.items():
            whole = getattr(views, name)
            for row in range(len(views)):
                values[row] = _shrunk(whole[row], values.shape[1:3], name)
            values.flush()
        marker.touch()
    return LabelledViews.load(folder)


def _shrunk(values: NDArray[Any], shape: tuple[int, ...], name: str) -> NDArray[Any]:
    if not shape or values.ndim < 2:
        return values
    if name == "color":
        return cv2.resize(values, shape, interpolation=cv2.INTER_AREA)
    # Nearest: a mean of two heights, or of two kinds, is one that nothing has.
    rows, columns = (np.arange(shape[0]) * values.shape[axis] // shape[0] for axis in (0, 1))
    return values[np.ix_(rows, columns)]


@dataclass(frozen=True)
class _Plan:
    """What is rendered; the arguments of `render_views`."""

    folder: Path
    split: Split
    seed: int
    size: int
    twins: bool
    scenes: int


def _allocate(folder: Path, count: int, size: int) -> None:
    """One file for each field of LabelledViews, which may be larger than the memory."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = map_cells_along(size)
    layout: dict[str, tuple[tuple[int, ...], type]] = {
        "color": ((count, size, size, 3), np.uint8),
        "height_m": ((count, size, size), np.float16),
        "item": ((count, size, size), np.uint8),
        "width_m": ((count,), np.float32),
        "kinds": ((count, cells, cells), np.uint8),
        "place_m": ((count, cells, cells, 3), np.float16),
        "damaged": ((count,), np.bool_),
        "product": ((count,), np.int32),
        "scene": ((count,), np.int32),
    }
    for name, (shape, kind) in layout.items():
        path = folder / f"{name}.npy"
        if not path.exists():
            open_memmap(path, "w+", kind, shape)
            with path.open("r+b") as file:
                # A disk that is too small says so here, not while a worker writes.
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        elif (found := np.load(path, mmap_mode="r").shape) != shape:
            raise ValueError(
                f"{path} holds views of another configuration, {found} instead of {shape}: "
                "delete the folder, or name another one"
            )


def _marker(folder: Path, start: int) -> Path:
    return folder / f"{start:07d}.done"


def _set_up(prints: Path | None, grounds: Path | None) -> None:
    cv2.setNumThreads(1)
    use(prints, grounds)


def _render_chunk(job: tuple[_Plan, int, int]) -> int:
    plan, start, count = job
    rows: list[Row] = []
    each = 2 if plan.twins else 1
    for scene in range(start // each, (start + count) // each):
        number = scene // plan.scenes
        product = sample_product(plan.split, generator(plan.split, "shown", plan.seed, number))
        seed = plan.seed + scene * each
        damaged = True if plan.twins else None
        sample = sample_view(plan.split, seed, plan.size, damaged=damaged, product=product)
        rows.append(_labelled(sample, plan.size, seed, number, scene))
        if plan.twins and sample.twin is not None:
            rows.append(_labelled(sample.twin, plan.size, seed, number, scene))
    for name, values in vars(stacked(rows)).items():
        whole = np.load(plan.folder / f"{name}.npy", mmap_mode="r+")
        whole[start : start + count] = values
        whole.flush()
    _marker(plan.folder, start).touch()
    return count


def _labelled(sample: LabelledView, size: int, seed: int, product: int, scene: int) -> Row:
    view = _view_of_target(sample, size, seed)
    place = view.window.cut(sample.surface_m, np.nan)
    place = cv2.resize(place, (size, size), interpolation=cv2.INTER_NEAREST)
    middle = MAP_STRIDE // 2
    return labelled_row(view, sample.kinds, sample.truth.damaged) | {
        "place_m": np.asarray(place[middle::MAP_STRIDE, middle::MAP_STRIDE], np.float16),
        "product": np.int32(product),
        "scene": np.int32(scene),
    }


def labelled_row(view: View, codes: NDArray[np.uint8], damaged: bool) -> Row:
    """One row of LabelledViews, of an unknown product; codes (H, W) of the whole image."""
    size = len(view.item)
    kinds = view.window.cut(codes, 0)
    cells = map_cells_along(size)
    kinds = np.asarray(cv2.resize(kinds, (size, size), interpolation=cv2.INTER_NEAREST), np.uint8)
    return {
        "color": view.color,
        "height_m": view.height_m.astype(np.float16),
        "item": view.item,
        "width_m": np.float32(view.width_m),
        "kinds": coarse(kinds),
        "place_m": np.full((cells, cells, 3), np.nan, np.float16),
        "damaged": np.bool_(damaged),
        "product": np.int32(-1),
        "scene": np.int32(-1),
    }


def coarse(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(M, M) of (S, S) codes; the largest wins a cell, so that a thin tear is not lost."""
    cells = map_cells_along(len(codes))
    whole: NDArray[np.uint8] = codes.reshape(cells, MAP_STRIDE, cells, MAP_STRIDE).max(axis=(1, 3))
    return whole


def stacked(rows: Sequence[Row]) -> LabelledViews:
    """Rows as one."""
    return LabelledViews(**{name: np.stack([row[name] for row in rows]) for name in rows[0]})


def _view_of_target(sample: LabelledView, size: int, seed: int) -> View:
    """The view of the labelled item, found as in production, with the plane known or fitted.

    Where the finder misses it, the true outline stands in: the network has to answer there too.
    """
    target = sample.items == 1
    true_plane = Plane(sample.normal, sample.offset_m)
    for plane in (None, true_plane) if seed // 2 % 2 else (true_plane,):
        try:
            found = cut_items(sample.frame, Station(plane=plane), size)
        except StationError:
            continue
        best = max(found, key=lambda entry: _overlap(entry[0].mask, target), default=None)
        if best is not None and _overlap(best[0].mask, target) >= MIN_OVERLAP:
            return best[1]
    item = item_of(sample.frame, target)
    height = None
    if sample.frame.depth_m is not None:
        height = true_plane.height(sample.frame.depth_m, sample.frame.camera)
    return cut_view(sample.frame, item, height, size)


def item_of(frame: Frame, mask: NDArray[np.bool_]) -> Item:
    """The item whose outline in ``frame`` is known: (H, W) ``mask``."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    depth = frame.depth_m
    read = mask & (depth > 0) if depth is not None else np.zeros_like(mask)
    centroid = None
    if depth is not None and read.any():
        points = frame.camera.rays[read] * depth[read][:, None]
        centroid = points.mean(axis=0).astype(np.float64)
    share = float(read.sum() / max(1, mask.sum()))
    return Item(mask, (x, y, width, height), centroid, share, False)


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))
