"""What all pages share."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Protocol

from fastapi import Path, Request

from damage_perception.frame import Frame
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.inspector import Inspector
from damage_perception.records.item_record import ItemRecord, RecordError
from damage_perception.records.recording import Recording
from damage_perception.records.store import RecordStore

# Of an item in an address; SQLite has no larger ones.
ItemKey = Annotated[int, Path(ge=1, lt=1 << 63)]
# The item that is looked at, the one after it, and the same of a second person. A recording of four
# cameras takes a hundred megabytes.
_RECENT: Final = 4


class Cameras(Protocol):
    """Live cameras of the cell."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of all cameras."""

    def newest(self, name: str) -> Frame | None:
        """The newest frame of a camera; None where nothing has come for two seconds."""


@dataclass
class Shared:
    """What the pages read and write.

    store           the records
    open_inspector  loads the model and the stations; called once, when they are first needed
    open_gallery    opens the references, with True an empty gallery where there is none; None:
                    the page was started without one
    cameras         live ones; None: the page was started without ROS
    vendors         of skus, as the site gives them
    judged_good     is told of an item that somebody called good, and who; only where the page has a
                    gallery
    """

    store: RecordStore
    open_inspector: Callable[[], Inspector]
    open_gallery: Callable[[bool], GalleryStore] | None = None
    cameras: Cameras | None = None
    vendors: Mapping[str, str] = field(default_factory=dict)
    judged_good: Callable[[ItemRecord, str], None] | None = None
    # The inspector is used by one request at a time.
    inspecting: threading.Lock = field(default_factory=threading.Lock)
    _inspector: Inspector | None = None
    _reading: threading.Lock = field(default_factory=threading.Lock)
    _recordings: OrderedDict[str, Recording] = field(default_factory=OrderedDict)

    def inspector(self) -> Inspector:
        """The inspector; the caller holds ``inspecting``."""
        if self._inspector is None:
            self._inspector = self.open_inspector()
        return self._inspector

    def gallery(self, create: bool = False) -> GalleryStore:
        """The references. Raises GalleryError, and RecordError where the page has none."""
        if self.open_gallery is None:
            raise RecordError("the page was started without --gallery")
        return self.open_gallery(create)

    def recording(self, record: ItemRecord) -> Recording:
        """What the file of an item holds, read once for all of its pictures. Raises RecordError."""
        with self._reading:
            found = self._recordings.get(record.file)
            if found is None:
                found = self._recordings[record.file] = self.store.recording(record)
                if len(self._recordings) > _RECENT:
                    self._recordings.popitem(last=False)
            self._recordings.move_to_end(record.file)
            return found


def shared(request: Request) -> Shared:
    """What the pages of the request's application share."""
    found: Shared = request.app.state.shared
    return found
