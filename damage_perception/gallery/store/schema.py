"""The columns of a gallery's tables, and its rows as records and pieces."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from damage_perception.gallery.reference import Action, GalleryError
from damage_perception.gallery.store.codec import EncodedEmbedding, EncodedView
from damage_perception.gallery.store.journal import Entry, JournalRecord

FORMAT: Final = 2
JOURNAL: Final = "journal"
PIECES: Final = "pieces"

_FORMAT_KEY: Final = b"damage_perception.gallery"


@dataclass(frozen=True)
class Piece:
    """The view of a reference, its embedding, or both, as one change brings them."""

    reference_id: str
    model_id: str
    view: EncodedView | None
    embedding: EncodedEmbedding


def schemas() -> dict[str, Any]:
    """A pyarrow.Schema for each of the tables."""
    import pyarrow

    text, number, data = pyarrow.string(), pyarrow.int64(), pyarrow.large_binary()
    entry = [
        ("reference_id", text),
        ("source", text),
        ("state", text),
        ("model_id", text),
        ("added_ns", number),
        ("uses", number),
        ("last_used_ns", number),
    ]
    journal = [
        ("change_id", text),
        ("time_ns", number),
        ("action", text),
        ("sku", text),
        ("entries", pyarrow.list_(pyarrow.struct(entry))),
        ("by", text),
        ("why", text),
        ("undoes", text),
    ]
    pieces = [
        ("change_id", text),
        ("reference_id", text),
        ("time_ns", number),
        ("model_id", text),
        ("color", data),
        ("height", data),
        ("item", data),
        ("width_m", pyarrow.float64()),
        ("cells", data),
        ("channels", pyarrow.int32()),
        ("places", data),
        ("descriptor", data),
    ]
    metadata = {_FORMAT_KEY: str(FORMAT)}
    tables = {JOURNAL: journal, PIECES: pieces}
    return {name: pyarrow.schema(columns, metadata) for name, columns in tables.items()}


def check_format(uri: str, metadata: dict[bytes, bytes] | None) -> None:
    """Raises GalleryError where ``metadata`` of a journal is of nothing that this version reads."""
    written = (metadata or {}).get(_FORMAT_KEY, b"").decode(errors="replace")
    if not written.isdecimal():
        raise GalleryError(f"{uri} holds a table of another program's: name a gallery")
    if int(written) > FORMAT:
        raise GalleryError(
            f"gallery {uri} has format {written}; this version reads up to {FORMAT}: update "
            "damage_perception"
        )


def record_row(record: JournalRecord) -> dict[str, Any]:
    """``record`` as a row of the journal."""
    return {**asdict(record), "action": record.action.value}


def record_of(row: dict[str, Any]) -> JournalRecord:
    """The record in a row of the journal."""
    entries = tuple(Entry(**entry) for entry in row.pop("entries"))
    return JournalRecord(**{**row, "action": Action(row["action"]), "entries": entries})


def piece_row(record: JournalRecord, piece: Piece) -> dict[str, Any]:
    """``piece``, which ``record`` brings, as a row of the pieces."""
    return {
        "change_id": record.change_id,
        "reference_id": piece.reference_id,
        "time_ns": record.time_ns,
        "model_id": piece.model_id,
        **(asdict(piece.view) if piece.view else {}),
        **asdict(piece.embedding),
    }
