"""Engines on disk, found by everything that they depend on, loaded if nobody else wrote them.

An engine is code that runs on the GPU with the rights of the node: one that another user could
have put there is refused.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from damage_perception.engines.building import Built
from damage_perception.network.session import BackendError

_ENGINE, _CARD, _LOCK, _TIMINGS = ".engine", ".json", ".lock", ".timings"
_FORMAT: Final = 1
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class EngineKey:
    """All that an engine depends on.

    graph       sha256 of the ONNX file
    flavour     module name of the library
    version     of the library
    gpu         its name
    capability  its compute capability, as in "8.7"
    driver      version
    profile     least, usual and most of the open dimension of each input
    workspace   bytes that the builder may use
    """

    graph: str
    flavour: str
    version: str
    gpu: str
    capability: str
    driver: str
    profile: dict[str, tuple[int, int, int]]
    workspace: int

    @property
    def digest(self) -> str:
        """The name of the engine's files."""
        text = json.dumps([_FORMAT, asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def machine(self) -> str:
        """The name of the timings, which engines of one library on one GPU share."""
        text = json.dumps([self.flavour, self.version, self.gpu, self.capability, self.driver])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Entry:
    """An engine in the cache.

    problem  why it is not used; empty where it is
    """

    digest: str
    key: dict[str, Any]
    graph: str
    made: str
    bytes: int
    problem: str


def user_cache() -> Path:
    """Where a user's engines are kept. Raises BackendError where the user has no home."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # By the specification a relative path counts as none.
    if not given.is_absolute():
        try:
            given = Path.home() / ".cache"
        except RuntimeError as error:
            raise BackendError(
                "no home for engines: set XDG_CACHE_HOME to a folder of this user"
            ) from error
    return given / "damage_perception" / "engines"


class EngineCache:
    """A folder of engines that one user owns.

    Raises BackendError where the folder cannot be made, or another user could write to it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or user_cache()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self.folder.stat()
            above = [parent.stat().st_mode for parent in self.folder.resolve().parents]
        except OSError as error:
            raise BackendError(f"no engines can be kept in {self.folder}: {error}") from error
        problem = _foreign(found)
        # Whoever may rename a folder may put another one in its place.
        if any(mode & _OTHERS_WRITE and not mode & stat.S_ISVTX for mode in above):
            problem = problem or "others may rename a folder above it"
        if problem:
            raise BackendError(
                f"engines are not kept in {self.folder}: {problem}; make it this user's alone "
                "(chmod 700), or set XDG_CACHE_HOME"
            )

    def load(self, key: EngineKey) -> bytes | None:
        """The engine, None where there is none, or none that is whole.

        Raises BackendError where another user could have written it.
        """
        try:
            card = json.loads(self._read(key.digest + _CARD))
            engine = self._read(key.digest + _ENGINE)
        except (FileNotFoundError, ValueError):
            return None
        whole = isinstance(card, dict) and card.get("sha256") == hashlib.sha256(engine).hexdigest()
        return engine if whole else None

    def load_or_build(
        self,
        key: EngineKey,
        graph: str,
        build: Callable[[bytes], Built],
        waiting: Callable[[], None] = lambda: None,
    ) -> bytes:
        """The engine, built where there is none; two that ask at once build once.

        graph    name of its file, for those who look into the cache
        build    called with the timings of earlier builds
        waiting  called where another process builds it, before waiting for that

        Raises BackendError where it cannot be built, kept, or trusted.
        """
        if (engine := self.load(key)) is not None:
            return engine
        with self._locked(key.digest, waiting):
            if (engine := self.load(key)) is not None:
                return engine
            built = build(self._timings(key))
            self._keep(key, graph, built)
            return built.engine

    def forget(self, digest: str) -> None:
        """Deletes an engine; one that is not there is none."""
        with self._locked(digest):
            # The card first: an engine without one is never loaded.
            for ending in (_CARD, _ENGINE):
                (self.folder / (digest + ending)).unlink(missing_ok=True)

    def entries(self) -> list[Entry]:
        """What is in the cache, the newest first."""
        digests = {path.stem for path in self.folder.glob(f"*{_ENGINE}")}
        digests |= {path.stem for path in self.folder.glob(f"*{_CARD}")}
        found = [self._entry(digest) for digest in digests]
        return sorted(found, key=lambda entry: (entry.made, entry.digest), reverse=True)

    def _entry(self, digest: str) -> Entry:
        card: dict[str, Any] = {}
        size, problem = 0, ""
        try:
            card = dict(json.loads(self._read(digest + _CARD)))
            engine = self._read(digest + _ENGINE)
            size = len(engine)
            if card.get("sha256") != hashlib.sha256(engine).hexdigest():
                problem = "its sha256 is not the one written beside it"
        except FileNotFoundError as error:
            problem = f"{Path(str(error.filename)).name} is missing"
        except (ValueError, TypeError):
            problem = f"{digest}{_CARD} is no JSON mapping"
        except BackendError as error:
            problem = str(error)
        made, graph = str(card.get("made", "")), str(card.get("graph", ""))
        return Entry(digest, dict(card.get("key") or {}), graph, made, size, problem)

    def _keep(self, key: EngineKey, graph: str, built: Built) -> None:
        card = {
            "key": asdict(key),
            "graph": graph,
            "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "sha256": hashlib.sha256(built.engine).hexdigest(),
        }
        try:
            if built.timings:
                self._write(key.machine + _TIMINGS, built.timings)
            # The card last: it makes the engine count.
            self._write(key.digest + _ENGINE, built.engine)
            self._write(key.digest + _CARD, json.dumps(card, indent=1).encode())
        except OSError as error:
            raise BackendError(f"the engine cannot be kept in {self.folder}: {error}") from error

    def _timings(self, key: EngineKey) -> bytes:
        try:
            return self._read(key.machine + _TIMINGS)
        except (FileNotFoundError, BackendError):
            return b""

    def _read(self, name: str) -> bytes:
        """A file that only this user wrote. Raises FileNotFoundError, BackendError."""
        path = self.folder / name
        try:
            # What is opened is what is looked at, and no link leads elsewhere.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                if problem := _foreign(os.fstat(file.fileno())):
                    raise BackendError(f"{path} is refused: {problem}; delete it to build it anew")
                return file.read()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise BackendError(f"{path} is refused: {error.strerror}") from error

    def _write(self, name: str, content: bytes) -> None:
        """Replaces a file whole, or not at all."""
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=f".{name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.folder / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _locked(self, digest: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Held by one process at a time; the system frees it where that process dies."""
        try:
            handle = os.open(self.folder / (digest + _LOCK), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise BackendError(f"no engines can be kept in {self.folder}: {error}") from error
        with os.fdopen(handle, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _foreign(found: os.stat_result) -> str:
    """Why somebody else could have written it; empty where nobody could."""
    if found.st_uid not in (os.getuid(), 0):
        return f"it belongs to user {found.st_uid}"
    if found.st_mode & _OTHERS_WRITE:
        return f"others may write to it (mode {stat.S_IMODE(found.st_mode):o})"
    return ""
