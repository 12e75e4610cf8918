"""What is kept of one item, as the file of its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import yaml

from damage_perception.frame import ColorImage
from damage_perception.image_message import ConversionError, read_color
from damage_perception.overlay import draw_overlay
from damage_perception.records.recording import Message, RecordingFormat
from damage_perception.ros.serialized import SerializedImage
from damage_perception.topics import COLOR
from damage_perception.verdict.picture import Picture
from damage_perception.verdict.report import Report

_JPEG_QUALITY: Final = 90


def attachments(values: Mapping[str, Any]) -> dict[str, str]:
    """The detector's parameters, and the files that they name: stations and rules of the site."""
    plain = {name: _plain(value) for name, value in values.items()}
    attached = {"parameters.yaml": yaml.safe_dump(plain)}
    for name in ("station_file", "site_file"):
        path = Path(str(values.get(name) or "")).expanduser()
        try:
            # One on another machine, or not written yet, is not to be had.
            attached[f"{name}.yaml"] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
    return attached


def overlay(form: RecordingFormat, images: Sequence[Message], report: Report) -> list[Message]:
    """The newest colour image of one camera with the damage drawn in; none where it has none."""
    colors = [message for message in images if message.topic.endswith(COLOR)]
    if not colors:
        return []
    camera = colors[0].topic.removesuffix(COLOR).strip("/")
    stamps = {region.stamp_ns for region in report.regions if region.camera == camera}
    newest = max(colors, key=lambda message: (message.time_ns in stamps, message.time_ns))
    try:
        image = SerializedImage.read(newest.data)
        color: ColorImage = read_color(image)
    except ConversionError:
        return []
    drawn = draw_overlay(color, [Picture(camera, image.frame_id, color)], [report])
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    jpeg = cv2.imencode(".jpg", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR), quality)[1].tobytes()
    return [form.overlay_message(camera, newest.time_ns, image.frame_id, jpeg)]


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bool | int | float) or value is None else list(value)
