"""The scores of the newest items: how many are diverted, and whether they change."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from math import exp, lgamma, log, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.odds import log_odds_of, probabilities
from damage_perception.verdict.difference import ReferenceStatus
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.report import Report

# Items kept of each camera, compared and not compared ones apart.
KEPT: Final = 5000
# A site has damaged items, too, which are to be diverted; few have more in a thousand.
DAMAGED_PER_1000: Final = 1.0
# Once in so many looks chance alone warns; a look is at items that were mostly looked at before.
_CHANCE: Final = 1e-5
# Who tries a new station out shows it damaged items first.
_FEWEST: Final = 100
# The newest are held against all before them, as each stretch of as many was.
_STRETCH: Final = 500
_FEWEST_STRETCHES: Final = 3
_LIKE_BEFORE: Final = 1.5
# Of many items, what a few more change says nothing.
_EVERY: Final = 50


@dataclass(frozen=True)
class ScoreCondition:
    """What the scores of the kept items of one camera show.

    items             that are kept
    diverts_per_1000  of them at the thresholds that are in use now
    asked_per_1000    good items that may be diverted
    problem           what is unlikely to be chance; empty where nothing is
    """

    items: int
    diverts_per_1000: float
    asked_per_1000: float
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of items in the order in which they were reported.

    log_odds       (N,) of damage, calibrated
    without_depth  (N,) whether colour alone showed the item
    """

    log_odds: NDArray[np.float64]
    without_depth: NDArray[np.bool_]

    def diverted(self, policy: VerdictPolicy, compared: bool) -> int:
        """How many reach the general threshold that ``policy`` has for them."""
        confidences = probabilities(self.log_odds)
        return sum(
            policy.count_diverted(
                confidences[self.without_depth == colour], compared=compared, without_depth=colour
            )
            for colour in (False, True)
        )


@dataclass(frozen=True)
class _Score:
    number: int
    log_odds: float
    without_depth: bool
    sku: str
    cameras: tuple[str, ...]

    def is_general(self, policy: VerdictPolicy) -> bool:
        """Whether no rule of the site has another threshold for the item."""
        return not any(policy.site.threshold_rule(self.sku, name) for name in self.cameras)


class ScoreWatch:
    """Keeps the score of every reported item that has one; any thread may call it.

    Nothing follows from it by itself: no threshold changes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._kept: dict[tuple[str, bool], deque[_Score]] = {}
        self._conditions: dict[tuple[str, bool], tuple[object, ScoreCondition]] = {}

    def take(self, report: Report) -> None:
        """Takes in what was reported; a report without confidence says nothing."""
        if not np.isfinite(report.confidence):
            return
        log_odds = float(log_odds_of(report.confidence))
        compared = report.references is ReferenceStatus.USED
        with self._lock:
            self._count += 1
            score = _Score(
                self._count,
                log_odds,
                report.without_depth,
                report.sku or report.identity.sku,
                report.cameras,
            )
            for camera in report.cameras:
                kept = self._kept.setdefault((camera, compared), deque(maxlen=KEPT))
                kept.append(score)

    def seen(self) -> list[tuple[str, bool]]:
        """Of which cameras there are scores, and whether of compared items."""
        with self._lock:
            return sorted(self._kept)

    def scores(self, camera: str, compared: bool, policy: VerdictPolicy, items: int = 0) -> Scores:
        """The scores of the newest ``items`` that a camera saw.

        camera  empty: of all cameras; what several saw counts once
        policy  items that it has a threshold of their own for are left out
        items   0: all that are kept
        """
        with self._lock:
            found = {
                score.number: score
                for (name, group), kept in self._kept.items()
                if group == compared and camera in ("", name)
                for score in kept
                if score.is_general(policy)
            }
        ordered = [found[number] for number in sorted(found)][-(items or KEPT) :]
        return Scores(
            np.array([score.log_odds for score in ordered], np.float64),
            np.array([score.without_depth for score in ordered], np.bool_),
        )

    def condition(
        self, camera: str, compared: bool, policy: VerdictPolicy, asked_per_1000: float
    ) -> ScoreCondition:
        """What the scores of a camera show; looked at again after some more items."""
        group = camera, compared
        with self._lock:
            kept = self._kept.get(group, ())
            newest = kept[-1].number if kept else 0
            every = 1 if len(kept) < _STRETCH else _EVERY
            looked = (newest // every, policy, asked_per_1000)
            known = self._conditions.get(group)
        if known is not None and known[0] == looked:
            return known[1]
        condition = _condition(self.scores(*group, policy), compared, policy, asked_per_1000)
        with self._lock:
            self._conditions[group] = looked, condition
        return condition


def _condition(
    scores: Scores, compared: bool, policy: VerdictPolicy, asked_per_1000: float
) -> ScoreCondition:
    count, diverted = len(scores.log_odds), scores.diverted(policy, compared)
    rate = 1000 * diverted / count if count else 0.0
    problems = []
    expected = (asked_per_1000 + DAMAGED_PER_1000) / 1000
    if count >= _FEWEST and at_least(diverted, count, expected) < _CHANCE:
        problems.append(
            f"{rate:.1f} in 1000 of {count} items are diverted; {asked_per_1000:g} good ones may "
            "be: look at them; where they are good, ask ~/propose_operating_point"
        )
    if has_changed(scores.log_odds):
        problems.append(
            f"the newest {_STRETCH} items score otherwise than those before: look whether "
            "products, light or camera changed"
        )
    return ScoreCondition(count, rate, asked_per_1000, "; ".join(problems))


def at_least(hits: int, count: int, share: float) -> float:
    """Chance of so many hits or more, of a binomial distribution."""
    if hits <= 0:
        return 1.0
    term = exp(
        lgamma(count + 1)
        - lgamma(hits + 1)
        - lgamma(count - hits + 1)
        + hits * log(share)
        + (count - hits) * log(1 - share)
    )
    total = 0.0
    for k in range(hits, count + 1):
        total += term
        term *= (count - k) / (k + 1) * share / (1 - share)
        if term < 1e-3 * total * (1 - share):
            break
    return min(1.0, total)


def has_changed(log_odds: NDArray[np.float64]) -> bool:
    """Whether the newest of (N,) scores are of another distribution than those before.

    By Kolmogorov's and Smirnov's distance: beyond chance, and beyond what any stretch before had
    from the others, since products come in batches.
    """
    stretches = len(log_odds) // _STRETCH
    if stretches < _FEWEST_STRETCHES + 1:
        return False
    cut = log_odds[-stretches * _STRETCH :].reshape(stretches, _STRETCH)
    before, newest = cut[:-1], cut[-1]
    distance = _distance(newest, before.ravel())
    # The asymptotic bound of the two-sample test.
    among = 1 / _STRETCH + 1 / before.size
    if distance <= sqrt(0.5 * log(2 / _CHANCE) * among):
        return False
    usual = [_distance(before[i], np.delete(before, i, axis=0).ravel()) for i in range(len(before))]
    return distance > _LIKE_BEFORE * max(usual)


def _distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Greatest difference between both distribution functions."""
    a, b = np.sort(a), np.sort(b)
    places = np.concatenate((a, b))
    of_a = np.searchsorted(a, places, side="right") / len(a)
    of_b = np.searchsorted(b, places, side="right") / len(b)
    return float(np.abs(of_a - of_b).max())
