"""Recorded images of several cameras: an image folder of each, or recordings with all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from damage_perception.calibration.station import CalibrationError
from damage_perception.dataset import COLOR_SUFFIXES, ImageFolder
from damage_perception.frame import Frame
from damage_perception.source import Recorded, Source, open_source
from damage_perception.topics import Topics

# Images of folders are single shots, so their stamps lie far apart.
_SHOT_PERIOD_NS: Final = 10_000_000_000


@dataclass(frozen=True)
class RecordedShot:
    """One image with the camera's name among the parameters; read when asked for.

    stamp_ns  in place of the recorded one; None: that one
    """

    name: str
    recorded: Recorded
    cameras: dict[str, str]
    stamp_ns: int | None

    def frame(self) -> Frame:
        """The image. Raises DatasetError where it cannot be read."""
        frame = self.recorded.frame()
        stamp_ns = frame.stamp_ns if self.stamp_ns is None else self.stamp_ns
        return replace(frame, camera_name=self.cameras[frame.camera_name], stamp_ns=stamp_ns)


class Recordings:
    """The images of several cameras, from image folders and from recordings alike.

    paths   image folders, one of each camera and named like it, or a folder of such folders;
            images of the same name are of the same time. Or recordings, whose cameras are named by
            the last part of their topics' beginning: left in /cell/left/color/image_raw
    topics  of recordings

    Raises DatasetError where a path is neither, CalibrationError where names are no camera names.
    """

    def __init__(self, paths: Sequence[Path], topics: Topics | None = None) -> None:
        folders = [folder for path in paths for folder in _image_folders(path)]
        self._sources = [(folder, open_source(folder, topics=topics)) for folder in folders]
        self._names = [_names(folder, source) for folder, source in self._sources]
        cameras = [name for names in self._names for name in names.values()]
        for name in cameras:
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
                raise CalibrationError(
                    f"{name!r} cannot be the name of a camera: name the folder as the parameter "
                    "`cameras` does, by letters, digits and underscores, a letter first"
                )
        self.cameras = tuple(dict.fromkeys(cameras))
        names = {
            record.name
            for _, source in self._sources
            if isinstance(source, ImageFolder)
            for record in source
        }
        self._stamps = {name: n * _SHOT_PERIOD_NS for n, name in enumerate(sorted(names), start=1)}

    def __len__(self) -> int:
        return sum(len(source) for _, source in self._sources)

    def __iter__(self) -> Iterator[RecordedShot]:
        for (_, source), names in zip(self._sources, self._names, strict=True):
            in_folder = isinstance(source, ImageFolder)
            for record in source:
                stamp_ns = self._stamps[record.name] if in_folder else None
                yield RecordedShot(record.name, record, names, stamp_ns)


def _image_folders(path: Path) -> list[Path]:
    """``path`` itself, or the image folders in it where it holds no images of its own."""
    if not path.is_dir() or (path / "metadata.yaml").exists():
        return [path]
    if any(file.name.lower().endswith(COLOR_SUFFIXES) for file in path.iterdir()):
        return [path]
    inner = sorted(folder for folder in path.iterdir() if (folder / "camera.json").is_file())
    return inner or [path]


def _names(folder: Path, source: Source) -> dict[str, str]:
    """What each camera of a source is called among the parameters."""
    if isinstance(source, ImageFolder):
        return dict.fromkeys(source.cameras, folder.resolve().name)
    last = {name: name.rpartition("-")[2] for name in source.cameras}
    if len(set(last.values())) == len(last):
        return last
    return {name: name.replace("-", "_") for name in source.cameras}
