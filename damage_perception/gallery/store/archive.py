"""A gallery as a folder of pictures, arrays and JSON, to carry elsewhere or to look through.

gallery.json                  format and the sku of every folder
0001/references.json          id, state, model, source and times of each reference of one sku
0001/<reference_id>.jpg       colour
0001/<reference_id>.height.png, .item.png   as EncodedView says
0001/<reference_id>.npz       cells, where and descriptor, as in Embedding
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from damage_perception.gallery.reference import (
    GalleryError,
    Reference,
    State,
    check_embedding,
    check_sku,
)
from damage_perception.gallery.store.codec import EncodedView, decode_view
from damage_perception.gallery.store.store import GalleryStore
from damage_perception.network.embedding import Embedding

INDEX_FILE: Final = "gallery.json"
REFERENCES_FILE: Final = "references.json"
FORMAT: Final = 1

_FIELDS: Final[dict[str, type]] = {
    "reference_id": str,
    "state": str,
    "model_id": str,
    "source": str,
    "added_ns": int,
    "uses": int,
    "last_used_ns": int,
    "width_m": float,
}
_FOLDER: Final = re.compile(r"\d{4,9}")
_REFERENCE_ID: Final = re.compile(r"[0-9a-f]{16}")


def export_gallery(
    store: GalleryStore, folder: Path, skus: Sequence[str] = (), states: Sequence[State] = ()
) -> int:
    """Writes references into a new ``folder``; how many they are.

    skus    of these products; none: of all
    states  in these states; none: active ones and candidates

    Raises GalleryError where a sku is unknown, OSError where the folder cannot be written.
    """
    known = [summary.sku for summary in store.summaries()]
    for sku in skus:
        if sku not in known:
            raise GalleryError(f"sku {sku!r} is not in gallery {store.uri}")
    if folder.exists() and any(folder.iterdir()):
        raise GalleryError(f"{folder} is not empty: name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, str] = {}
    count = 0
    for sku in skus or known:
        references = store.references(sku, states or (State.ACTIVE, State.CANDIDATE))
        if references:
            names[f"{len(names) + 1:04}"] = sku
            _write_sku(store, folder / f"{len(names):04}", references)
            count += len(references)
    # Last: a folder with it is whole.
    _write_json(folder / INDEX_FILE, {"format": FORMAT, "skus": names})
    return count


def import_gallery(store: GalleryStore, folder: Path, by: str, why: str) -> tuple[int, int]:
    """Adds the references in ``folder`` to ``store``, one change for each sku.

    How many were added and how many were there already. Raises GalleryError where the folder is
    no exported gallery or a file in it is spoilt; skus before it are imported then.
    """
    index = _read_json(folder / INDEX_FILE)
    if not isinstance(index, dict) or not isinstance(index.get("skus"), dict):
        raise GalleryError(f"{folder / INDEX_FILE} has no skus: export the gallery again")
    if index.get("format") != FORMAT:
        raise GalleryError(
            f"{folder / INDEX_FILE} has format {index.get('format')!r}; this version reads {FORMAT}"
        )
    added = skipped = 0
    for name, sku in index["skus"].items():
        if not _FOLDER.fullmatch(name) or not isinstance(sku, str):
            raise GalleryError(f"{folder / INDEX_FILE}: skus has {name!r}: {sku!r}")
        check_sku(sku)
        found = list(_read_sku(folder / name, sku))
        change = store.take_over(sku, found, by, why)
        new = len(change.reference_ids) if change else 0
        added, skipped = added + new, skipped + len(found) - new
    return added, skipped


def _write_sku(store: GalleryStore, folder: Path, references: Sequence[Reference]) -> None:
    folder.mkdir()
    entries = []
    for each in references:
        view = store.encoded_views([each.reference_id])[each.reference_id]
        stem = str(folder / each.reference_id)
        Path(f"{stem}.jpg").write_bytes(view.color)
        Path(f"{stem}.height.png").write_bytes(view.height)
        Path(f"{stem}.item.png").write_bytes(view.item)
        embedding = each.embedding
        np.savez_compressed(
            f"{stem}.npz",
            cells=embedding.cells.astype(np.float16),
            where=embedding.where,
            descriptor=embedding.descriptor,
            turned=embedding.turned.astype(np.float16),
        )
        values = {name: getattr(each, name) for name in _FIELDS if name != "width_m"}
        entries.append(values | {"state": each.state.value, "width_m": view.width_m})
    _write_json(folder / REFERENCES_FILE, {"sku": references[0].sku, "references": entries})


def _read_sku(folder: Path, sku: str) -> Iterator[tuple[Reference, EncodedView]]:
    document = _read_json(folder / REFERENCES_FILE)
    entries = document.get("references") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise GalleryError(f"{folder / REFERENCES_FILE} has no list of references")
    for entry in entries:
        yield _reference(folder, sku, _checked(entry, str(folder / REFERENCES_FILE)))


def _checked(entry: Any, where: str) -> dict[str, Any]:
    if not isinstance(entry, dict) or set(entry) != set(_FIELDS):
        raise GalleryError(f"{where}: a reference has {entry!r:.60}; expected {list(_FIELDS)}")
    values: dict[str, Any] = {
        name: float(value) if _FIELDS[name] is float and type(value) is int else value
        for name, value in entry.items()
    }
    for name, value in values.items():
        if type(value) is not _FIELDS[name]:
            raise GalleryError(f"{where}: {name} is {value!r}; expected {_FIELDS[name].__name__}")
    if not _REFERENCE_ID.fullmatch(values["reference_id"]):
        raise GalleryError(f"{where}: reference_id is {values['reference_id']!r}; expected 16 hex")
    if values["state"] not in [state.value for state in State]:
        raise GalleryError(f"{where}: state is {values['state']!r}; see references.json")
    return values


def _reference(folder: Path, sku: str, values: dict[str, Any]) -> tuple[Reference, EncodedView]:
    stem = str(folder / values["reference_id"])
    try:
        view = EncodedView(
            Path(f"{stem}.jpg").read_bytes(),
            Path(f"{stem}.height.png").read_bytes(),
            Path(f"{stem}.item.png").read_bytes(),
            values.pop("width_m"),
        )
        with np.load(f"{stem}.npz", allow_pickle=False) as arrays:
            embedding = Embedding(
                arrays["cells"].astype(np.float32),
                arrays["where"].astype(np.uint8),
                arrays["descriptor"].astype(np.float32),
                # Archives of before have none.
                *([arrays["turned"].astype(np.float32)] if "turned" in arrays else []),
            )
    except OSError as error:
        raise GalleryError(f"{error.filename or stem}: {error.strerror or 'is spoilt'}") from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise GalleryError(f"{stem}.npz is spoilt: {error}") from error
    check_embedding(embedding, f"{stem}.npz")
    decode_view(view, stem)
    values["state"] = State(values["state"])
    return Reference(sku=sku, embedding=embedding, **values), view


def _write_json(path: Path, document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GalleryError(
            f"{path} cannot be read ({error.strerror}): name the folder of an exported gallery"
        ) from error
    except ValueError as error:
        raise GalleryError(f"{path} is not JSON: {error}") from error
