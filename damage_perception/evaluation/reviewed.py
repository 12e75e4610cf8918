"""An operating point from items that the cell reported and people reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from damage_perception.dataset import DatasetError
from damage_perception.evaluation.tuning import Tuning, tuning_of
from damage_perception.records.index import Index
from damage_perception.records.item_record import Judgement
from damage_perception.verdict.report import Reason, Verdict

# An item without whole evidence is unknown whatever its confidence, one that the site tolerates
# passes whatever it is: neither says where the threshold belongs.
_DECIDED: Final = (
    f"verdict IN ({int(Verdict.PASS)}, {int(Verdict.DIVERT)}) AND confidence IS NOT NULL "
    f"AND reasons & {int(Reason.TOLERATED)} = 0 AND time_ns >= ? AND time_ns < ?"
)


@dataclass(frozen=True)
class ReviewedTuning:
    """What was chosen, and on what.

    tuning        the point; its ``unjudged`` are diverted items that nobody reviewed
    model_id      of the items
    other_models  items that another model judged: they are left out
    """

    tuning: Tuning
    model_id: str
    other_models: int


def tune_reviewed(
    index: Index, false_diverts_per_1000: float, since_ns: int = 0, until_ns: int = 1 << 62
) -> ReviewedTuning:
    """The threshold that diverts so many of the good items that the cell saw in a time.

    Good are items that a person called good, and those that passed and that nobody called damaged:
    of these so few are damaged that they move no quantile. Diverted items that nobody reviewed are
    left out and counted. Confidences are those of the reports: of all cameras, with references.

    Raises DatasetError where there are too few good items to show that rate.
    """
    span = (since_ns, until_ns)
    counts = index.query(
        f"SELECT model_id, count(*), max(time_ns) FROM items WHERE {_DECIDED} GROUP BY model_id "
        "ORDER BY 3",
        span,
    )
    if not counts:
        raise DatasetError(f"{index.path.parent} has no item of that time that was judged")
    model_id = str(counts[-1][0])
    rows = index.query(
        f"SELECT confidence, verdict, judgement FROM items WHERE {_DECIDED} AND model_id = ?",
        (*span, model_id),
    )
    confidence, verdict, judgement = np.array(rows, np.float64).T
    is_damaged = judgement == Judgement.DAMAGED
    is_good = (judgement == Judgement.GOOD) | ((verdict == Verdict.PASS) & ~is_damaged)
    tuning = tuning_of(
        confidence[is_good],
        confidence[is_damaged],
        int((~is_good & ~is_damaged).sum()),
        false_diverts_per_1000,
        str(index.path.parent),
        "items",
    )
    return ReviewedTuning(tuning, model_id, sum(count for _, count, _ in counts[:-1]))
