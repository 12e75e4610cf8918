"""Recorded frames, whatever they are kept in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from damage_perception.bag import Bag
from damage_perception.dataset import DatasetError, ImageFolder
from damage_perception.frame import Frame
from damage_perception.topics import Topics

_BAG_SUFFIXES: Final = (".mcap", ".db3")


class Recorded(Protocol):
    """One recorded frame, read when asked for."""

    @property
    def name(self) -> str:
        """Unique in its source, and fit for a file's name."""

    def frame(self) -> Frame:
        """The frame. Raises DatasetError where it cannot be read."""


class Source(Protocol):
    """Recorded frames in their order."""

    @property
    def cameras(self) -> tuple[str, ...]:
        """The names that the frames' cameras have."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Recorded]: ...


def open_source(
    path: Path | str, camera_file: Path | str | None = None, topics: Topics | None = None
) -> Source:
    """An image folder, or a recording where ``path`` is a rosbag2 folder or an .mcap or .db3 file.

    camera_file  read in place of an image folder's own camera.json
    topics       of a recording

    Raises DatasetError where ``path`` is missing or neither.
    """
    path = Path(path)
    if not path.exists():
        raise DatasetError(f"{path} does not exist; expected an image folder or a recording")
    if path.suffix in _BAG_SUFFIXES or (path / "metadata.yaml").exists():
        return Bag(path, topics)
    if path.is_file():
        raise DatasetError(
            f"{path} is no image folder and no recording ({', '.join(_BAG_SUFFIXES)})"
        )
    return ImageFolder(path, camera_file)
