"""Mark where the damage is, and the item as points in space."""

from __future__ import annotations

import time
from collections.abc import Mapping
from math import hypot, isfinite
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, HTTPException, Request
from starlette.responses import Response

from damage_perception.frame import CameraModel
from damage_perception.kinds import CODES, COLORS
from damage_perception.records.item_record import ItemRecord, Judgement, RecordError, Shape
from damage_perception.records.marks import marked_frame, reported_marks
from damage_perception.records.recording import Recording
from damage_perception.review.cloud import cloud
from damage_perception.review.rendering import render
from damage_perception.review.security import person
from damage_perception.review.sharing import ItemKey, Shared, shared

router = APIRouter()

MOST_SHAPES: Final = 200
MOST_POINTS: Final = 5000


@router.get("/item/{key}/mark")
def show_mark(request: Request, key: ItemKey, camera: str = "") -> Response:
    """The page to draw on, beginning with ``camera``, otherwise with the one that saw damage."""
    record = shared(request).store.index.find(key)
    drawn = _drawn(shared(request), record)
    cameras = tuple(drawn["cameras"])
    wanted = [name for name in (camera, record.camera, *cameras) if name in cameras]
    return render(
        request,
        "mark.html",
        record=record,
        drawn=drawn,
        camera=wanted[0] if wanted else "",
        kinds={kind: (CODES[kind], f"rgb{color}") for kind, color in COLORS.items()},
    )


@router.get("/item/{key}/shapes")
def get_shapes(request: Request, key: ItemKey) -> dict[str, Any]:
    """What is marked on an item: ``shapes``, the size of each of the ``cameras``, ``judgement``.

    Where nobody marked anything the shapes are what the network reported, and ``draft`` is true.
    """
    return _drawn(shared(request), shared(request).store.index.find(key))


@router.put("/item/{key}/shapes")
def put_shapes(
    request: Request, key: ItemKey, body: Annotated[Any, Body()], seen: int = Judgement.UNSEEN
) -> dict[str, str]:
    """Puts a list of shapes in the place of those that the item has; ``next`` is the page after it.

    With shapes an item is damaged; if nobody said so yet, the person does hereby.

    seen  what the person saw that was said of the item before
    """
    index = shared(request).store.index
    record = index.find(key)
    try:
        shapes = _shapes(body, _sizes(shared(request).recording(record)))
        was = Judgement(seen)
    except (ValueError, OverflowError) as error:
        raise HTTPException(422, str(error)) from error
    is_new = bool(shapes) and record.judgement is not Judgement.DAMAGED
    if is_new:
        now_ns = time.time_ns()
        index.judge(key, Judgement.DAMAGED, person(request), now_ns, shapes[0].kind, was)
    index.mark(key, shapes)
    return {"next": "/queue" if is_new else f"/queue/item/{key}"}


@router.get("/item/{key}/cloud/{camera}")
def get_cloud(request: Request, key: ItemKey, camera: str) -> Response:
    """The points that a camera saw of the item; 204 where it has no depth."""
    index = shared(request).store.index
    recording = shared(request).recording(index.find(key))
    marks = index.shapes(key) or reported_marks(recording.report)
    frame = marked_frame(recording, camera)
    points = cloud(frame, [mark for mark in marks if mark.camera == camera])
    if points is None:
        return Response(status_code=204)
    return Response(points, media_type="application/octet-stream")


def _drawn(pages: Shared, record: ItemRecord) -> dict[str, Any]:
    recording = pages.recording(record)
    shapes = pages.store.index.shapes(record.key)
    sizes = _sizes(recording)
    order = sorted(sizes, key=lambda name: (name not in record.cameras, name))
    reported = [shape for shape in reported_marks(recording.report) if shape.camera in sizes]
    return {
        "cameras": {
            name: {"width": sizes[name].width, "height": sizes[name].height} for name in order
        },
        "shapes": [_as_json(shape) for shape in shapes or reported],
        "draft": not shapes,
        "judgement": int(record.judgement),
    }


def _sizes(recording: Recording) -> dict[str, CameraModel]:
    return {name: marked_frame(recording, name).camera for name in recording.frames}


def _as_json(shape: Shape) -> dict[str, Any]:
    return {
        "camera": shape.camera,
        "kind": shape.kind,
        "tool": shape.tool,
        "points": [list(point) for point in shape.points],
        "width_px": shape.width_px,
    }


def _shapes(body: Any, cameras: Mapping[str, CameraModel]) -> list[Shape]:
    """The shapes in a request, inside their images. Raises ValueError where they are wrong."""
    if not isinstance(body, list):
        raise ValueError("expected a JSON list of shapes")
    if len(body) > MOST_SHAPES:
        raise ValueError(f"{len(body)} shapes are marked; expected at most {MOST_SHAPES}")
    return [_shape(entry, cameras) for entry in body]


def _shape(entry: Any, cameras: Mapping[str, CameraModel]) -> Shape:
    if not isinstance(entry, dict):
        raise ValueError(f"a shape is {type(entry).__name__}; expected an object")
    camera = entry.get("camera")
    if not isinstance(camera, str) or camera not in cameras:
        raise ValueError(f"camera is {camera!r}; expected {', '.join(cameras)}")
    points = entry.get("points")
    if not isinstance(points, list) or len(points) > MOST_POINTS:
        raise ValueError(f"points of a shape: expected a list of at most {MOST_POINTS}")
    width, height = cameras[camera].width, cameras[camera].height
    inside = [
        (min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height)))
        for x, y in map(_point, points)
    ]
    thickness = min(_number(entry.get("width_px", 0.0)), hypot(width, height))
    try:
        return Shape(
            camera, str(entry.get("kind")), str(entry.get("tool")), tuple(inside), thickness
        )
    except RecordError as error:
        raise ValueError(str(error)) from error


def _point(pair: Any) -> tuple[float, float]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise ValueError("a point of a shape: expected two numbers, column and row")
    return _number(pair[0]), _number(pair[1])


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not isfinite(value):
        raise ValueError(f"{value!r} in a shape: expected a finite number")
    return float(value)
