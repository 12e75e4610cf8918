"""The inspector as the options of a command describe it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from damage_perception.cli.terminal import Failure

if TYPE_CHECKING:
    from damage_perception.inspector import Inspector

ModelOption = Annotated[
    Optional[Path], typer.Option("--model", help="Model card; the one that comes along by default.")
]
StationOption = Annotated[
    Optional[Path],
    typer.Option("--station", help="Station file; without one the plane is fitted in each frame."),
]
ThresholdOption = Annotated[
    Optional[float],
    typer.Option(
        "--threshold", min=0.0, max=1.0, help="Confidence from which on an item is diverted."
    ),
]
RateOption = Annotated[
    Optional[float],
    typer.Option(
        "--false-diverts-per-1000",
        help="Good items diverted in a thousand, where no threshold is given; as the node's.",
    ),
]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Threads of one inference.")]


class Precision(str, Enum):
    """Which graph of a model runs."""

    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


PrecisionOption = Annotated[
    Precision, typer.Option(help="Which graph of the model runs; int8 is the fastest on a CPU.")
]


@dataclass(frozen=True)
class PipelineOptions:
    """What a command was told of the model, the station and the operating point."""

    model: Path | None
    station: Path | None
    threshold: float | None
    false_diverts_per_1000: float | None
    threads: int
    precision: Precision


def load_inspector(options: PipelineOptions, cameras: Sequence[str]) -> "Inspector":
    """An inspector for frames of these cameras.

    Raises what its parts raise where a file is wrong, and Failure where the operating point is none
    or the model card cannot show it.
    """
    from damage_perception.inspector import Inspector, MountedCamera
    from damage_perception.network import DamageNetwork, OnnxRuntimeBackend
    from damage_perception.share import default_model_card
    from damage_perception.station import Station, load_station
    from damage_perception.verdict.policy import VerdictPolicy

    card = options.model or default_model_card()
    network = DamageNetwork.load(card, options.precision.value, OnnxRuntimeBackend(options.threads))
    stations = {
        name: load_station(options.station, name) if options.station else Station()
        for name in cameras
    }
    mounted = {name: MountedCamera(station) for name, station in stations.items()}
    rate = options.false_diverts_per_1000
    try:
        threshold = compared = options.threshold
        if threshold is None:
            rate = _rate_of_the_node() if rate is None else rate
            threshold = network.card.operating_point(rate).threshold
            compared = network.card.operating_point(rate, compared=True).threshold
        policy = VerdictPolicy(threshold=threshold, compared_threshold=compared or 0.0)
        return Inspector(network, mounted, policy)
    except ValueError as error:
        raise Failure(str(error)) from error


def _rate_of_the_node() -> float:
    from damage_perception.ros.parameters.table import TABLE

    defaults = {parameter.name: parameter.default for parameter in TABLE}
    return float(str(defaults["false_diverts_per_1000"]))
