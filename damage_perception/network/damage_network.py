"""The damage network: views in, assessments out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.network.bank import Bank
from damage_perception.network.beside import beside
from damage_perception.network.contract import (
    CELLS,
    CHANGE,
    COLOR,
    COMPARER_INPUTS,
    COMPARER_OUTPUTS,
    DESCRIPTOR,
    EMBEDDINGS,
    HEIGHT_M,
    INPUTS,
    ITEM,
    ITEM_LOGIT,
    KIND_LOGITS,
    MAPS,
    MISSING,
    MOST_VIEWS,
    OUTPUTS,
    REFERENCES,
    SAME_LOGIT,
    VIEW,
    WIDTH_M,
    Array,
    input_problem,
    most_compared,
    output_problem,
)
from damage_perception.network.embedding import Embedding
from damage_perception.network.finder import Finder
from damage_perception.network.metric import Metric
from damage_perception.network.model_card import INT8_SYMMETRIC, ModelCard, ModelCardError
from damage_perception.network.session import (
    Arrays,
    Backend,
    BackendError,
    OnnxRuntimeBackend,
    OnnxRuntimeSession,
    Session,
)
from damage_perception.odds import probabilities, probability
from damage_perception.view import View

# Largest difference of a self-test output from what the same graph gave where it was made. Other
# processors sum in another order and round otherwise; a wrong graph is off by far more.
SELF_TEST_TOLERANCE: Final = {"fp32": 0.005, "fp16": 0.01, "int8": 0.02, INT8_SYMMETRIC: 0.02}
PRECISIONS: Final = ("fp32", "fp16", "int8")


_DIGEST: Final = ("probability", "maps_mean")


@dataclass(frozen=True)
class Assessment:
    """What the network says of one view.

    logit        calibrated log odds of damage
    probability  the same as a probability, 0..1
    kinds        (kinds,) float32, 0..1, confidence per kind of kinds.KINDS; 0 where the model does
                 not know the kind
    maps         (kinds, M, M) float32, 0..1, where in the view; 0 as above
    embedding    to compare the view with others; None where the model compares nothing
    beside       log odds of damage beside the item, of the strongest cell of the maps there
    """

    logit: float
    probability: float
    kinds: NDArray[np.float32]
    maps: NDArray[np.float32]
    embedding: Embedding | None = None
    beside: float = float("-inf")


@dataclass(frozen=True, eq=False)
class Comparison:
    """A view against references.

    log_odds    calibrated log odds of damage
    same        below 0 the references are of another product
    change      (n,) float32, 0..1, of the view's cells: differs from what it should look like
    missing     (K,) float32, 0..1, of the bank's cells: has no match in the view
    """

    log_odds: float
    same: float
    change: NDArray[np.float32]
    missing: NDArray[np.float32]


class DamageNetwork:
    """A loaded model with its card; `load` gives one that passed its self-test.

    precision  which of the card's graphs ``session`` runs
    comparer   session of the graph that compares with references; None: it compares nothing
    metric     by which it compares; there where ``comparer`` is
    finder     finds the items of frames without depth; None: the model has none
    problem    why the newest assessment failed; empty where it did not, or there was none yet
    """

    def __init__(
        self,
        card: ModelCard,
        session: Session,
        precision: str = "fp32",
        comparer: Session | None = None,
        finder: Finder | None = None,
        metric: Metric | None = None,
    ) -> None:
        self.card = card
        self.finder = finder
        self.precision = precision
        self.view_size = card.view_size
        self.problem = ""
        self._session = session
        self._comparer = comparer
        self._metric = metric

    @staticmethod
    def load(
        card_path: Path,
        precision: str = "fp32",
        backend: Backend = OnnxRuntimeBackend(),  # noqa: B008 it never changes
    ) -> DamageNetwork:
        """Loads the model that a card describes and runs its stored self-test.

        precision  one of PRECISIONS
        backend    that opens the graphs

        Raises ModelCardError where card or files are wrong, BackendError where the graph does not
        load, takes other inputs, or does not give its stored outputs.
        """
        card = ModelCard.load(card_path)
        precision = card.graph_name(precision, backend.symmetric)
        with ExitStack() as opened:
            session = backend.session(card.graph(precision), dict.fromkeys(INPUTS, MOST_VIEWS))
            opened.callback(session.close)
            comparer, metric = None, None
            if card.comparer and card.metric:
                metric = _metric(card.metric)
                comparer = backend.session(card.comparer, most_compared(card.view_size))
                opened.callback(comparer.close)
            finder = None
            if card.finder:
                # On the CPU in any case: it takes less time there than its engine takes to build.
                cpu = backend if isinstance(backend, OnnxRuntimeBackend) else OnnxRuntimeBackend()
                finder = Finder.load(card.finder, cpu)
                opened.callback(finder.close)
            network = DamageNetwork(card, session, precision, comparer, finder, metric)
            network._check_contract()
            network.self_test()
            opened.pop_all()
        return network

    def become(self, other: DamageNetwork) -> None:
        """Runs on what ``other``, of the same model, runs on; any thread may call it."""
        self.precision, self._session = other.precision, other._session
        self._comparer = other._comparer
        self.problem = ""

    def close(self) -> None:
        """Frees the sessions; it assesses nothing more."""
        for opened in (self._session, self._comparer, self.finder):
            if opened is not None:
                opened.close()

    @property
    def _graph(self) -> Path:
        return self.card.graph(self.precision)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that it tells apart, in the order of kinds.KINDS."""
        return self.card.kinds.known

    @property
    def backend(self) -> str:
        """What runs the network and how, as it stands in reports."""
        return f"{self._session.backend}-{self.precision}"

    @property
    def backend_reason(self) -> str:
        """Why that runs it."""
        return self._session.why

    @property
    def on_gpu(self) -> bool:
        """Whether it runs on a GPU."""
        return self._session.backend != OnnxRuntimeSession.backend

    def assess(self, views: Sequence[View]) -> list[Assessment]:
        """One pass over all ``views``. Raises BackendError."""
        if not views:
            return []
        try:
            found = self._assess(views)
        except BackendError as error:
            self.problem = str(error)
            raise
        self.problem = ""
        return found

    def _assess(self, views: Sequence[View]) -> list[Assessment]:
        outputs = self._session.run(
            {
                COLOR: _batch([view.color for view in views]),
                HEIGHT_M: _batch([view.height_m for view in views]),
                ITEM: _batch([view.item for view in views]),
                WIDTH_M: np.array([view.width_m for view in views], np.float32),
            }
        )
        item_logit = outputs[ITEM_LOGIT]
        if not np.isfinite(item_logit).all():
            raise BackendError("inference gave a confidence that is not a number")
        log_odds = self.card.calibration.log_odds(item_logit)
        maps = self.card.kinds.in_order(outputs[MAPS])
        kinds = self.card.kinds.in_order(probabilities(outputs[KIND_LOGITS]).astype(np.float32))
        embeddings: list[Embedding | None] = [None] * len(views)
        if self._metric is not None:
            cells, descriptors = outputs[CELLS], outputs[DESCRIPTOR]
            embeddings[:] = [
                Embedding.of(cells[i], descriptors[i], view.item, self._metric)
                for i, view in enumerate(views)
            ]
        return [
            Assessment(
                float(odds),
                probability(float(odds)),
                kinds[i],
                maps[i],
                embeddings[i],
                beside(maps[i], views[i].item),
            )
            for i, odds in enumerate(log_odds)
        ]

    def embed(self, views: Sequence[View]) -> list[Embedding]:
        """What to compare ``views`` by. Raises BackendError, also where the model has no such."""
        said = [assessment.embedding for assessment in self.assess(views)]
        found = [embedding for embedding in said if embedding is not None]
        if len(found) < len(said):
            raise BackendError(f"model {self.card.model_id} compares nothing with references")
        return found

    def compare(self, embedding: Embedding, bank: Bank) -> Comparison:
        """A view against the references in ``bank``. Raises BackendError."""
        if self._comparer is None or self.card.references is None:
            raise BackendError(f"model {self.card.model_id} compares nothing with references")
        if not len(embedding.cells):
            raise BackendError("the view shows no cell of the item: nothing to compare")
        if bank.upright.cells.shape[1] != embedding.looks.shape[1]:
            raise BackendError(
                f"references have cells of another model than {self.card.model_id}: run "
                "`damage-perception gallery reembed`"
            )
        found = self._comparer.run(
            {VIEW: embedding.compared, REFERENCES: bank.compared.astype(np.float32)}
        )
        log_odds = self.card.references.calibration.log_odds(
            float(found[ITEM_LOGIT][0]), bank.distance(embedding.looks), bank.typical
        )
        if not np.isfinite(log_odds):
            raise BackendError("comparing gave a confidence that is not a number")
        cosine = float((bank.descriptors @ embedding.descriptor).max())
        same = self.card.references.same.margin(float(found[SAME_LOGIT][0]), cosine)
        return Comparison(log_odds, same, found[CHANGE], found[MISSING])

    def self_test(self) -> float:
        """Runs the stored inputs; the largest difference from the stored outputs.

        Raises BackendError where that is beyond the SELF_TEST_TOLERANCE of the precision, or where
        outputs have other shapes than the contract says.
        """
        try:
            with np.load(self.card.self_test, allow_pickle=False) as stored:
                arrays = dict(stored)
        except (OSError, ValueError) as error:
            raise ModelCardError(f"{self.card.self_test} cannot be read: {error}") from error
        inputs = {name: arrays[name] for name in INPUTS}
        expected = stored_digest(arrays, self.precision)
        found = self._session.run(inputs)
        if problem := output_problem(
            found, self._outputs, self.view_size, len(self.card.kinds.names)
        ):
            raise BackendError(f"{self._graph} {problem}, by model card {self.card.path}")
        difference = self_test_difference(digest(found), expected)
        allowed = SELF_TEST_TOLERANCE[self.precision]
        if not difference <= allowed:
            raise BackendError(
                f"{self._graph} fails its self-test on {self.backend}: outputs differ by "
                f"{difference:.4f} from the stored ones, at most {allowed} is allowed"
            )
        return difference

    @property
    def _outputs(self) -> dict[str, Array]:
        """That the network is asked for."""
        return {**OUTPUTS, **(EMBEDDINGS if self._comparer is not None else {})}

    def _check_contract(self) -> None:
        self._check_graph(self._graph, self._session, INPUTS, self._outputs)
        if self._comparer is not None and self.card.comparer is not None:
            self._check_graph(self.card.comparer, self._comparer, COMPARER_INPUTS, COMPARER_OUTPUTS)

    def _check_graph(
        self,
        graph: Path,
        session: Session,
        inputs: Mapping[str, Array],
        outputs: Mapping[str, Array],
    ) -> None:
        if problem := input_problem(session.inputs(), inputs, self.view_size):
            raise BackendError(f"{graph} {problem}, by model card {self.card.path}")
        missing = set(outputs) - set(session.outputs())
        if missing:
            raise BackendError(
                f"{graph} has no output {', '.join(sorted(missing))}; expected {', '.join(outputs)}"
            )


def _batch(images: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """(n, ...) of n images; the one image itself where there is one."""
    return images[0][None] if len(images) == 1 else np.stack(images)


def _metric(path: Path) -> Metric:
    try:
        return Metric.load(path)
    except ValueError as error:
        raise ModelCardError(str(error)) from error


def digest(outputs: Arrays) -> Arrays:
    """What a self-test keeps of the outputs of a pass."""
    return {
        "probability": probabilities(outputs[ITEM_LOGIT]),
        "maps_mean": outputs[MAPS].mean(axis=(2, 3)),
    }


def stored_name(graph: str, name: str) -> str:
    """What one of the GRAPHS gave on the stored inputs, in the file of the self-test."""
    return name if graph == "fp32" else f"{graph}_{name}"


def stored_digest(arrays: Arrays, graph: str) -> Arrays:
    """The digest that the file of a self-test holds of a graph; of fp32 where it has no other."""
    return {name: arrays.get(stored_name(graph, name), arrays[name]) for name in _DIGEST}


def self_test_difference(found: Arrays, expected: Arrays) -> float:
    """The largest difference of two digests, 0..1; NaN where an output is not a number."""
    return float(np.max([np.abs(found[name] - expected[name]).max() for name in expected]))
