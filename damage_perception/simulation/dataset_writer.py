"""Simulated, labelled data sets in the image-folder format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from damage_perception.frame import CameraModel
from damage_perception.kinds import NONE
from damage_perception.simulation.damage import APPLICABLE
from damage_perception.simulation.image_folder import Row, write_image, write_tables
from damage_perception.simulation.labelled_view import LabelledView, sample_image
from damage_perception.simulation.product import sample_product
from damage_perception.simulation.split import Split, generator

_COLUMNS = ("name", "sku", "role", "damaged", "kind", "form", "printed_decoy", "severity", "sensor")
_CAMERA = CameraModel(640, 480, 560.0, 560.0, 319.5, 239.5)


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
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write ``items`` query images, and references of their products, into a folder.

    For every image: NAME_color.png, NAME_depth.png (uint16 in units of 0.5 mm, 0 = no reading),
    NAME_mask.png (codes of the kinds of damage) and NAME_items.png (1 the labelled item, 2 and
    more its neighbours); for all: camera.json and labels.csv. Every image depends on seed and
    number alone. ``progress`` is called with the images done and the images in all.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    products = -(-items // items_per_product)
    total = items + products * references_per_product
    rows: list[Row] = []

    def keep(name: str, role: str, view: LabelledView) -> None:
        write_image(out_dir, name, view.frame, view.kinds, view.items)
        rows.append(_label(name, role, view))
        if progress is not None:
            progress(len(rows), total)

    for number in range(products):
        rng = generator(split, "dataset", seed, number)
        product = sample_product(split, rng)
        for index in range(references_per_product):
            view = sample_image(split, rng, camera, product=product, damaged=False)
            keep(f"r{number:05d}_{index}", "reference", view)
        for index in range(
            number * items_per_product, min((number + 1) * items_per_product, items)
        ):
            damaged = bool(rng.random() < damaged_share)
            kind = str(rng.choice(APPLICABLE[product.form])) if damaged else NONE
            view = sample_image(split, rng, camera, product=product, damaged=damaged, kind=kind)
            keep(f"q{index:05d}", "query", view)
    write_tables(out_dir, _COLUMNS, rows, camera)


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
