"""Simulated, labelled data sets in the image-folder format."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2

from damage_perception.dataset import QUERY, REFERENCE
from damage_perception.frame import CameraModel
from damage_perception.kinds import NONE
from damage_perception.simulation.damage.actions import APPLICABLE
from damage_perception.simulation.image_folder import Row, write_image, write_tables
from damage_perception.simulation.labelled_view import LabelledView, sample_image
from damage_perception.simulation.packaging.product import sample_product, sample_station_product
from damage_perception.simulation.rendering.camera import cell_camera
from damage_perception.simulation.split import Split, generator

_COLUMNS = ("name", "sku", "role", "damaged", "kind", "form", "printed_decoy", "severity", "sensor")
_CAMERA = cell_camera(640, 480)
# Items are not all of one size in the image: from so much less to so much more.
_FILL_SPREAD = 0.15


@dataclass(frozen=True)
class _Plan:
    """What is written of each product; the arguments of `simulate`."""

    out_dir: Path
    items: int
    seed: int
    split: Split
    damaged_share: float
    items_per_product: int
    references_per_product: int
    camera: CameraModel
    fill_px: float | None
    decoys: bool


def simulate(
    out_dir: Path,
    items: int,
    seed: int,
    split: Split = Split.TEST,
    *,
    damaged_share: float = 0.4,
    items_per_product: int = 4,
    references_per_product: int = 0,
    camera: CameraModel = _CAMERA,
    fill_px: float | None = None,
    decoys: bool = False,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write ``items`` query images, and references of their products, into a folder.

    For every image: NAME_color.png, NAME_depth.png (uint16 in units of 0.5 mm, 0 = no reading),
    NAME_mask.png (codes of the kinds of damage) and NAME_items.png (1 the labelled item, 2 and
    more its neighbours); for all: camera.json and labels.csv. Every image depends on seed and
    number alone, whatever the number of ``workers``. ``fill_px`` is about how many pixels the
    items span in the image, which then are of a size for one station; None: their size and the
    camera's distance are drawn. ``decoys``: all products bear a printed picture of damage.
    ``progress`` is called with the images done and the images in all.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    plan = _Plan(
        out_dir,
        items,
        seed,
        split,
        damaged_share,
        items_per_product,
        references_per_product,
        camera,
        fill_px,
        decoys,
    )
    products = -(-items // items_per_product)
    total = items + products * references_per_product
    rows: list[Row] = []
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for written in pool.imap(partial(_write_product, plan), range(products)):
            rows += written
            if progress is not None:
                progress(len(rows), total)
    write_tables(out_dir, _COLUMNS, rows, camera)


def _write_product(plan: _Plan, number: int) -> list[Row]:
    # The processes share the cores between them.
    cv2.setNumThreads(1)
    rng = generator(plan.split, "dataset", plan.seed, number)
    sample = sample_product if plan.fill_px is None else sample_station_product
    product = sample(plan.split, rng)
    while plan.decoys and not product.printed_decoy:
        product = sample(plan.split, rng)
    rows = []

    def write(name: str, role: str, damaged: bool, kind: str) -> None:
        fill_px = plan.fill_px
        if fill_px is not None:
            fill_px *= float(rng.uniform(1 - _FILL_SPREAD, 1 + _FILL_SPREAD))
        view = sample_image(
            plan.split,
            rng,
            plan.camera,
            product=product,
            damaged=damaged,
            kind=kind,
            fill_px=fill_px,
        )
        write_image(plan.out_dir, name, view.frame, view.kinds, view.items)
        rows.append(_label(name, role, view))

    for index in range(plan.references_per_product):
        write(f"r{number:05d}_{index}", REFERENCE, False, NONE)
    first = number * plan.items_per_product
    for index in range(first, min(first + plan.items_per_product, plan.items)):
        damaged = bool(rng.random() < plan.damaged_share)
        kind = str(rng.choice(APPLICABLE[product.form])) if damaged else NONE
        write(f"q{index:05d}", QUERY, damaged, kind)
    return rows


def _label(name: str, role: str, view: LabelledView) -> Row:
    truth = view.truth
    return (
        name,
        truth.sku,
        role,
        int(truth.damaged),
        truth.kind,
        truth.form,
        int(truth.printed_decoy),
        round(truth.severity, 3),
        view.sensor,
    )
