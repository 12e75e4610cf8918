"""The inspector as the options of a command describe it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from damage_perception.cli.running import Running
from damage_perception.cli.terminal import Failure, console

if TYPE_CHECKING:
    from damage_perception.inspector import Inspector
    from damage_perception.verdict.quality import QualityLimits

StationOption = Annotated[
    Optional[Path],
    typer.Option("--station", help="Station file; without one the plane is fitted in each frame."),
]


@dataclass(frozen=True)
class OperatingPoint:
    """Options of what is diverted."""

    threshold: Annotated[
        Optional[float],
        typer.Option(min=0.0, max=1.0, help="Confidence from which on an item is diverted."),
    ] = None
    false_diverts_per_1000: Annotated[
        Optional[float],
        typer.Option(
            help="Good items diverted in a thousand, where no threshold is given; as the node's."
        ),
    ] = None


def load_inspector(
    running: Running,
    cameras: Sequence[str],
    station: Path | None,
    point: OperatingPoint = OperatingPoint(),
    limits: "QualityLimits | None" = None,
    site_file: Path | None = None,
) -> "Inspector":
    """An inspector for frames of these cameras.

    limits     that views have to keep; None: the defaults
    site_file  rules of the site; None: there are none

    Raises what its parts raise where a file is wrong, and Failure where the operating point is none
    or the model card cannot show it.
    """
    from damage_perception.inspector import Inspector, MountedCamera
    from damage_perception.station import Station, load_station
    from damage_perception.verdict.policy import VerdictPolicy
    from damage_perception.verdict.quality import QualityLimits
    from damage_perception.verdict.site_file import read_site

    network = running.load()
    stations = {name: load_station(station, name) if station else Station() for name in cameras}
    mounted = {name: MountedCamera(where) for name, where in stations.items()}
    rate = point.false_diverts_per_1000
    try:
        policy = VerdictPolicy.build(
            network.card,
            threshold=point.threshold,
            false_diverts_per_1000=_rate_of_the_node() if rate is None else rate,
            site=read_site(site_file, network.card) if site_file is not None else None,
        )
    except ValueError as error:
        raise Failure(str(error)) from error
    inspector = Inspector(
        network, mounted, policy, limits or QualityLimits(), detail=running.detail.value
    )
    if inspector.detail_problem:
        console.print(inspector.detail_problem, style="yellow", markup=False)
    return inspector


def _rate_of_the_node() -> float:
    from damage_perception.ros.parameters.table import TABLE

    defaults = {parameter.name: parameter.default for parameter in TABLE}
    return float(str(defaults["false_diverts_per_1000"]))
