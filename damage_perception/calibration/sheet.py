"""The board as a PDF in true scale, with a ruler that shows whether the printer kept it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from damage_perception.calibration.board import Board

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RULER_MM: Final = 100
_INCH_MM: Final = 25.4
# Black rectangles side by side overlap so much, or viewers show white seams between them.
_SEAM_MM: Final = 0.01
_GREY: Final = "0.35"


def write_sheet(board: Board, path: Path) -> None:
    """Writes one page of the size of the paper, all in vectors.

    Raises DatasetError where OpenCV comes without ArUco.
    """
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.collections import PatchCollection
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    width, height = board.size_mm
    figure = Figure(figsize=(width / _INCH_MM, height / _INCH_MM))
    FigureCanvasPdf(figure)
    # Millimetres from the middle of the sheet, over the whole of it.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-width / 2, width / 2), ylim=(-height / 2, height / 2))
    axes.set_axis_off()
    black = 1000 * board.black_m
    markers = black[:, 2] < 1000 * board.square_m - _SEAM_MM
    black[markers] += _SEAM_MM / 2 * np.array([-1, -1, 2, 2])
    patches = [Rectangle((x, y), across, up) for x, y, across, up in black]
    axes.add_collection(PatchCollection(patches, facecolor="black", linewidth=0))
    bottom = -500 * board.rows * board.square_m
    left = -500 * board.columns * board.square_m
    _draw_ruler(axes, left, bottom - 6)
    axes.text(
        left + RULER_MM + 12,
        bottom - 6,
        f"{board.paper.upper()} board: {board.columns} x {board.rows} squares of "
        f"{1000 * board.square_m:g} mm, markers {1000 * board.marker_m:g} mm, {board.dictionary}\n"
        "Print at 100 %, without fitting to the page. Glue it flat onto a stiff plate.",
        fontsize=7,
        color=_GREY,
        va="center",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="pdf", metadata={"CreationDate": None})


def _draw_ruler(axes: Axes, x: float, y: float) -> None:
    """100 mm from ``x`` to the right."""
    for mm in range(RULER_MM + 1):
        up = 4.0 if mm % 10 == 0 else 3.0 if mm % 5 == 0 else 2.0
        axes.plot((x + mm, x + mm), (y, y + up), color="black", linewidth=0.3)
    axes.plot((x, x + RULER_MM), (y, y), color="black", linewidth=0.3, solid_capstyle="butt")
    for mm in (0, 50, RULER_MM):
        axes.text(x + mm, y - 1, f"{mm}", fontsize=6, ha="center", va="top")
    axes.text(x + RULER_MM + 4, y - 1, "mm", fontsize=6, ha="left", va="top")
