"""What came of a run, and what of it must not be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from damage_perception.verdict.report import Verdict

MOST_GROWTH_MB: Final = 10.0
# A frame's work takes some and gives it back.
MOST_AT_ONCE_MB: Final = 300.0
# Images get lost on the way where the machine is busy.
LEAST_COUNTED: Final = 0.75
# What the noise of the images makes of one item's confidence.
SAME_CONFIDENCE: Final = 0.1


@dataclass(frozen=True)
class Judged:
    """Verdict, confidence and reasons of a report."""

    verdict: int
    confidence: float
    reasons: int = 0


@dataclass(frozen=True)
class Result:
    """What came of a run.

    sent                   messages by what was wrong with them
    announced              those that a subscriber can read; answered: reports on them
    undecodable            announcements that no subscriber can read
    refused                of these reports; refused_counted: the node's own count of both
    asked                  requests; unanswered_requests: those without an answer
    headless, unreadable   images of which nothing can be read, pairs whose colour breaks off;
                           _counted: those that the node counts as malformed or as overtaken
    drops                  by camera and cause, before these two rounds; frames: that were handled
    rss_mb                 memory after the warm-up, and in steps to the end; peak_mb: the most
    log_mb                 size of the node's log
    before, after          what became of the same item
    """

    messages: int
    seconds: float
    sent: dict[str, int]
    announced: int
    answered: int
    undecodable: int
    refused: int
    refused_counted: int
    asked: int
    unanswered_requests: int
    headless: int
    headless_counted: int
    unreadable: int
    unreadable_counted: int
    drops: dict[str, dict[str, int]]
    frames: int
    faults: int
    last_fault: str
    rss_mb: tuple[float, ...]
    peak_mb: float
    log_mb: float
    before: Judged
    after: Judged


def failures(result: Result) -> list[str]:
    """What must not be, a line each."""
    found = []
    if result.answered != result.announced:
        found.append(f"{result.announced} announcements have {result.answered} reports")
    refused = result.refused + result.undecodable
    if result.refused_counted != refused:
        found.append(f"{refused} refusals are counted as {result.refused_counted}")
    if result.unanswered_requests:
        found.append(f"{result.unanswered_requests} of {result.asked} requests have no answer")
    for name in ("headless", "unreadable"):
        sent, counted = getattr(result, name), getattr(result, f"{name}_counted")
        if not LEAST_COUNTED * sent <= counted <= sent:
            found.append(f"of {sent} {name} images {counted} are counted")
    if result.faults:
        found.append(f"{result.faults} faults of the node's own: {result.last_fault}")
    first_mb, last_mb = result.rss_mb[0], result.rss_mb[-1]
    if last_mb - first_mb > MOST_GROWTH_MB:
        found.append(f"memory grew from {first_mb:.0f} to {last_mb:.0f} MB")
    if result.peak_mb - first_mb > MOST_AT_ONCE_MB:
        found.append(f"memory was {result.peak_mb:.0f} MB once, {first_mb:.0f} MB usually")
    before, after = result.before, result.after
    if before.verdict != after.verdict or before.verdict == Verdict.UNKNOWN:
        found.append(f"the verdict on an item was {before}, now it is {after}")
    elif abs(before.confidence - after.confidence) > SAME_CONFIDENCE:
        found.append(f"an item had {before.confidence:.2f}, now it has {after.confidence:.2f}")
    return found
