"""Small image folders for tests: a textured box on a plane, seen from above."""

import csv
import json

import cv2
import numpy as np

WIDTH, HEIGHT = 320, 240
CAMERA = {
    "width": WIDTH,
    "height": HEIGHT,
    "fx": 300.0,
    "fy": 300.0,
    "cx": 159.5,
    "cy": 119.5,
    "depth_unit_m": 0.001,
}
LABELS = ("name", "sku", "role", "damaged", "kind")


def box_scene(*boxes, seed=0):
    """RGB (H, W, 3) and depth in millimetres (H, W) of boxes x, y, width, height, 10 cm high."""
    rng = np.random.default_rng(seed)
    color = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    depth = np.full((HEIGHT, WIDTH), 800, np.uint16)
    for x, y, width, height in boxes:
        color[y : y + height, x : x + width] = rng.integers(40, 220, (height, width, 3))
        depth[y : y + height, x : x + width] = 700
    return color, depth


def write_camera(folder, **changes):
    (folder / "camera.json").write_text(json.dumps(CAMERA | changes))


def write_image(folder, name, color, depth=None, suffix=".png", **labels):
    """Writes an image, its depth, and the label images given by name (mask, items)."""
    cv2.imwrite(str(folder / f"{name}_color{suffix}"), color[..., ::-1])
    if depth is not None:
        cv2.imwrite(str(folder / f"{name}_depth.png"), depth)
    for what, image in labels.items():
        cv2.imwrite(str(folder / f"{name}_{what}.png"), image)


def write_labels(folder, *rows, columns=LABELS):
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows((columns, *rows))


def write_folder(folder, *names, box=(110, 80, 90, 70)):
    """A folder of box scenes with depth and without labels."""
    folder.mkdir(parents=True, exist_ok=True)
    write_camera(folder)
    for seed, name in enumerate(names):
        write_image(folder, name, *box_scene(box, seed=seed))
    return folder
