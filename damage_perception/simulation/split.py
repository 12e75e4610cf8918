"""Train, validation and test worlds that share no product and no family of appearance.

Two barriers: the split enters every seed, so no product, scene or sensor is drawn twice; and the
discrete choices (artwork styles, fonts, outlines of damage, grounds, sensors) are partitioned, so
the test split shows what training never showed.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import cv2
import numpy as np


class Split(Enum):
    """Which world is drawn from; validation shares the families of train, not its products."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


_ENTROPY: Final = {Split.TRAIN: 11_400_714, Split.VALIDATION: 22_801_763, Split.TEST: 35_742_989}

# subject: (families of train and validation, families of test)
_PARTITION: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "artwork": (
        ("gradient", "shapes", "stripes", "photo", "panels", "plain"),
        ("rings", "tiles", "waves", "split"),
    ),
    "outline": (("harmonics", "polygon", "star", "slit"), ("walk", "lobes", "gash")),
    "ground": (
        (
            *("wood", "grey", "belt", "red", "blue", "dirty", "speckle", "white"),
            *("tiles", "rollers", "marble", "studs"),
        ),
        ("woven", "perforated", "black", "cardboard", "steel"),
    ),
    "sensor": (
        (
            "structured_light_short",
            "structured_light_mid",
            "stereo_active",
            "stereo_passive",
            "tof",
            "fused",
        ),
        ("structured_light_fine", "stereo_wide", "tof_coarse"),
    ),
    "stain": (
        ("coffee", "oil", "paint", "juice", "flour", "soil", "milk", "detergent", "lemonade"),
        ("water", "ketchup", "sugar"),
    ),
    "font": (
        (str(cv2.FONT_HERSHEY_SIMPLEX), str(cv2.FONT_HERSHEY_DUPLEX), str(cv2.FONT_HERSHEY_PLAIN)),
        (str(cv2.FONT_HERSHEY_COMPLEX), str(cv2.FONT_HERSHEY_TRIPLEX)),
    ),
}

SUBJECTS: Final[tuple[str, ...]] = tuple(_PARTITION)


def families(split: Split, subject: str) -> tuple[str, ...]:
    """The families of a subject that a split may draw from."""
    known, held_out = _PARTITION[subject]
    return held_out if split is Split.TEST else known


def generator(split: Split, subject: str, *numbers: int) -> np.random.Generator:
    """A random generator for one subject ("product", "view", ...) of one split, by its numbers."""
    name = int.from_bytes(subject.encode()[:8], "little")
    return np.random.default_rng(np.random.SeedSequence([_ENTROPY[split], name, *numbers]))


def choose(split: Split, subject: str, rng: np.random.Generator) -> str:
    """Draw one family of a subject."""
    return str(rng.choice(families(split, subject)))
