"""The pictures of an item: as the camera took them, with the damage drawn in, and close-ups."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from starlette.responses import Response

from damage_perception.frame import ColorImage
from damage_perception.kinds import COLORS, name_of
from damage_perception.records.item_record import RecordError
from damage_perception.records.marks import marked_frame
from damage_perception.records.recording import Recording
from damage_perception.review.sharing import ItemKey, shared

router = APIRouter()

_QUALITY: Final = 90
_CLOSE_UP_PX: Final = 480
# Of what a close-up shows, the share that the region takes; and the least that is shown.
_REGION_SHARE: Final = 0.6
_LEAST_PX: Final = 64
_OTHER_KIND: Final = (255, 255, 255)


@router.get("/item/{key}/image/{camera}.jpg")
def show_image(request: Request, key: ItemKey, camera: str) -> Response:
    """The colour image of a camera, the one that the report is about."""
    return _picture(request, encoded(marked_frame(_recording(request, key), camera).color))


@router.get("/item/{key}/overlay/{camera}.jpg")
def show_overlay(request: Request, key: ItemKey, camera: str) -> Response:
    """The camera's image with the damage drawn in."""
    recording = _recording(request, key)
    overlay = recording.overlays.get(camera)
    if overlay is None:
        overlay = encoded(outlined(marked_frame(recording, camera).color, recording, camera))
    return _picture(request, overlay)


@router.get("/item/{key}/region/{number}.jpg")
def show_region(request: Request, key: ItemKey, number: int) -> Response:
    """A close-up of a region of the report, counted from 0."""
    recording = _recording(request, key)
    regions = regions_of(recording)
    if not 0 <= number < len(regions):
        raise RecordError(f"the report has {len(regions)} regions; there is no region {number}")
    region = regions[number]
    stamp, box = region.header.stamp, region.box
    frame = recording.frame(region.camera, stamp.sec * 1_000_000_000 + stamp.nanosec)
    corner_and_size = (box.x_offset, box.y_offset, box.width, box.height)
    return _picture(request, encoded(close_up(frame.color, corner_and_size)))


def regions_of(recording: Recording) -> list[Any]:
    """The regions of damage in the report, as in DamageRegion.msg; none without a report."""
    return [] if recording.report is None else list(recording.report.regions)


def outlined(color: ColorImage, recording: Recording, camera: str) -> ColorImage:
    """(H, W, 3) RGB: the image with the outline of each region that the camera saw."""
    image = color.copy()
    width = max(2, round(image.shape[0] / 240))
    for region in regions_of(recording):
        if region.camera == camera:
            ink = COLORS.get(name_of(int(region.kind)), _OTHER_KIND)
            points = np.array([(p.x, p.y) for p in region.polygon.points], np.float32)
            cv2.polylines(image, [points.round().astype(np.int32)], True, ink, width, cv2.LINE_AA)
    return image


def close_up(color: ColorImage, box: tuple[int, int, int, int]) -> ColorImage:
    """(h, w, 3) RGB: a box (x, y, width, height) and what is around it, at least 480 pixels large.

    Square, but for boxes that are larger than the image is high or wide.
    """
    rows, columns = color.shape[:2]
    x, y, width, height = box
    side = max(_LEAST_PX, round(max(width, height) / _REGION_SHARE))
    left = int(np.clip(x + (width - side) // 2, 0, max(0, columns - side)))
    top = int(np.clip(y + (height - side) // 2, 0, max(0, rows - side)))
    part = color[top : top + side, left : left + side]
    times = max(1.0, _CLOSE_UP_PX / min(part.shape[:2]))
    size = (round(part.shape[1] * times), round(part.shape[0] * times))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def encoded(image: ColorImage) -> bytes:
    """A JPEG of an (H, W, 3) RGB image."""
    turned: NDArray[np.uint8] = np.ascontiguousarray(image[..., ::-1])
    return bytes(cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])


def _recording(request: Request, key: int) -> Recording:
    pages = shared(request)
    return pages.recording(pages.store.index.find(key))


def _picture(request: Request, jpeg: bytes) -> Response:
    """May be kept a while where the address names a version: other records have the same keys."""
    kept = "private, max-age=600" if "v" in request.query_params else "no-store"
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": kept})
