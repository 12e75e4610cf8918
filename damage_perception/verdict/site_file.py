"""Reads the file of a site's rules; every error names its line and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from math import inf
from pathlib import Path
from typing import Any, Final

import yaml

from damage_perception.kinds import KINDS
from damage_perception.network.model_card import ModelCard
from damage_perception.verdict.severity import Bounds, Severity, SeverityBounds
from damage_perception.verdict.site import Match, Rule, Site, Thresholds

_TOLERATED: Final = {
    "none": Severity.UNKNOWN,
    **{str(one.name).lower(): one for one in Severity if one is not Severity.UNKNOWN},
}
_EFFECTS: Final = ("threshold", "false_diverts_per_1000", "tolerate", "require_references")


class SiteError(ValueError):
    """A site file is not what it has to be; one line for each thing to mend."""


def read_site(path: Path, card: ModelCard, cameras: Sequence[str] = ()) -> Site:
    """The rules in a file, their rates of false diverts as the thresholds that a card has for them.

    cameras  that there are; empty: not known, and any name goes

    Raises SiteError, with all that is wrong, where the file cannot be read or understood.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SiteError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SiteError(f"{path} is not text in UTF-8: {error}") from error
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise SiteError(f"{where}: not YAML: {getattr(error, 'problem', error)}") from error
    reader = _Reader(path, card, cameras)
    site = reader.site(root) if root is not None else Site()
    if reader.errors:
        raise SiteError("\n".join(reader.errors))
    return site


class _Reader:
    """Collects what is wrong and goes on, so that a file is mended in one go."""

    def __init__(self, path: Path, card: ModelCard, cameras: Sequence[str]) -> None:
        self.errors: list[str] = []
        self._path = path
        self._card = card
        self._cameras = tuple(cameras)

    def site(self, root: yaml.Node) -> Site:
        entries = self._mapping(root, "the file", ("severity", "rules"))
        bounds = SeverityBounds()
        if (node := entries.get("severity")) is not None:
            bounds = self._severity(node)
        rules = self._sequence(entries.get("rules"), "rules")
        return Site(bounds, tuple(self._rule(node, f"rule {n}") for n, node in enumerate(rules, 1)))

    def _wrong(self, node: yaml.Node, text: str) -> None:
        self.errors.append(f"{self._path}:{node.start_mark.line + 1}: {text}")

    def _severity(self, node: yaml.Node) -> SeverityBounds:
        entries = self._mapping(node, "severity", ("minor", "moderate"))
        usual = SeverityBounds()
        minor = self._bounds(entries.get("minor"), "minor", usual.minor)
        moderate = self._bounds(entries.get("moderate"), "moderate", usual.moderate)
        for field in fields(Bounds):
            low, high = getattr(minor, field.name), getattr(moderate, field.name)
            if high < low < inf:
                self._wrong(
                    node,
                    f"minor {field.name} is {low:g}, larger than moderate {field.name}, which is "
                    f"{high:g}: write the smaller of the two under minor",
                )
        return SeverityBounds(minor, moderate)

    def _bounds(self, node: yaml.Node | None, what: str, usual: Bounds) -> Bounds:
        """As the file has them; a measure that is not named there does not matter."""
        if node is None:
            return usual
        names = [field.name for field in fields(Bounds)]
        found = {
            name: self._number(value, f"{what} {name}", 0.0, 1.0 if name == "item_share" else inf)
            for name, value in self._mapping(node, what, names).items()
        }
        return Bounds(**{name: inf if bound is None else bound for name, bound in found.items()})

    def _rule(self, node: yaml.Node, what: str) -> Rule:
        entries = self._mapping(node, what, ("name", "match", *_EFFECTS))
        match = self._match(entries.get("match"), what)
        named = [name for name in _EFFECTS if name in entries]
        if not named:
            self._wrong(node, f"{what} changes nothing: give it one of {', '.join(_EFFECTS)}")
        for name in named:
            self._check_match(entries[name], what, match, name)
        return Rule(
            node.start_mark.line + 1,
            match,
            self._text(entries.get("name"), f"{what} name"),
            self._thresholds(entries, what),
            self._tolerate(entries.get("tolerate"), what),
            self._flag(entries.get("require_references"), f"{what} require_references"),
        )

    def _check_match(self, node: yaml.Node, what: str, match: Match, effect: str) -> None:
        if match.kinds and effect != "tolerate":
            self._wrong(
                node,
                f"{what} matches a kind, and {effect} is of the whole item: one confidence says "
                "whether it is damaged. Take `kind` out, or use `tolerate`",
            )
        if match.cameras and effect == "require_references":
            self._wrong(
                node, f"{what} matches a camera, and {effect} is of the item: take `camera` out"
            )

    def _match(self, node: yaml.Node | None, what: str) -> Match:
        if node is None:
            return Match()
        entries = self._mapping(node, f"{what} match", ("sku", "kind", "camera"))
        return Match(
            self._names(entries.get("sku"), f"{what} sku"),
            self._names(entries.get("kind"), f"{what} kind", KINDS),
            self._names(entries.get("camera"), f"{what} camera", self._cameras),
        )

    def _names(
        self, node: yaml.Node | None, what: str, known: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """One name, or a list of them, of ``known``; empty: any goes."""
        if node is None:
            return ()
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found = [(one, self._text(one, what)) for one in nodes]
        if not found:
            self._wrong(node, f"{what} is an empty list: name at least one, or take it out")
        for one, name in found:
            if name and known and name not in known:
                self._wrong(one, f"{what} is {name!r}; {_expected(name, known)}")
        return tuple(name for _, name in found if name)

    def _thresholds(self, entries: Mapping[str, yaml.Node], what: str) -> Thresholds | None:
        threshold, rate = entries.get("threshold"), entries.get("false_diverts_per_1000")
        if threshold is not None and rate is not None:
            self._wrong(
                rate, f"{what} has both threshold and false_diverts_per_1000: keep one of them"
            )
            return None
        if threshold is not None:
            value = self._number(threshold, f"{what} threshold", 0.0, 1.0, above=True)
            return None if value is None else Thresholds.same(value)
        if rate is None:
            return None
        value = self._number(rate, f"{what} false_diverts_per_1000", 0.0, 1000.0, above=True)
        try:
            return None if value is None else Thresholds.at_rate(self._card, value)
        except ValueError as error:
            self._wrong(rate, f"{what} {error}")
            return None

    def _tolerate(self, node: yaml.Node | None, what: str) -> Severity | None:
        if node is None:
            return None
        name = self._text(node, f"{what} tolerate").lower()
        if name and name not in _TOLERATED:
            self._wrong(node, f"{what} tolerate is {name!r}; {_expected(name, tuple(_TOLERATED))}")
            return None
        return _TOLERATED[name] if name else None

    def _flag(self, node: yaml.Node | None, what: str) -> bool | None:
        if node is None:
            return None
        value = self._scalar(node)
        if not isinstance(value, bool):
            self._wrong(node, f"{what} is {value!r}; write true or false")
            return None
        return value

    def _number(
        self, node: yaml.Node, what: str, least: float, most: float, above: bool = False
    ) -> float | None:
        """A number within both; ``above``: and larger than ``least``."""
        value = self._scalar(node)
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not least <= value <= most
            or (above and value == least)
        ):
            bounds = f"{'above ' if above else ''}{least:g}" + (
                f" to {most:g}" if most < inf else " or more"
            )
            self._wrong(node, f"{what} is {value!r}; write a number, {bounds}")
            return None
        return float(value)

    def _text(self, node: yaml.Node | None, what: str) -> str:
        """Empty where there is none."""
        if node is None:
            return ""
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            self._wrong(node, f"{what} is no text: write a name")
            return ""
        # As it is written: a sku of digits, or one with a leading zero, is a name like others.
        return str(node.value)

    @staticmethod
    def _scalar(node: yaml.Node) -> Any:
        """What YAML makes of it; the text itself where that is nothing that YAML knows."""
        try:
            return yaml.safe_load(yaml.serialize(node))
        except (yaml.YAMLError, ValueError):
            return node.value

    def _sequence(self, node: yaml.Node | None, what: str) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self._wrong(node, f"{what} is no list: begin each entry with `- `")
            return []
        return list(node.value)

    def _mapping(self, node: yaml.Node, what: str, known: Sequence[str]) -> dict[str, yaml.Node]:
        """The entries of a mapping whose names are known."""
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, f"{what} is not made of entries; expected {', '.join(known)}")
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in known:
                self._wrong(key, f"{what} has no entry {name!r}; {_expected(name, known)}")
            elif name in found:
                self._wrong(key, f"{what} names {name} twice: keep one of them")
            else:
                found[name] = value
        return found


def _expected(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else f"expected {', '.join(known)}"
