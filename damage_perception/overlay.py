"""Pictures for people: what was found and decided, drawn onto the image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import ColorImage
from damage_perception.kinds import COLORS as KIND_COLORS
from damage_perception.verdict.picture import Picture
from damage_perception.verdict.regions import Region
from damage_perception.verdict.report import Report, Verdict
from damage_perception.verdict.severity import Severity

Color = tuple[int, int, int]
Box = tuple[int, int, int, int]

VERDICT_COLORS: Final[dict[Verdict, Color]] = {
    Verdict.PASS: (60, 220, 90),
    Verdict.DIVERT: (255, 88, 78),
    Verdict.UNKNOWN: (250, 205, 60),
}

_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_BACKDROP: Final = (24, 24, 24)
_REGION_OPACITY: Final = 0.35
_CELL_WIDTH: Final = 320


def draw_overlay(
    color: ColorImage, pictures: Sequence[Picture], reports: Sequence[Report]
) -> ColorImage:
    """The colour image with each item outlined in the colour of its verdict.

    Regions of damage that this camera saw are filled in the colour of their kind.

    color     (H, W, 3) uint8 RGB, of the pictures
    pictures  of the items
    reports   on them, by index

    Returns a new (H, W, 3) uint8 RGB image.
    """
    image = color.copy()
    pen = _Pen.for_height(image.shape[0])
    pairs = list(zip(pictures, reports, strict=True))
    regions = [r for picture, report in pairs for r in report.regions if r.camera == picture.camera]
    _fill_regions(image, regions, pen)
    for picture, report in pairs:
        ink = VERDICT_COLORS[report.verdict]
        cv2.drawContours(image, picture.outline, -1, _BACKDROP, pen.line + 2, cv2.LINE_AA)
        cv2.drawContours(image, picture.outline, -1, ink, pen.line, cv2.LINE_AA)
    taken: list[Box] = []
    for picture, report in pairs:
        ink = VERDICT_COLORS[report.verdict]
        pen.label(image, verdict_text(report), _box_of(picture), ink, taken, inside=False)
    for region in regions:
        text = f"{region.kind.replace('_', ' ')} {region.confidence:.2f}"
        pen.label(image, text, region.box, KIND_COLORS[region.kind], taken, inside=True)
    return image


def verdict_text(report: Report) -> str:
    """One line: the verdict, the confidence of damage, how bad it is, and reasons."""
    text = report.verdict.name.lower()
    if not np.isnan(report.confidence):
        text += f" {report.confidence:.2f}"
    if report.severity is not Severity.UNKNOWN:
        text += f" {report.severity.name.lower()}"
    if report.verdict is not Verdict.DIVERT and report.reasons:
        text += f" ({', '.join(report.reasons.words()).replace('_', ' ')})"
    return text


def contact_sheet(
    images: Sequence[NDArray[np.uint8]], captions: Sequence[str], columns: int
) -> ColorImage:
    """(H, W, 3) RGB images side by side in ``columns``, each with its caption under it.

    Images of any size are fitted into cells of the first one's proportions. Raises ValueError
    where there is no image or no column, or where captions and images differ in number.
    """
    if not images or columns < 1 or len(images) != len(captions):
        raise ValueError(
            f"{len(images)} images, {len(captions)} captions, {columns} columns; expected as many "
            "captions as images, and at least one image and column"
        )
    columns = min(columns, len(images))
    pen = _Pen(0.42, 1)
    strip = pen.line_height + 6
    cell_height = max(1, round(_CELL_WIDTH * images[0].shape[0] / images[0].shape[1]))
    rows = -(-len(images) // columns)
    sheet = np.full((rows * (cell_height + strip), columns * _CELL_WIDTH, 3), 24, np.uint8)
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        top, left = index // columns * (cell_height + strip), index % columns * _CELL_WIDTH
        small = _fit(image, _CELL_WIDTH - 4, cell_height - 4)
        height, width = small.shape[:2]
        y, x = top + (cell_height - height) // 2, left + (_CELL_WIDTH - width) // 2
        sheet[y : y + height, x : x + width] = small
        text = pen.shorten(caption, _CELL_WIDTH - 12)
        pen.write(sheet, text, (left + 6, top + cell_height + 2), (235, 235, 235))
    return sheet


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes an image, (H, W, 3) RGB or (H, W), as the suffix of ``path`` says. Raises OSError."""
    if image.ndim == 3:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def _box_of(picture: Picture) -> Box:
    """x, y, width, height of an item; empty, at the image's corner, where it was not seen."""
    if not picture.outline:
        return (0, 0, 0, 0)
    x, y, width, height = cv2.boundingRect(np.concatenate(picture.outline))
    return (int(x), int(y), int(width), int(height))


def _fit(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)


def _fill_regions(image: ColorImage, regions: Sequence[Region], pen: _Pen) -> None:
    for region in regions:
        polygon = [np.round(region.polygon).astype(np.int32).reshape(-1, 1, 2)]
        filled = image.copy()
        color = KIND_COLORS[region.kind]
        cv2.fillPoly(filled, polygon, color)
        cv2.addWeighted(filled, _REGION_OPACITY, image, 1 - _REGION_OPACITY, 0, dst=image)
        cv2.polylines(image, polygon, True, color, pen.line, cv2.LINE_AA)


class _Pen:
    """Text and lines of one size."""

    def __init__(self, scale: float, line: int) -> None:
        self.scale = scale
        self.line = line
        self.weight = max(1, round(scale * 1.6))
        (_, height), below = cv2.getTextSize("Agjy", _FONT, scale, self.weight)
        self.ascent, self.line_height = height + 1, height + below + 2

    @staticmethod
    def for_height(height: int) -> _Pen:
        """A pen whose marks can be read where an image of ``height`` is seen as a whole."""
        times = max(1.0, height / 480)
        return _Pen(0.5 * times, round(1.6 * times))

    def width(self, text: str) -> int:
        """Of ``text`` in pixels."""
        return int(cv2.getTextSize(text, _FONT, self.scale, self.weight)[0][0])

    def shorten(self, text: str, width: int) -> str:
        """``text``, its end cut off where it is wider than ``width`` pixels."""
        while len(text) > 1 and self.width(text) > width:
            text = text.removesuffix("...")[:-1] + "..."
            if text == "...":
                break
        return text

    def write(self, image: ColorImage, text: str, corner: tuple[int, int], color: Color) -> None:
        """Writes ``text`` with its upper left at ``corner``."""
        # The fonts of OpenCV hold ASCII only.
        text = text.encode("ascii", "replace").decode()
        origin = (corner[0], corner[1] + self.ascent)
        cv2.putText(image, text, origin, _FONT, self.scale, color, self.weight, cv2.LINE_AA)

    def label(
        self, image: ColorImage, text: str, box: Box, color: Color, taken: list[Box], inside: bool
    ) -> None:
        """Writes ``text`` on a dark strip at ``box``, off the strips ``taken``, which it joins."""
        height, width = image.shape[:2]
        text = self.shorten(text, width - 8)
        wide, high = self.width(text) + 8, self.line_height + 2
        x, y, w, h = box
        left = int(np.clip(x + (w - wide) // 2 if inside else x, 0, max(0, width - wide)))
        tops = (y + h, y - high) if inside else (y - high, y + h, y)
        places = [(left, top) for top in tops]
        places += [(left, top) for top in range(y, height - high, high)]
        place = next(
            (p for p in places if _free((*p, wide, high), taken, height)),
            (left, int(np.clip(y, 0, max(0, height - high)))),
        )
        taken.append((*place, wide, high))
        strip = image[place[1] : place[1] + high, place[0] : place[0] + wide]
        strip[:] = strip // 5 + np.array(_BACKDROP, np.uint8) // 2
        self.write(image, text, (place[0] + 4, place[1] + 1), color)


def _free(box: Box, taken: Sequence[Box], height: int) -> bool:
    x, y, w, h = box
    if y < 0 or y + h > height:
        return False
    return all(x + w <= a or a + c <= x or y + h <= b or b + d <= y for a, b, c, d in taken)
