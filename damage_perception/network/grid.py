"""The sizes of a view, and the grids that the network lays over it.

A view is a square of S x S pixels. Maps have S/4 x S/4 cells, dense embeddings S/16 x S/16.
"""

from __future__ import annotations

from typing import Any, Final

# The deepest layers see one pixel in so many along each side.
VIEW_STEP: Final = 64
# Below, products are seen at less than the size at which telling them apart is learned; above, a
# pass takes more than four times as long as at 320 pixels.
SMALLEST_VIEW: Final = 192
LARGEST_VIEW: Final = 640
# Pixels of a view along one cell of the maps, and of the dense embeddings.
MAP_STRIDE: Final = 4
CELL_STRIDE: Final = 16


def check_view_size(size: Any) -> None:
    """Raises ValueError naming the bounds where views of ``size`` pixels are not to be had."""
    whole = isinstance(size, int) and size % VIEW_STEP == 0
    if not whole or not SMALLEST_VIEW <= size <= LARGEST_VIEW:
        raise ValueError(
            f"view_size is {size!r}; expected a multiple of {VIEW_STEP} from {SMALLEST_VIEW} to "
            f"{LARGEST_VIEW}"
        )


def cells_along(view_size: int) -> int:
    """Cells of the dense embeddings along one side of a view."""
    return view_size // CELL_STRIDE
