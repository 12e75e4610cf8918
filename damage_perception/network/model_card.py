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

import yaml

from damage_perception.network.comparison import Calibration, ReferenceCard
from damage_perception.network.detail import Detail
from damage_perception.network.kind_channels import KindChannels
from damage_perception.network.operating_point import GoodItems, OperatingPoint

# What a model may be shipped as. TensorRT takes 8 bits only where zero is in the middle of every
# range, which costs a CPU its speed: so there are two graphs of int8.
INT8_SYMMETRIC: Final = "int8_symmetric"
GRAPHS: Final = ("fp32", "fp16", "int8", INT8_SYMMETRIC)


class ModelCardError(ValueError):
    """A model card, or a file that it names, is not what it has to be."""


@dataclass(frozen=True)
class ModelCard:
    """What is known of a model.

    kinds        that the model tells apart; ``warning`` of it says what this version cannot use
    graphs       by name, some of GRAPHS
    good         how good validation items score, by calibrated confidence
    comparer     graph that compares views with references; None: the model compares nothing
    metric       file of the metric by which it does; None where there is no comparer
    references   what is known of such comparisons; None where there is no comparer
    good_without_depth  how good items score that are seen without depth; None: as all others
    detail       how whole views and tiles are joined; None: the model judges no tiles
    finder       graph that finds the items of frames without depth; None: the model has none
    """

    path: Path
    model_id: str
    calibration_id: str
    kinds: KindChannels
    graphs: Mapping[str, Path]
    self_test: Path
    view_size: int
    calibration: Calibration
    good: GoodItems
    comparer: Path | None = None
    metric: Path | None = None
    references: ReferenceCard | None = None
    good_without_depth: GoodItems | None = None
    detail: Detail | None = None
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
        self, false_diverts_per_1000: float, compared: bool = False, without_depth: bool = False
    ) -> OperatingPoint:
        """The lowest threshold at which no more good items than asked for are diverted.

        compared       of items that were compared with references
        without_depth  of items that were seen by colour alone, and not compared

        Raises ValueError outside what the card's good items can show.
        """
        good = self.good
        if compared and self.references is not None:
            good = GoodItems(self.references.good_scores, self.references.good_count)
        elif without_depth and self.good_without_depth is not None:
            good = self.good_without_depth
        try:
            return good.operating_point(false_diverts_per_1000)
        except ValueError as error:
            raise ValueError(
                f"{error}, by model card {self.path.name}: ask for a rate among these, or set "
                "damage_threshold"
            ) from error


def _parse(path: Path, content: Any) -> ModelCard:
    graphs = {str(name): _file(path, entry) for name, entry in content["graphs"].items()}
    calibration, references = content["calibration"], content.get("references")
    colour = content.get("good_items_without_depth")
    return ModelCard(
        path=path,
        model_id=str(content["model_id"]),
        calibration_id=str(calibration["id"]),
        kinds=KindChannels.parse(content["kinds"]),
        graphs=graphs,
        self_test=_file(path, content["self_test"]),
        view_size=int(content["input"]["view_size"]),
        calibration=Calibration(float(calibration["scale"]), float(calibration["offset"])),
        good=GoodItems.parse(content["good_items"], content.get("worlds")),
        comparer=_file(path, references["comparer"]) if references else None,
        metric=_file(path, references["metric"]) if references else None,
        references=ReferenceCard.parse(references) if references else None,
        good_without_depth=GoodItems.parse(colour, colour.get("worlds")) if colour else None,
        detail=Detail.parse(content["detail"]) if content.get("detail") else None,
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
