"""What is kept of one item, as the file of its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import cv2
import yaml

from damage_perception.frame import Frame
from damage_perception.overlay import draw_overlay
from damage_perception.records.recording import CAMERA_INFO as CAMERA_INFO_TYPE
from damage_perception.records.recording import IMAGE, Message, RecordingFormat
from damage_perception.ros.decoding import CameraInfos, Decoder
from damage_perception.ros.recorder.image_history import Shot
from damage_perception.topics import CAMERA_INFO, COLOR, DEPTH
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


class Evidence:
    """Makes the messages of a record, in the writing thread.

    decoder  of the cameras; their CameraInfos are ``infos``
    """

    def __init__(self, form: RecordingFormat, decoder: Decoder, infos: CameraInfos) -> None:
        self._form = form
        self._decoder = decoder
        self._infos = infos

    def messages(self, shots: Sequence[Shot], report: Report) -> list[Message]:
        """Images, calibration and overlay of one camera, under the detector's usual topics.

        What is compressed, or not registered, is kept as the detector saw it. What cannot be
        decoded is left out where it has to be.
        """
        if not shots:
            return []
        frames = list(self._frames(shots))
        if self._decoder.takes_as_is(shots[0].camera):
            messages = self._as_they_came(shots)
        else:
            messages = [one for frame in frames for one in self._form.frame_messages(frame)]
        return messages + self._overlay(frames, report)

    def _frames(self, shots: Sequence[Shot]) -> Iterator[Frame]:
        for shot in shots:
            # Of OpenCV, besides ValueError.
            with suppress(Exception):
                yield self._decoder.frame(shot.camera, shot.color, shot.depth, shot.stamp_ns)

    def _as_they_came(self, shots: Sequence[Shot]) -> list[Message]:
        camera, first_ns = shots[0].camera, shots[0].stamp_ns
        messages = []
        # What plays the record needs it before the first image.
        if (info := self._infos.color.get(camera)) is not None:
            topic = f"/{camera}/{CAMERA_INFO}"
            messages.append(Message(topic, CAMERA_INFO_TYPE, first_ns, info))
        for shot in shots:
            messages.append(Message(f"/{camera}/{COLOR}", IMAGE, shot.stamp_ns, shot.color))
            if shot.depth is not None:
                messages.append(Message(f"/{camera}/{DEPTH}", IMAGE, shot.stamp_ns, shot.depth))
        return messages

    def _overlay(self, frames: Sequence[Frame], report: Report) -> list[Message]:
        """The newest image that showed damage, otherwise the newest, with what was found."""
        if not frames:
            return []
        camera = frames[0].camera_name
        stamps = {region.stamp_ns for region in report.regions if region.camera == camera}
        frame = max(frames, key=lambda one: (one.stamp_ns in stamps, one.stamp_ns))
        drawn = draw_overlay(frame.color, [Picture(camera, frame.frame_id, frame.color)], [report])
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        jpeg = cv2.imencode(".jpg", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR), quality)[1].tobytes()
        return [self._form.overlay_message(camera, frame.stamp_ns, frame.frame_id, jpeg)]


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bool | int | float) or value is None else list(value)
