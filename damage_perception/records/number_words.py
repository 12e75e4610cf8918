"""Figures in words, for the page of numbers and the shift report, in the person's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from math import isnan
from pathlib import Path
from typing import Any, Final

import yaml

from damage_perception.kinds import KINDS
from damage_perception.records.figures import By
from damage_perception.records.hints import Hint
from damage_perception.records.intervals import Rate
from damage_perception.verdict.report import Reason

LANGUAGES: Final = ("en", "de")
_FOLDER: Final = Path(__file__).parents[1] / "review" / "languages"
_REASONS: Final = frozenset(str(reason.name).lower() for reason in Reason if reason)


def thousands(number: int) -> str:
    """With narrow spaces between thousands, as readers of any language expect."""
    return f"{number:,}".replace(",", "\u202f")


class NumberWords:
    """The words of a language."""

    def __init__(self, lines: Mapping[str, str]) -> None:
        self._lines = lines

    @staticmethod
    @cache
    def of(language: str) -> NumberWords:
        """Those of ``en`` or ``de``; of the page's texts those of ``base`` and ``numbers``."""
        lines: dict[str, str] = {}
        for page in ("base", "numbers"):
            text = (_FOLDER / f"{page}.{language}.yaml").read_text(encoding="utf-8")
            lines |= {f"{page}.{name}": line for name, line in yaml.safe_load(text).items()}
        return NumberWords(lines)

    def __call__(self, key: str, **values: Any) -> str:
        """The text of ``page.name``."""
        return self._lines[key].format(**values)

    def decimal(self, value: float, digits: int) -> str:
        """With the language's decimal point; a dash where the value is NaN."""
        text = "-" if isnan(value) else f"{value:.{digits}f}"
        return text.replace(".", self("base.decimal_point"))

    def percent(self, share: float) -> str:
        """A share, 0..1; what is rare with a decimal, so that not all of it is 0 %."""
        if isnan(share):
            return "-"
        return f"{self.decimal(100 * share, 1 if 0 < share < 0.095 else 0)}\u202f%"

    def per_thousand(self, value: float) -> str:
        """So many in a thousand, to two digits or more."""
        digits = 0 if not value or value >= 9.95 else 1 if value >= 0.995 else 2
        return self.decimal(value, digits)

    def rate(self, rate: Rate) -> str:
        """With the interval; a dash where nothing was counted."""
        if isnan(rate.per_thousand):
            return "-"
        ends = (rate.per_thousand, rate.low, rate.high)
        value, low, high = (self.per_thousand(end) for end in ends)
        return self("numbers.rate", value=value, low=low, high=high)

    def reason(self, name: str) -> str:
        """Of a reason; a newer node may report some that this version has no words for."""
        return self(f"numbers.reason_{name}") if name in _REASONS else name

    def kind(self, name: str) -> str:
        """Of a kind of damage, newer ones as they are."""
        return self(f"base.kind_{name}") if name in KINDS else name

    def group(self, by: By, name: str) -> str:
        """Of a group."""
        if not name:
            return self(f"numbers.no_{by.value}")
        return {By.KIND: self.kind, By.REASON: self.reason}.get(by, str)(name)

    def cause(self, hint: Hint) -> str:
        """What went wrong, and how much."""
        return self(
            f"numbers.hint_{hint.cause.what}",
            name=self.reason(hint.cause.name) if hint.cause.what == "reason" else hint.cause.name,
            unknown=thousands(hint.unknown),
            items=thousands(hint.items),
            share=self.percent(hint.unknown / hint.items),
            usual=self.percent(hint.usual),
        )

    def times(self, since_ns: int, until_ns: int) -> str:
        """A span of time, in local time, to the minute; the day is said once where it is one."""
        since, until = (datetime.fromtimestamp(ns // 10**9) for ns in (since_ns, until_ns))
        last = "hour" if since.date() == until.date() else "date_time"
        ends = (since.strftime(self("numbers.date_time")), until.strftime(self(f"numbers.{last}")))
        return f" {self('numbers.to')} ".join(ends)

    def moment(self, time_ns: int) -> str:
        """A point in time, in local time, to the minute."""
        return datetime.fromtimestamp(time_ns // 10**9).strftime(self("numbers.date_time"))
