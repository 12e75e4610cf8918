"""What a model takes and gives: names, types and shapes of its two graphs, and what a card says.

The damage network judges views; the comparer holds the cells of one view against those of its
references. A view is a square of S x S pixels, over which the network lays two grids: maps of M x M
cells and dense embeddings of G x G cells. The kinds of damage are those of `kinds`.

Training, export, sessions, galleries and tests read all of this here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import NDArray

from damage_perception.kinds import KINDS

# The deepest layers see one pixel in so many along each side.
VIEW_STEP: Final = 64
# Below, products are seen at less than the size at which telling them apart is learned; above, a
# pass takes more than four times as long as at 320 pixels.
SMALLEST_VIEW: Final = 192
LARGEST_VIEW: Final = 640
# Pixels of a view along one cell of the maps, and of the dense embeddings.
MAP_STRIDE: Final = 4
CELL_STRIDE: Final = 16
# Of the dense embeddings: first what the comparer takes, of which the first say which part of the
# product a cell shows; then what the colour encoder sees there.
PART_CHANNELS: Final = 48
COMPARED_CHANNELS: Final = 128
SEEN_CHANNELS: Final = 128
CELL_CHANNELS: Final = COMPARED_CHANNELS + SEEN_CHANNELS
# What the metric makes of all of them: distances of cells are taken there.
LOOK_CHANNELS: Final = 64
DESCRIPTOR_CHANNELS: Final = 128
# Of one pass on a GPU; more are taken in several.
MOST_VIEWS: Final = 16
# Cells of the references that a view is compared with: of eight at 320 pixels three quarters. A
# comparison takes as long as there are cells: 4 ms there, and longer at 640 pixels.
MOST_REFERENCE_CELLS: Final = 1200

COLOR: Final = "color"
HEIGHT_M: Final = "height_m"
ITEM: Final = "item"
WIDTH_M: Final = "width_m"

MAPS: Final = "maps"
ITEM_LOGIT: Final = "item_logit"
KIND_LOGITS: Final = "kind_logits"
CELLS: Final = "cells"
DESCRIPTOR: Final = "descriptor"

VIEW: Final = "view"
REFERENCES: Final = "references"
SAME_LOGIT: Final = "same_logit"
CHANGE: Final = "change"
MISSING: Final = "missing"

# Dimensions that a view's size or a model's kinds settle; other letters stand for any number.
_SIDE: Final = "S"
_MAP_SIDE: Final = f"S/{MAP_STRIDE}"
_CELL_SIDE: Final = f"S/{CELL_STRIDE}"
_KINDS: Final = "kinds"

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Array:
    """An input or output of a graph.

    dtype       NumPy type name
    dimensions  sizes, or what they are called
    meaning     for people; empty where the name says it
    """

    dtype: str
    dimensions: tuple[int | str, ...]
    meaning: str = ""

    def shape(self, view_size: int, kinds: int = len(KINDS)) -> Shape:
        """For views of ``view_size`` pixels and a model of so many kinds; None: any number."""
        sizes = {
            _SIDE: view_size,
            _MAP_SIDE: map_cells_along(view_size),
            _CELL_SIDE: cells_along(view_size),
            _KINDS: kinds,
        }
        return tuple(n if isinstance(n, int) else sizes.get(n) for n in self.dimensions)

    def __str__(self) -> str:
        """As it stands in a model card."""
        comma = "," if len(self.dimensions) == 1 else ""
        text = f"{self.dtype} ({', '.join(map(str, self.dimensions))}{comma})"
        return f"{text}, {self.meaning}" if self.meaning else text


# Of the damage network, by name and in the order of the graph.
INPUTS: Final[Mapping[str, Array]] = {
    COLOR: Array("uint8", ("N", _SIDE, _SIDE, 3), "RGB"),
    HEIGHT_M: Array(
        "float32", ("N", _SIDE, _SIDE), "metres above the station plane, -10 where unknown"
    ),
    ITEM: Array("uint8", ("N", _SIDE, _SIDE), "1 on the item"),
    WIDTH_M: Array("float32", ("N",), "metres the view spans at the item, 0 where unknown"),
}
OUTPUTS: Final[Mapping[str, Array]] = {
    MAPS: Array("float32", ("N", _KINDS, _MAP_SIDE, _MAP_SIDE), "0..1"),
    ITEM_LOGIT: Array("float32", ("N",), "before calibration"),
    KIND_LOGITS: Array("float32", ("N", _KINDS)),
}
# Further outputs, of a model that compares.
EMBEDDINGS: Final[Mapping[str, Array]] = {
    CELLS: Array("float32", ("N", _CELL_SIDE, _CELL_SIDE, CELL_CHANNELS), "dense embeddings"),
    DESCRIPTOR: Array("float32", ("N", DESCRIPTOR_CHANNELS), "unit vectors"),
}
# Of the comparer.
COMPARER_INPUTS: Final[Mapping[str, Array]] = {
    VIEW: Array("float32", ("n", COMPARED_CHANNELS), "cells of a view that lie on the item"),
    REFERENCES: Array("float32", ("K", COMPARED_CHANNELS), "cells of its references"),
}
COMPARER_OUTPUTS: Final[Mapping[str, Array]] = {
    ITEM_LOGIT: Array("float32", (1,), "before calibration"),
    SAME_LOGIT: Array("float32", (1,), "view and references are of one product"),
    CHANGE: Array("float32", ("n",), "0..1, the cell differs from what it should look like"),
    MISSING: Array("float32", ("K",), "0..1, the cell has no match in the view"),
}


def check_view_size(size: Any) -> None:
    """Raises ValueError naming the bounds where views of ``size`` pixels are not to be had."""
    whole = isinstance(size, int) and size % VIEW_STEP == 0
    if not whole or not SMALLEST_VIEW <= size <= LARGEST_VIEW:
        raise ValueError(
            f"view_size is {size!r}; expected a multiple of {VIEW_STEP} from {SMALLEST_VIEW} to "
            f"{LARGEST_VIEW}"
        )


def map_cells_along(view_size: int) -> int:
    """M, the cells of the maps along one side of a view."""
    return view_size // MAP_STRIDE


def cells_along(view_size: int) -> int:
    """G, the cells of the dense embeddings along one side of a view."""
    return view_size // CELL_STRIDE


def most_compared(view_size: int) -> dict[str, int]:
    """Greatest number of cells of each input of the comparer, of views of that size in pixels."""
    return {VIEW: cells_along(view_size) ** 2, REFERENCES: MOST_REFERENCE_CELLS}


def card_sections(view_size: int) -> dict[str, Any]:
    """The sections of a model card that say what both graphs take and give."""

    def texts(arrays: Mapping[str, Array]) -> dict[str, str]:
        return {name: str(array) for name, array in arrays.items()}

    return {
        "kinds": list(KINDS),
        "input": {"view_size": view_size, **texts(INPUTS)},
        "output": texts({**OUTPUTS, **EMBEDDINGS}),
        "comparer_input": texts(COMPARER_INPUTS),
        "comparer_output": texts(COMPARER_OUTPUTS),
    }


def input_problem(
    found: Mapping[str, tuple[str, Shape]], arrays: Mapping[str, Array], view_size: int
) -> str:
    """How the inputs of a graph differ from ``arrays``; empty where they do not.

    found  by name: NumPy type name and shape, None where any size goes
    """
    expected = {name: (array.dtype, array.shape(view_size)) for name, array in arrays.items()}
    return "" if found == expected else f"takes the inputs {dict(found)}; expected {expected}"


def output_problem(
    found: Mapping[str, NDArray[Any]], arrays: Mapping[str, Array], view_size: int, kinds: int
) -> str:
    """The first of ``arrays`` that a pass did not give in its shape; empty where there is none.

    kinds  that the model's card names
    """
    for name, array in arrays.items():
        shape = array.shape(view_size, kinds)
        given = found[name].shape
        fits = len(given) == len(shape) and all(
            size in (None, along) for size, along in zip(shape, given, strict=True)
        )
        if not fits:
            return f"gives {name} as {given}; expected {shape}"
    return ""
