"""Codes in an image, and which of them are of an item that was not there before."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.gallery.reference import GalleryError, check_sku

# By the names of zxing-cpp.
FORMATS: Final = ("EAN13", "EAN8", "UPCA", "UPCE", "Code128", "DataMatrix", "QRCode")
# GS1 General Specifications: a GTIN has 14 digits and stands behind (01). An EAN-13, a UPC-A and an
# EAN-8 are the same with one, two and six zeros in front. zxing-cpp writes a UPC-A as an EAN-13.
_GTIN: Final = re.compile(r"\(01\)(\d{14})")
_EAN_13: Final = re.compile(r"\d{13}")
_ZEROS: Final = ("000000", "00", "0")


class NoReaderError(RuntimeError):
    """The reader of codes is not installed; the text says what to install."""


@dataclass(frozen=True)
class Code:
    """One code of an image.

    text     what it says; of a GS1 code with its application identifiers in brackets
    format   one of FORMATS
    corners  (x, y) in pixels: top left, top right, bottom right, bottom left of the code
    """

    text: str
    format: str
    corners: tuple[tuple[int, int], ...]

    @property
    def sku(self) -> str:
        """The product that it names; see `product_of`."""
        return product_of(self.text)


def product_of(text: str) -> str:
    """The product that the text of a code names.

    Of a GS1 code that is its GTIN alone: serial number and batch differ from item to item. The
    number of a product is written as below its bars, whichever code it stands in.
    """
    gs1 = _GTIN.search(text)
    if not gs1 and not _EAN_13.fullmatch(text):
        return text
    gtin = gs1[1] if gs1 else f"0{text}"
    return gtin.removeprefix(next((zeros for zeros in _ZEROS if gtin.startswith(zeros)), ""))


def is_sku(text: str) -> bool:
    """Whether ``text`` can name a product; an address on the web, for one, cannot."""
    try:
        check_sku(text)
    except GalleryError:
        return False
    return True


def read_codes(image: NDArray[np.uint8], formats: Sequence[str] = FORMATS) -> list[Code]:
    """All codes in an image that can be read and whose checksum is right, in any direction.

    image    (H, W, 3) or (H, W) uint8; the order of the channels does not matter
    formats  of FORMATS; fewer are read faster

    Raises NoReaderError where zxing-cpp is not installed.

    >>> [code.text for code in read_codes(cv2.imread("carton.jpg"))]
    ['4006381333931']
    """
    zxing = _zxing()
    found = zxing.read_barcodes(
        np.ascontiguousarray(image), formats=_wanted(tuple(formats)), text_mode=zxing.TextMode.HRI
    )
    return [Code(code.text, _name(code.format), _corners(code.position)) for code in found]


class CodeWatch:
    """Which codes are new: of an item that was not there in the images before.

    A code is gone from a camera when images of it did not show the code for ``gone_after_ns``; a
    camera that is silent says nothing. It is new where no camera has it and the scanner did not
    read it for so long. Two items with the same code that lie there together are one.
    """

    def __init__(self, gone_after_ns: int) -> None:
        self.gone_after_ns = gone_after_ns
        # By camera and code: the stamp of the first image that did not show it, since it did.
        self._absent_ns: dict[str, dict[str, int | None]] = {}
        self._looked_ns: dict[str, int] = {}
        self._scanned_ns: dict[str, int] = {}

    def look(
        self, camera: str, codes: Collection[str], stamp_ns: int, now_ns: int
    ) -> list[tuple[str, int]]:
        """The new ones among ``codes`` that an image shows, and since when each may be there.

        stamp_ns  of the image
        now_ns    a steady clock

        An item may have come just after the image before, and have been reported already: it is
        there since that image, or since this one where there is none before.
        """
        before_ns = self._looked_ns.get(camera, stamp_ns)
        self._looked_ns[camera] = stamp_ns
        known = self._absent_ns.setdefault(camera, {})
        if stamp_ns < before_ns:
            # Of another time: nothing follows from how long it is since.
            before_ns = stamp_ns
            known.update(dict.fromkeys(known))
        new = [text for text in dict.fromkeys(codes) if not self._is_there(text, now_ns)]
        known.update(dict.fromkeys(codes))
        for text in [text for text in known if text not in codes]:
            since_ns = known[text]
            known[text] = since_ns = stamp_ns if since_ns is None else since_ns
            if stamp_ns - since_ns >= self.gone_after_ns:
                del known[text]
        return [(text, before_ns) for text in new]

    def scan(self, text: str, now_ns: int) -> bool:
        """Whether what the scanner read at ``now_ns`` of a steady clock is new."""
        new = not self._is_there(text, now_ns)
        self._scanned_ns = {
            other: read_ns
            for other, read_ns in self._scanned_ns.items()
            if now_ns - read_ns < self.gone_after_ns
        }
        self._scanned_ns[text] = now_ns
        return new

    def _is_there(self, text: str, now_ns: int) -> bool:
        if any(text in known for known in self._absent_ns.values()):
            return True
        read_ns = self._scanned_ns.get(text)
        return read_ns is not None and now_ns - read_ns < self.gone_after_ns


def _zxing() -> Any:
    try:
        import zxingcpp
    except ImportError as error:
        raise NoReaderError(
            f"reading codes needs the Python module zxingcpp: pip install zxing-cpp ({error})"
        ) from error
    return zxingcpp


@lru_cache
def _wanted(formats: tuple[str, ...]) -> Any:
    zxing = _zxing()
    return zxing.barcode_formats_from_str(",".join(formats))


def _name(format: Any) -> str:
    """EAN13 where zxing-cpp says BarcodeFormat.EAN13."""
    return str(format.name)


def _corners(position: Any) -> tuple[tuple[int, int], ...]:
    points = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    return tuple((int(point.x), int(point.y)) for point in points)
