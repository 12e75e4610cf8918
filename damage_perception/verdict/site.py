"""What a site wants diverted: rules in order, each with what it is for and what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TypeVar

from damage_perception.network.model_card import ModelCard
from damage_perception.verdict.severity import Severity, SeverityBounds

Value = TypeVar("Value")


@dataclass(frozen=True)
class Thresholds:
    """Confidences at or above which an item is diverted, 0..1, by what is known of it.

    alone          by the damage network alone
    compared       with references of its sku
    without_depth  by the damage network alone, and colour alone shows it
    """

    alone: float
    compared: float
    without_depth: float

    def __post_init__(self) -> None:
        for name, threshold in vars(self).items():
            if not 0.0 < threshold <= 1.0:
                raise ValueError(f"threshold {name} is {threshold}; expected 0 < threshold <= 1")

    @staticmethod
    def at_rate(card: ModelCard, false_diverts_per_1000: float) -> Thresholds:
        """Which divert so many good items, by a model card.

        Raises ValueError where the card cannot show the rate.
        """
        return Thresholds(
            card.operating_point(false_diverts_per_1000).threshold,
            card.operating_point(false_diverts_per_1000, compared=True).threshold,
            card.operating_point(false_diverts_per_1000, without_depth=True).threshold,
        )

    @staticmethod
    def same(threshold: float) -> Thresholds:
        """One for whatever is known."""
        return Thresholds(threshold, threshold, threshold)

    def of(self, compared: bool, without_depth: bool) -> float:
        """That of an item."""
        if compared:
            return self.compared
        return self.without_depth if without_depth else self.alone


@dataclass(frozen=True)
class Match:
    """What a rule is for; where a tuple is empty, anything.

    skus     globs, as in a shell: "box-*"
    kinds    of damage, names of kinds.KINDS
    cameras  names as in the parameter `cameras`
    """

    skus: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()

    def fits(self, sku: str, kind: str = "", camera: str = "") -> bool:
        """Whether it holds of an item, a kind of damage and a camera that saw it.

        An item without a sku fits no glob, not even "*".
        """
        return (
            (not self.skus or (bool(sku) and any(fnmatchcase(sku, glob) for glob in self.skus)))
            and (not self.kinds or kind in self.kinds)
            and (not self.cameras or camera in self.cameras)
        )

    def words(self) -> str:
        """For people."""
        said = (("sku", self.skus), ("kind", self.kinds), ("camera", self.cameras))
        return ", ".join(f"{name} {' or '.join(some)}" for name, some in said if some) or "anything"


@dataclass(frozen=True)
class Rule:
    """One rule; what is None it does not speak of.

    line                    of the site file
    thresholds              at which items are diverted
    tolerate                damage up to this severity does not divert; UNKNOWN: none is tolerated
    require_references      whether an item that was not compared can pass
    """

    line: int
    match: Match = field(default_factory=Match)
    name: str = ""
    thresholds: Thresholds | None = None
    tolerate: Severity | None = None
    require_references: bool | None = None

    def words(self) -> str:
        """For people: where it stands and what it is called."""
        return f"line {self.line}" + (f" ({self.name})" if self.name else "")


@dataclass(frozen=True)
class Site:
    """The rules of a site. Of each thing the first rule that fits and speaks of it decides.

    severity  how measures become minor, moderate, major
    """

    severity: SeverityBounds = field(default_factory=SeverityBounds)
    rules: tuple[Rule, ...] = ()

    def threshold_rule(self, sku: str, camera: str) -> Rule | None:
        """That which gives thresholds; None: the general ones hold."""
        return self._first(lambda rule: rule.thresholds, sku, camera=camera)

    def tolerance_rule(self, sku: str, kind: str, camera: str) -> Rule | None:
        """That which says how much damage of a kind is tolerated; None: none is."""
        return self._first(lambda rule: rule.tolerate, sku, kind, camera)

    def reference_rule(self, sku: str) -> Rule | None:
        """That which says whether it takes references to pass; None: it does not."""
        return self._first(lambda rule: rule.require_references, sku)

    def _first(
        self, effect: Callable[[Rule], Value | None], sku: str, kind: str = "", camera: str = ""
    ) -> Rule | None:
        fitting = (rule for rule in self.rules if effect(rule) is not None)
        return next((rule for rule in fitting if rule.match.fits(sku, kind, camera)), None)
