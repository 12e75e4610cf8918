"""What was committed survives a power cut: LanceDB leaves its files to the page cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

# A file's time is that of the last tick of the kernel's clock.
_TICK_S: Final = 0.1


def make_durable(table: Path, since_s: float) -> None:
    """Waits until the disk has what was written into ``table`` since then, data before versions.

    since_s  seconds since 1970. Raises OSError.
    """
    for name in ("data", "_transactions", "_versions"):
        folder = table / name
        if not folder.is_dir():
            continue
        with os.scandir(folder) as files:
            paths = [file.path for file in files]
        for path in [*paths, str(folder)]:
            try:
                if Path(path).stat().st_mtime >= since_s - _TICK_S:
                    _sync(path)
            except FileNotFoundError:
                # Another process compacted the table.
                continue


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def torn_version(table: Path) -> Path | None:
    """The newest version of ``table`` where a power cut left it unfinished, else None."""
    # Lance counts down, so that the newest comes first.
    versions = sorted((table / "_versions").glob("*.manifest"))
    if versions and versions[0].read_bytes()[-4:] != b"LANC":
        return versions[0]
    return None
