"""Views and embeddings as bytes: pictures that any viewer opens, and plain little-endian arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.gallery.reference import GalleryError
from damage_perception.network.contract import LOOK_CHANNELS
from damage_perception.network.embedding import Embedding
from damage_perception.view import UNKNOWN_HEIGHT_M, View, Window

JPEG_QUALITY: Final = 95
# Heights from -1 m to 5.5 m in tenths of a millimetre; 0 is unknown.
HEIGHT_STEP_M: Final = 1e-4
HEIGHT_OF_ZERO: Final = 10_000


@dataclass(frozen=True)
class EncodedView:
    """A view as pictures.

    color    (S, S, 3) JPEG
    height   (S, S) 16-bit PNG, tenths of a millimetre above -1 m, 0 where unknown
    item     (S, S) 8-bit PNG, 255 on the item
    width_m  as in View
    """

    color: bytes
    height: bytes
    item: bytes
    width_m: float


@dataclass(frozen=True)
class EncodedEmbedding:
    """An embedding as bytes, little-endian.

    cells       (n, channels) float16, row by row, then (t, LOOK_CHANNELS) float16 of turned copies
    places      (n, 2) uint8, where in Embedding, row by row
    descriptor  (D,) float32
    """

    cells: bytes
    channels: int
    places: bytes
    descriptor: bytes


def encode_view(view: View) -> EncodedView:
    """Pictures of ``view``; the window it was cut from is not kept."""
    steps = np.round(view.height_m / HEIGHT_STEP_M) + HEIGHT_OF_ZERO
    height = np.clip(steps, 1, 65535).astype(np.uint16)
    height[view.height_m == UNKNOWN_HEIGHT_M] = 0
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return EncodedView(
        cv2.imencode(".jpg", cv2.cvtColor(view.color, cv2.COLOR_RGB2BGR), quality)[1].tobytes(),
        cv2.imencode(".png", height)[1].tobytes(),
        cv2.imencode(".png", (view.item > 0).astype(np.uint8) * 255)[1].tobytes(),
        view.width_m,
    )


def decode_view(encoded: EncodedView, name: str) -> View:
    """The view again. Raises GalleryError where its pictures are none; ``name`` says whose."""
    color = _picture(encoded.color, cv2.IMREAD_COLOR, f"{name}: color")
    steps = _picture(encoded.height, cv2.IMREAD_UNCHANGED, f"{name}: height")
    item = _picture(encoded.item, cv2.IMREAD_GRAYSCALE, f"{name}: item")
    side = len(color)
    if not color.shape[:2] == steps.shape == item.shape == (side, side):
        raise GalleryError(
            f"{name}: color {color.shape}, height {steps.shape} and item {item.shape} are not "
            "pictures of one square: enroll the view again"
        )
    if steps.dtype != np.uint16:
        raise GalleryError(f"{name}: height is {steps.dtype}; expected a 16-bit PNG")
    height = (steps.astype(np.float32) - HEIGHT_OF_ZERO) * np.float32(HEIGHT_STEP_M)
    height[steps == 0] = UNKNOWN_HEIGHT_M
    return View(
        np.asarray(cv2.cvtColor(color, cv2.COLOR_BGR2RGB), np.uint8),
        height,
        (item > 0).astype(np.uint8),
        encoded.width_m,
        Window(0, 0, side),
    )


def encode_embedding(embedding: Embedding) -> EncodedEmbedding:
    """Bytes of ``embedding``; its cells lose what float16 does not hold."""
    return EncodedEmbedding(
        embedding.cells.astype("<f2").tobytes() + embedding.turned.astype("<f2").tobytes(),
        embedding.cells.shape[1],
        embedding.where.astype(np.uint8).tobytes(),
        embedding.descriptor.astype("<f4").tobytes(),
    )


def decode_embedding(encoded: EncodedEmbedding) -> Embedding:
    """The embedding again."""
    places = np.frombuffer(encoded.places, np.uint8).reshape(-1, 2)
    values = np.frombuffer(encoded.cells, "<f2").astype(np.float32)
    upright, turned = np.split(values, [len(places) * encoded.channels])
    return Embedding(
        upright.reshape(len(places), encoded.channels),
        places,
        np.frombuffer(encoded.descriptor, "<f4"),
        turned.reshape(-1, LOOK_CHANNELS),
    )


def _picture(data: bytes, how: int, name: str) -> NDArray[Any]:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), how) if data else None
    if image is None:
        raise GalleryError(f"{name} is no picture: enroll the view again")
    return image
