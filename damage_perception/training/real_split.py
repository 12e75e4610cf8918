"""The real recordings' split by object and by scene: what validates and is never trained on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

# How a set says which object a picture shows; each set says it in one of these ways.
_WAYS = ("pictures", "pattern", "scene")


@dataclass(frozen=True)
class _RealSet:
    """One set of recordings.

    held_out  names of the objects that are never trained on
    pictures  the object of each picture, where the pictures are listed
    pattern   takes the object out of a picture's name: its one group
    scene     the one object that all pictures show
    """

    held_out: frozenset[str]
    pictures: Mapping[str, str] | None = None
    pattern: re.Pattern[str] | None = None
    scene: str | None = None

    def object_of(self, name: str) -> str | None:
        """The object that a picture shows; None where the set does not know the picture."""
        if self.pictures is not None:
            return self.pictures.get(name)
        if self.pattern is not None:
            match = self.pattern.fullmatch(name)
            return match[1] if match else None
        return self.scene


@dataclass(frozen=True)
class RealSplit:
    """Which object or scene a real picture shows, and whether it is held out of training.

    A picture's name is its file's stem without ``_color``, as in an image folder's labels.csv.
    Pictures of one object are never on both sides.

    Example:
        >>> split = RealSplit.load(Path("config/real_split.yaml"))
        >>> split.object_of("groceries", "train_Milk_Arla-Standard-Milk_Arla-Standard-Milk_001")
        'Arla-Standard-Milk'
        >>> split.held_out("mosd", "learn02")
        True
    """

    path: Path
    sets: Mapping[str, _RealSet]

    @staticmethod
    def load(path: Path) -> RealSplit:
        """Reads a split. Raises ValueError naming the set and what is wrong with it."""
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not isinstance(content.get("sets"), dict):
            raise ValueError(f"{path}: expected a mapping with a mapping `sets`")
        return RealSplit(
            path,
            {name: _real_set(entry, f"{path}: {name}") for name, entry in content["sets"].items()},
        )

    def object_of(self, dataset: str, name: str) -> str:
        """The object or scene that a picture shows. Raises KeyError where it is not known."""
        if dataset not in self.sets:
            raise KeyError(f"{self.path} has no set {dataset}; it has {', '.join(self.sets)}")
        shown = self.sets[dataset].object_of(name)
        if shown is None:
            raise KeyError(
                f"{self.path} does not say which object {name} of {dataset} shows; expected a "
                f"file's stem without _color, or add the picture to the file"
            )
        return shown

    def held_out(self, dataset: str, name: str) -> bool:
        """Whether a picture is for validation only. Raises KeyError where it is not known."""
        return self.object_of(dataset, name) in self.sets[dataset].held_out


def folds(shown: Sequence[str] | NDArray[np.str_], k: int) -> NDArray[np.int64]:
    """The fold of each picture, 0 to k - 1, for leaving objects out in turn: (N,) int64.

    shown  the object of each picture

    All pictures of one object are in one fold. The folds hold about as many pictures each: the
    objects go, the largest first, to the fold that is smallest so far.

    Raises ValueError where there are fewer than k objects.
    """
    objects, index, counts = np.unique(shown, return_inverse=True, return_counts=True)
    if not 2 <= k <= len(objects):
        raise ValueError(f"{k} folds of {len(objects)} objects; expected 2 to {len(objects)}")
    fold_of = np.zeros(len(objects), np.int64)
    sizes = np.zeros(k, np.int64)
    for item in np.argsort(-counts, kind="stable"):
        fold_of[item] = sizes.argmin()
        sizes[fold_of[item]] += counts[item]
    return fold_of[index]


def _real_set(entry: Any, where: str) -> _RealSet:
    if not isinstance(entry, dict) or not isinstance(entry.get("held_out"), list):
        raise ValueError(f"{where}: expected a mapping with a list `held_out`")
    ways = sorted(set(entry) - {"held_out"})
    if len(ways) != 1 or ways[0] not in _WAYS:
        raise ValueError(
            f"{where}: expected `held_out` and one of {', '.join(_WAYS)}; found {ways}"
        )
    held_out = frozenset(entry["held_out"])
    if ways == ["pattern"]:
        pattern = re.compile(entry["pattern"])
        if pattern.groups != 1:
            raise ValueError(f"{where}: expected `pattern` with one group, the object")
        return _RealSet(held_out, pattern=pattern)
    objects = entry["pictures"] if ways == ["pictures"] else {entry["scene"]: []}
    if unknown := held_out - set(objects):
        raise ValueError(f"{where}: `held_out` names unknown {', '.join(sorted(unknown))}")
    if ways == ["scene"]:
        return _RealSet(held_out, scene=entry["scene"])
    pictures: dict[str, str] = {}
    for shown, names in objects.items():
        for name in names:
            if name in pictures:
                raise ValueError(f"{where}: {name} shows both {pictures[name]} and {shown}")
            pictures[name] = shown
    return _RealSet(held_out, pictures=pictures)
