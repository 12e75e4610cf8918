"""How well the references of a product serve: whether they agree, and whether damage is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from damage_perception.network import Assessment, Embedding
from damage_perception.network.bank import LEAST_TYPICAL, Bank
from damage_perception.network.damage_network import DamageNetwork
from damage_perception.odds import probability
from damage_perception.simulation.damage.written_damage import WRITABLE, damage_view
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.view import View

# References that are checked, and copies of each with damage written in: a second or two on a CPU.
MOST_CHECKED: Final = 8
_COPIES: Final = 3
# Fewer say little of how much good pieces differ.
ENOUGH: Final = 3
# A reference that lies so much farther from the others than is usual, twice as far, shows another
# side of the product, or is no good reference.
_APART: Final = float(np.log(2))
# Distance of pieces under several cameras and lights, a logarithm: nobody's references are asked to
# be more alike than that.
_USUAL: Final = -2.0
_TOLD_ENOUGH: Final = 0.5


@dataclass(frozen=True)
class ReferenceCheck:
    """What became of holding references of one product against one another.

    confidences  of each reference, that of damage against all others; NaN where there are none
    apart        which of them show another side than the others, or are no good references
    told         of ``written`` copies with damage written in, how many would be diverted
    threshold    at or above which an item is
    advice       what to do about it, for people; empty where there is nothing to do
    """

    confidences: tuple[float, ...]
    apart: tuple[bool, ...]
    told: int
    written: int
    threshold: float
    advice: tuple[str, ...]

    def lines(self) -> tuple[str, ...]:
        """For people."""
        known = [one for one in self.confidences if np.isfinite(one)]
        said = [f"damage written into them is told in {self.told} of {self.written} copies"]
        if known:
            said.append(
                f"held against one another they get a confidence of damage of {max(known):.2f} at "
                f"most; {self.threshold:.2f} diverts"
            )
        return (*said, *self.advice)


def check_references(
    views: Sequence[View],
    embeddings: Sequence[Embedding],
    network: DamageNetwork,
    policy: VerdictPolicy,
    sku: str = "",
) -> ReferenceCheck:
    """Holds each reference, whole and with damage written in, against the others.

    views       (R,) of one product, R >= 1; the first MOST_CHECKED are checked
    embeddings  (R,) of these, by ``network``, with turned copies
    policy      says which items of ``sku`` that were compared are diverted

    A reference without others is held against itself, which tells more than production will. Raises
    BackendError, also where the model compares nothing.
    """

    def diverts(confidence: float) -> bool:
        return policy.diverts(confidence, sku=sku, compared=True)

    sized = [view.resized(network.view_size) for view in views[:MOST_CHECKED]]
    rng = np.random.default_rng(0)
    confidences, apart, told = [], [], 0
    for place, view in enumerate(sized):
        others = [one for at, one in enumerate(embeddings) if at != place and len(one.cells)]
        bank = Bank.of(others or [embeddings[place]])
        kinds = rng.permutation(WRITABLE)[:_COPIES]
        copies = [damage_view(view, str(kind), rng) for kind in kinds]
        whole, *damaged = network.assess([view, *copies])
        told += sum(diverts(_confidence(one, bank, network)) for one in damaged)
        confidences.append(_confidence(whole, bank, network) if others else float("nan"))
        apart.append(_lies_apart(embeddings[place], bank))
    written = _COPIES * len(sized)
    bad = [diverts(confidence) for confidence in confidences]
    advice = _advice(len(views), apart, bad, told / written, embeddings)
    threshold = policy.threshold(sku=sku, compared=True)
    return ReferenceCheck(tuple(confidences), tuple(apart), told, written, threshold, tuple(advice))


def _advice(
    count: int,
    apart: Sequence[bool],
    diverted: Sequence[bool],
    told: float,
    embeddings: Sequence[Embedding],
) -> list[str]:
    advice = []
    if count < ENOUGH:
        advice.append(
            f"{count} reference{'s' * (count > 1)}: enroll {ENOUGH - count} more pieces, so that "
            "it is known how much good ones differ"
        )
    elif not any(apart):
        advice.append(
            f"all {count} show one side: where the product may lie on another, turn it over and "
            "enroll that as well"
        )
    typical = Bank.of(embeddings).typical if any(len(one.cells) for one in embeddings) else None
    if typical is not None and typical <= LEAST_TYPICAL:
        advice.append(
            "they show one piece that nobody moved: enroll other pieces, moved and turned"
        )
    for place, (far, bad) in enumerate(zip(apart, diverted, strict=True), start=1):
        if bad:
            advice.append(
                f"reference {place} would be diverted: retire it if it is damaged; enroll two more "
                "like it if it shows another side"
            )
        elif far:
            advice.append(f"reference {place} is alone in what it shows: enroll two more like it")
    if told < _TOLD_ENOUGH:
        advice.append(
            "damage is hardly told: look at the light, and let the item fill more of the image"
        )
    return advice


def _lies_apart(reference: Embedding, others: Bank) -> bool:
    if others.typical is None or not len(reference.cells):
        return False
    return others.distance(reference.looks) > max(others.typical, _USUAL) + _APART


def _confidence(said: Assessment, bank: Bank, network: DamageNetwork) -> float:
    card = network.card.references
    if said.embedding is None or not len(said.embedding.cells) or card is None:
        return said.probability
    compared = network.compare(said.embedding, bank)
    return probability(card.fusion.join(said.logit, compared.log_odds, said.beside))
