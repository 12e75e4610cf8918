"""The model card: a YAML file beside the ONNX graph that says what the graph is and what it knows.

The card names the graphs, one for each precision, and their sha256, the input contract, the stored
self-test, the calibration and the scores of good items, from which any operating point follows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from damage_perception.kinds import KINDS
from damage_perception.network.comparison import Calibration, ReferenceCard
from damage_perception.network.operating_point import OperatingPoint, find_operating_point

# What a model may be shipped as. TensorRT takes 8 bits only where zero is in the middle of every
# range, which costs a CPU its speed: so there are two graphs of int8.
INT8_SYMMETRIC: Final = "int8_symmetric"
GRAPHS: Final = ("fp32", "fp16", "int8", INT8_SYMMETRIC)


class ModelCardError(ValueError):
    """A model card, or a file that it names, is not what it has to be."""


@dataclass(frozen=True)
class ModelCard:
    """What is known of a model.

    graphs       by name, some of GRAPHS
    good_scores  (N,) sorted calibrated confidences of the highest-scoring good validation items
    good_count   how many good items were scored in all
    comparer     graph that compares views with references; None: the model compares nothing
    references   what is known of such comparisons; None where there is no comparer
    finder       graph that finds the items of frames without depth; None: the model has none
    """

    path: Path
    model_id: str
    calibration_id: str
    graphs: Mapping[str, Path]
    self_test: Path
    view_size: int
    calibration: Calibration
    good_scores: NDArray[np.float64]
    good_count: int
    comparer: Path | None = None
    references: ReferenceCard | None = None
    finder: Path | None = None

    @staticmethod
    def load(path: Path) -> ModelCard:
        """Reads a card and checks the sha256 of the files it names. Raises ModelCardError."""
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelCardError(f"model card {path} cannot be read: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ModelCardError(f"model card {path} is not YAML: {error}") from error
        try:
            return _parse(path, content)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, ModelCardError):
                raise
            raise ModelCardError(f"model card {path} lacks or garbles {error}") from error

    @staticmethod
    def graph_name(precision: str, symmetric: bool) -> str:
        """Which of GRAPHS a backend takes that does or does not need symmetric ranges."""
        return INT8_SYMMETRIC if precision == "int8" and symmetric else precision

    def graph(self, name: str) -> Path:
        """The graph of that name. Raises ModelCardError where the model has none."""
        if name not in self.graphs:
            raise ModelCardError(
                f"model card {self.path} has no graph in {name}; it has {', '.join(self.graphs)}"
            )
        return self.graphs[name]

    def operating_point(
        self, false_diverts_per_1000: float, compared: bool = False
    ) -> OperatingPoint:
        """The lowest threshold at which no more good items than asked for are diverted.

        compared  of items that were compared with references

        Raises ValueError outside what the card's good items can show.
        """
        highest, count = self.good_scores, self.good_count
        if compared and self.references is not None:
            highest, count = self.references.good_scores, self.references.good_count
        try:
            return find_operating_point(highest, count, false_diverts_per_1000)
        except ValueError as error:
            raise ValueError(
                f"{error}, by model card {self.path.name}: ask for a rate among these, or set "
                "damage_threshold"
            ) from error


def _parse(path: Path, content: Any) -> ModelCard:
    kinds = tuple(content["kinds"])
    if kinds != KINDS:
        raise ModelCardError(f"model card {path} has the kinds {kinds}; expected {KINDS}")
    graphs = {str(name): _file(path, entry) for name, entry in content["graphs"].items()}
    calibration, good = content["calibration"], content["good_items"]
    references = content.get("references")
    return ModelCard(
        path=path,
        model_id=str(content["model_id"]),
        calibration_id=str(calibration["id"]),
        graphs=graphs,
        self_test=_file(path, content["self_test"]),
        view_size=int(content["input"]["view_size"]),
        calibration=Calibration(float(calibration["scale"]), float(calibration["offset"])),
        good_scores=np.sort(np.asarray(good["highest_confidences"], np.float64)),
        good_count=int(good["count"]),
        comparer=_file(path, references["comparer"]) if references else None,
        references=ReferenceCard.parse(references) if references else None,
        finder=_file(path, content["finder"]) if content.get("finder") else None,
    )


def _file(card: Path, entry: Mapping[str, str]) -> Path:
    """A file that a card names, which has to be the one it means."""
    file = card.parent / entry["file"]
    if not file.is_file():
        raise ModelCardError(f"{file}, named in model card {card}, is missing")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != entry["sha256"]:
        raise ModelCardError(
            f"{file} has sha256 {digest}; model card {card} says {entry['sha256']}: "
            "the file is truncated or of another model"
        )
    return file
