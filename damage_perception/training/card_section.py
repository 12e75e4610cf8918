"""Sections of a model card that are made after the card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def write_section(card: Path, name: str, section: Any) -> None:
    """Puts a section into a card, in place of the one it has; all else stays as it is."""
    text = card.read_text(encoding="utf-8")
    head = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    content = yaml.safe_load(text) | {name: section}
    written = card.with_suffix(".tmp")
    written.write_text(head + yaml.safe_dump(content, sort_keys=False, width=100), encoding="utf-8")
    written.replace(card)
