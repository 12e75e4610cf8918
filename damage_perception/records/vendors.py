"""Which vendor a product comes from, as the site says in a table."""

from __future__ import annotations

import csv
from pathlib import Path

from damage_perception.records.item_record import RecordError


def read_vendors(path: Path) -> dict[str, str]:
    """Vendors by sku, from a CSV file with the columns ``sku`` and ``vendor``; others may follow.

    Raises RecordError where the file cannot be read, lacks a column, or contradicts itself.
    """
    try:
        # What a spreadsheet saves may begin with a mark, and may be divided by semicolons.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"vendors {path} cannot be read: {error}") from error
    title = text.partition("\n")[0]
    reader = csv.DictReader(
        text.splitlines(), delimiter=";" if title.count(";") > title.count(",") else ","
    )
    if missing := {"sku", "vendor"} - set(reader.fieldnames or ()):
        raise RecordError(
            f"vendors {path} has no column {sorted(missing)[0]!r}: its first line names the "
            "columns, sku and vendor among them"
        )
    vendors: dict[str, str] = {}
    for number, row in enumerate(reader, 2):
        sku, vendor = (row["sku"] or "").strip(), (row["vendor"] or "").strip()
        if vendors.setdefault(sku, vendor) != vendor:
            raise RecordError(
                f"vendors {path}, line {number}: sku {sku!r} has another vendor above"
            )
    return vendors
