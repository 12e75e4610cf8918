"""A sheet of paper in millimetres, and what a report puts on it: figures, tables, charts, pictures.

Matplotlib draws it: it writes PDF with its fonts embedded, and evaluations use it anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from damage_perception.records.item_record import RecordError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A4, upright.
WIDTH_MM: Final = 210.0
HEIGHT_MM: Final = 297.0
INK: Final = "#16202b"
QUIET: Final = "#5b6875"
LINE: Final = "#d5dce4"
PAPER: Final = "#f3f6f9"
# By outcome; in grey print, too, they are apart.
COLORS: Final[Mapping[str, str]] = {
    "items": "#b4c0cd",
    "confirmed": "#c5362c",
    "false_alarms": "#f0b323",
    "unjudged": "#8d9aa9",
    "unknown": "#2c78b8",
    "good": "#2f9e5b",
}
_MM_PER_INCH: Final = 25.4
_ROW_MM: Final = 4.3
_BETWEEN_MM: Final = 2.2
_HEAD_SIZE: Final = 5.7
_CELL_SIZE: Final = 7.0
_DPI: Final = 100


@dataclass(frozen=True)
class Table:
    """A table with a title; the first column is at the left, the others at the right of theirs.

    beside  the title, smaller
    empty   in place of rows where there are none
    """

    title: str
    beside: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str


@dataclass(frozen=True)
class Series:
    """Counts of one outcome, stacked upon those of the series before."""

    outcome: str
    name: str
    counts: Sequence[int]


class Sheet:
    """An A4 sheet; places are millimetres from its upper left corner.

    Raises RecordError where matplotlib is missing.
    """

    def __init__(self) -> None:
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError as error:
            raise RecordError("a report needs the package matplotlib: pip install it") from error
        size = (WIDTH_MM / _MM_PER_INCH, HEIGHT_MM / _MM_PER_INCH)
        # Without pyplot no window system is looked for, and threads do not share a figure.
        self._figure = Figure(figsize=size, dpi=_DPI)
        canvas: Any = FigureCanvasAgg(self._figure)
        self._renderer = canvas.get_renderer()

    def pdf(self, title: str) -> bytes:
        """The sheet as a PDF file."""
        import matplotlib

        stream = BytesIO()
        metadata = {"Title": title, "Creator": "damage_perception"}
        # TrueType, so that its text can be searched and copied.
        with matplotlib.rc_context({"pdf.fonttype": 42}):
            self._figure.savefig(stream, format="pdf", metadata=metadata, dpi=200)
        return stream.getvalue()

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 7.5,
        color: str = INK,
        bold: bool = False,
        align: Literal["left", "center", "right"] = "left",
        width: float | None = None,
    ) -> float:
        """A line of text on the baseline ``y``, cut to ``width``; how wide it is."""
        while width is not None and len(text) > 1 and self.measure(text, size, bold) > width:
            text = f"{text.removesuffix('…')[:-1].rstrip()}…"
        self._figure.text(
            x / WIDTH_MM,
            1 - y / HEIGHT_MM,
            text,
            size=size,
            color=color,
            weight="bold" if bold else "normal",
            ha=align,
            va="baseline",
            # A name may hold a dollar sign.
            parse_math=False,
        )
        return self.measure(text, size, bold)

    def measure(self, text: str, size: float, bold: bool = False) -> float:
        """How wide a line of text is."""
        from matplotlib.font_manager import FontProperties

        font = FontProperties(size=size, weight="bold" if bold else "normal")
        width, _, _ = self._renderer.get_text_width_height_descent(text, font, ismath=False)
        return float(width) / _DPI * _MM_PER_INCH

    def box(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """A filled rectangle."""
        from matplotlib.patches import Rectangle

        corner = (x / WIDTH_MM, 1 - (y + height) / HEIGHT_MM)
        size = (width / WIDTH_MM, height / HEIGHT_MM)
        self._figure.add_artist(Rectangle(corner, *size, facecolor=color, linewidth=0, zorder=0))

    def figure(
        self, x: float, y: float, width: float, words: tuple[str, str, str], color: str
    ) -> None:
        """A big figure 21 mm high: its name, the figure, and a line below."""
        self.box(x, y, width, 21, PAPER)
        self.box(x, y, 1.2, 21, color)
        name, value, below = words
        inner = width - 4.5
        self.text(x + 3, y + 4.8, name, 7, QUIET, width=inner)
        size = 18 if len(value) < 7 else 14 if len(value) < 9 else 12
        self.text(x + 3, y + 13.2, value, size, bold=True, width=inner)
        self.text(x + 3, y + 18.2, below, 6.2, QUIET, width=inner)

    def table(self, x: float, y: float, width: float, table: Table) -> None:
        """A table with lines between its rows."""
        titled = self.text(x, y + 3, table.title, 8.5, bold=True)
        self.text(x + titled + 2, y + 3, table.beside, 6.2, QUIET, width=width - titled - 2)
        if not table.rows:
            self.text(x, y + 9, table.empty, 7, QUIET, width=width)
            return
        lines = [(_HEAD_SIZE, QUIET, table.heads), *((_CELL_SIZE, INK, row) for row in table.rows)]
        widths = [
            max(self.measure(cells[column], size) for size, _, cells in lines) + _BETWEEN_MM
            for column in range(1, len(table.heads))
        ]
        for number, (size, color, cells) in enumerate(lines):
            line, end = y + 8 + number * _ROW_MM, x + width
            for cell, taken in zip(reversed(cells[1:]), reversed(widths), strict=True):
                self.text(end, line, cell, size, color, align="right")
                end -= taken
            # What the other columns leave is for the names.
            self.text(x, line, cells[0], size, color, width=end - x)
            self.box(x, line + 1.3, width, 0.15, LINE)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes of that outer size without a frame but at the bottom."""
        axes = self._figure.add_axes(
            (x / WIDTH_MM, 1 - (y + height) / HEIGHT_MM, width / WIDTH_MM, height / HEIGHT_MM)
        )
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(QUIET)
        axes.tick_params(length=0, labelsize=6.2, labelcolor=QUIET, pad=2)
        axes.set_axisbelow(True)
        axes.grid(axis="y", color=LINE, linewidth=0.5)
        return axes

    def columns(self, axes: Axes, series: Sequence[Series], labels: Mapping[int, str]) -> None:
        """Stacked columns; ``labels`` by their numbers."""
        from matplotlib.collections import PolyCollection
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        from damage_perception.records.number_words import thousands

        count = len(series[0].counts)
        below = np.zeros(count)
        left = np.arange(count) - 0.41
        for one in series:
            above = below + np.array(one.counts, float)
            x = np.stack((left, left, left + 0.82, left + 0.82), axis=1)
            y = np.stack((below, above, above, below), axis=1)
            # One artist: a year has hundreds of columns.
            boxes = PolyCollection(list(np.stack((x, y), axis=2)), facecolor=COLORS[one.outcome])
            axes.add_collection(boxes, autolim=False)
            below = above
        axes.set_xlim(-0.5, count - 0.5)
        axes.set_ylim(0, max(1.0, 1.08 * float(below.max())))
        axes.set_xticks(list(labels), list(labels.values()))
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: thousands(int(value))))

    def picture(
        self, x: float, y: float, width: float, height: float, image: NDArray[np.uint8]
    ) -> None:
        """An RGB picture, as large as it goes in."""
        self.box(x, y, width, height, PAPER)
        axes = self.axes(x, y, width, height)
        axes.imshow(image, interpolation="antialiased")
        axes.axis("off")
