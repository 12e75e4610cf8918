"""Taking the next images of what is to be enrolled, on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from damage_perception.frame import Frame
from damage_perception.inspector import Inspector
from damage_perception.ros.detector.worker import Capture


class Enrollment:
    """A job: the next images of ``cameras``; whether they may be enrolled is not its business.

    views         of each camera
    requested_ns  images taken before do not count; steady time
    deadline_ns   when the answer is due at the latest; steady time
    done          called once, with an inspector that nobody else calls, with the node's limits, and
                  with the images; with a text in their place where a camera gave none
    """

    def __init__(
        self,
        cameras: Sequence[str],
        views: int,
        requested_ns: int,
        deadline_ns: int,
        done: Callable[[tuple[Inspector, list[Frame]] | None, str], None],
    ) -> None:
        self._views = views
        self._requested_ns = requested_ns
        self._deadline_ns = deadline_ns
        self._done = done
        self._frames: dict[str, list[Frame]] = {camera: [] for camera in cameras}

    def advance(self, inspector: Inspector, capture: Capture | None, now_ns: int) -> bool:
        """Takes the newest frame; whether the request is answered."""
        if capture is not None and capture.taken_ns >= self._requested_ns:
            frames = self._frames.get(capture.frame.camera_name)
            if frames is not None and len(frames) < self._views:
                frames.append(capture.frame)
        if all(len(frames) == self._views for frames in self._frames.values()):
            return self._finish(inspector)
        if now_ns < self._deadline_ns:
            return False
        lacking = [name for name, frames in self._frames.items() if not frames]
        if lacking:
            self.abandon(
                f"no images of {', '.join(lacking)}: /diagnostics says what was dropped and why"
            )
            return True
        return self._finish(inspector)

    def abandon(self, why: str) -> None:
        """Answers with an error."""
        self._done(None, why)

    def _finish(self, inspector: Inspector) -> bool:
        own = Inspector(inspector.network, inspector.cameras, inspector.policy, inspector.quality)
        self._done((own, [frame for frames in self._frames.values() for frame in frames]), "")
        return True
