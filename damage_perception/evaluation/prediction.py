"""What the pipeline says of each labelled image."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from damage_perception.dataset import DatasetError, ImageRecord, Label
from damage_perception.evaluation.pixels import PixelScores, score_pixels
from damage_perception.frame import Frame
from damage_perception.inspector import FrameResult, Inspector
from damage_perception.kinds import KINDS, NONE
from damage_perception.odds import probability
from damage_perception.station import Item, StationError
from damage_perception.station.target import find_target, overlap
from damage_perception.verdict.difference import Identity, ReferenceStatus
from damage_perception.view import Window

NOT_LOCATED = "not located"
UNREADABLE = "unreadable"
NO_ASSESSMENT = "backend fault"


@dataclass(frozen=True)
class Prediction:
    """One image: its label, and what was said of it.

    confidence      probability of damage; where there is an ``error``, the worst that could have
                    been said: 1 of a good item, 0 of a damaged one
    predicted_kind  the strongest kind where the confidence reaches the operating point, else "none"
    verdict         as in the report: pass, divert, unknown
    reasons         of the verdict, in words
    error           why nothing was said: not located, unreadable, backend fault; else empty
    cause           more of the error, for people
    item_iou        intersection over union of the item found and its true outline, 0 where it was
                    not found; NaN where the outline is not known or the image had no answer
    latency_ms      from the frame to its reports; NaN where it could not be read
    pixels          how the damage maps score the view; None where the true damage is not known
    supervised      probability of damage by the network alone
    anomaly         the same by the references alone, 0.5 where they say nothing; both as the
                    confidence where there is an ``error``
    references      what became of comparing with references, in a view unfit for a verdict, too
    identity        the sku that the item looks like; None without references
    """

    name: str
    label: Label
    confidence: float
    predicted_kind: str
    verdict: str
    reasons: tuple[str, ...] = ()
    error: str = ""
    cause: str = ""
    item_iou: float = float("nan")
    latency_ms: float = float("nan")
    pixels: PixelScores | None = None
    supervised: float = float("nan")
    anomaly: float = float("nan")
    references: ReferenceStatus = ReferenceStatus.NO_SKU
    identity: Identity | None = None


def predict(
    record: ImageRecord, label: Label, inspector: Inspector, with_depth: bool = True
) -> Prediction:
    """Judges the image and takes the answer on its target item (see ``find_target``).

    Where the inspector has references, the item is compared with those of its label's sku.

    with_depth  False: as if the camera had delivered colour alone
    """
    try:
        frame, items, mask = read_frame(record, with_depth), record.items(), record.mask()
    except DatasetError as error:
        return _failure(record, label, UNREADABLE, str(error))
    gallery = inspector.gallery
    start = time.perf_counter()
    try:
        result = inspector.judge(frame, label.sku if gallery is not None else "")
    except StationError as error:
        return _failure(record, label, NOT_LOCATED, str(error))
    latency_ms = (time.perf_counter() - start) * 1000
    outline = None if items is None else items == 1
    target = find_target(result.items, frame, outline, mask)
    if target is None:
        cause = f"{len(result.items)} items found, none of them the labelled one"
        missed = _failure(record, label, NOT_LOCATED, cause, latency_ms)
        return missed if outline is None else replace(missed, item_iou=0.0)
    assessment, report = result.assessments[target], result.reports[target]
    if assessment is None:
        return _failure(record, label, NO_ASSESSMENT, ", ".join(report.reasons.words()), latency_ms)
    alone, embedding = float(assessment.probability), assessment.embedding
    # Also of a view that is unfit for a verdict.
    difference = result.differences[target]
    compared = difference is not None and difference.same >= 0
    confidence = probability(difference.joined) if difference and compared else alone
    without_depth = result.items[target].depth_share < inspector.quality.min_depth_share
    damaged = inspector.policy.diverts(confidence, compared=compared, without_depth=without_depth)
    return Prediction(
        record.name,
        label,
        confidence,
        KINDS[int(np.argmax(assessment.kinds))] if damaged else NONE,
        report.verdict.name.lower(),
        tuple(report.reasons.words()),
        item_iou=float("nan") if outline is None else overlap(result.items[target].mask, outline),
        latency_ms=latency_ms,
        pixels=_score_pixels(assessment.maps, result.items[target], frame, label, mask),
        supervised=alone,
        anomaly=probability(difference.log_odds) if difference and compared else 0.5,
        references=report.references if difference is None else _status(compared),
        identity=gallery.identify(embedding.descriptor) if gallery and embedding else None,
    )


def _status(compared: bool) -> ReferenceStatus:
    return ReferenceStatus.USED if compared else ReferenceStatus.MISMATCH


def read_frame(record: ImageRecord, with_depth: bool) -> Frame:
    """The frame, without its depth where asked. Raises DatasetError."""
    frame = record.frame()
    return frame if with_depth else replace(frame, depth_m=None)


def _score_pixels(
    maps: NDArray[np.float32],
    item: Item,
    frame: Frame,
    label: Label,
    mask: NDArray[np.bool_] | None,
) -> PixelScores | None:
    if mask is None:
        if label.damaged:
            return None
        mask = np.zeros(frame.color.shape[:2], np.bool_)
    return score_pixels(maps, Window.around(item), mask)


def judge_again(
    record: ImageRecord, inspector: Inspector, with_depth: bool = True
) -> tuple[Frame, FrameResult] | None:
    """The frame and what was found in it, for a picture; None where it cannot be had."""
    try:
        frame = read_frame(record, with_depth)
        return frame, inspector.judge(frame)
    except (DatasetError, StationError):
        return None


def _failure(
    record: ImageRecord, label: Label, error: str, cause: str, latency_ms: float = float("nan")
) -> Prediction:
    worst = 0.0 if label.damaged else 1.0
    return Prediction(
        record.name,
        label,
        worst,
        NONE,
        "unknown",
        (),
        error,
        cause,
        latency_ms=latency_ms,
        supervised=worst,
        anomaly=worst,
    )
