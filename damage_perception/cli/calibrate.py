"""The command that finds out where the cameras of a station are to each other."""

import time
from collections.abc import Iterator
from contextlib import closing, suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Optional

import typer
from rich.table import Table

from damage_perception.cli.sources import TopicOptions
from damage_perception.cli.terminal import Failure, console, shown
from damage_perception.cli.transport import use_large_image_transport

if TYPE_CHECKING:
    from damage_perception.calibration.board import Board
    from damage_perception.calibration.collecting import Collection
    from damage_perception.calibration.fit import StationFit
    from damage_perception.calibration.poses import Pose

# Placements are counted so often while images come in.
_COUNT_S: Final = 1.0


class Paper(str, Enum):
    """Which board it is."""

    a4 = "a4"
    a3 = "a3"


def calibrate_cameras(
    sources: Annotated[
        Optional[list[Path]],
        typer.Argument(
            help="An image folder of each camera, named like it, or a recording of all of them."
        ),
    ] = None,
    live: Annotated[
        str, typer.Option(help="Cameras to listen to instead, by name: front,side.")
    ] = "",
    params: Annotated[Optional[Path], typer.Option(help="Parameter file to write.")] = None,
    board: Annotated[
        Optional[Path], typer.Option(help="Write the board as a PDF to print, and nothing else.")
    ] = None,
    paper: Annotated[Paper, typer.Option(help="Size of the board.")] = Paper.a4,
    ruler_mm: Annotated[
        float, typer.Option(help="Length of the ruler on the print, measured.")
    ] = 100.0,
    thickness_mm: Annotated[
        float, typer.Option(min=0, help="Of the plate that the board is on.")
    ] = 0.0,
    station_board: Annotated[
        Optional[int],
        typer.Option(help="Place at which the board lay on the support; by default the first, 1."),
    ] = None,
    from_tf: Annotated[
        str,
        typer.Option(
            help="With --live: poses from /tf_static, in this frame, whose z axis points up."
        ),
    ] = "",
    publish_tf: Annotated[
        str,
        typer.Option(
            help="Then publish them on /tf_static, in a frame of this name, until Ctrl-C."
        ),
    ] = "",
    namespace: Annotated[str, typer.Option(help="Of the topics of --live: /cell.")] = "",
    *,
    topics: TopicOptions,
) -> None:
    """Find out where the cameras of a station are to each other: <camera>.pose.

    Print a board with --board. Lay it on the support first, where all cameras see it.
    Then put it in 20 places or more that two cameras see, and leave it there for a
    second: in all parts of the images, near and far, tilted to all sides.
    """
    from damage_perception.calibration.board import BOARDS

    if not 50 <= ruler_mm <= 200:
        raise Failure(f"--ruler-mm is {ruler_mm:g}; expected about 100, in millimetres")
    if board is not None:
        from damage_perception.calibration.sheet import write_sheet

        write_sheet(BOARDS[paper.value], board)
        console.print(f"wrote {board}: print it at 100 %, and measure the ruler", markup=False)
        return
    cameras = [name.strip() for name in live.split(",") if name.strip()]
    if bool(sources) == bool(cameras):
        raise Failure("name recordings, or cameras with --live; --board FILE.pdf prints the board")
    if from_tf and not cameras:
        raise Failure("--from-tf needs the cameras: --live front,side")
    if from_tf:
        _take_from_tf(from_tf, cameras, namespace, params)
        return
    printed = BOARDS[paper.value].scaled(ruler_mm / 100)
    found = (
        _collect_live(cameras, namespace, printed)
        if cameras
        else _collect_recorded(sources or [], topics, printed)
    )
    fit = _fitted(found, station_board, thickness_mm)
    _finish(fit, found, paper, params)
    if publish_tf:
        frame_ids = {name: found.frame_ids[name] or name for name in fit.poses}
        _publish(publish_tf, {frame_ids[name]: pose for name, pose in fit.poses.items()})


def _collect_recorded(sources: list[Path], topics: TopicOptions, board: "Board") -> "Collection":
    from damage_perception.calibration.collecting import Collection
    from damage_perception.calibration.recordings import Recordings
    from damage_perception.dataset import DatasetError

    recordings = Recordings(sources, topics.topics())
    found = Collection(board)
    unread = []
    for record in shown(recordings, "looking for the board", len(recordings)):
        try:
            frame = record.frame()
        except DatasetError as error:
            unread.append(str(error))
            continue
        found.take(frame)
    if unread:
        console.print(
            f"{len(unread)} images cannot be read, such as {unread[0]}",
            style="yellow",
            markup=False,
        )
    return found


def _collect_live(cameras: list[str], namespace: str, board: "Board") -> "Collection":
    from damage_perception.calibration.collecting import Collection, is_enough

    use_large_image_transport()
    # After the environment is set: Fast DDS reads it when it is loaded.
    from damage_perception.ros.board_camera import live_rounds

    found = Collection(board)
    console.print(
        "Lay the board on the support, then show it in 20 places. Ctrl-C ends it earlier."
    )
    counted_s, before = time.monotonic(), 0
    rounds = live_rounds(cameras, _ros_arguments(namespace))
    with suppress(KeyboardInterrupt), closing(rounds):
        for frames in rounds:
            for frame in frames:
                found.take(frame)
            if time.monotonic() - counted_s < _COUNT_S:
                continue
            counted_s, places = time.monotonic(), found.placements()
            if len(places) > before:
                before, newest = len(places), places[-1]
                console.print(f"{before} places; the newest by {', '.join(newest.views)}")
            if is_enough(places, cameras):
                break
    if silent := [name for name in cameras if name not in found.models]:
        raise Failure(
            f"no image with camera_info came from {', '.join(silent)}: check names, namespace and "
            "ROS domain"
        )
    return found


def _fitted(found: "Collection", station: int | None, thickness_mm: float) -> "StationFit":
    from damage_perception.calibration.station import fit_station

    places, with_board = found.placements(), found.with_board()
    if not with_board:
        raise Failure(
            f"no image shows the {found.board.paper} board: show the whole board, nearer, in focus "
            "and without glare; --paper says which one it is"
        )
    if not places:
        raise Failure(
            f"{with_board.total()} images show the board, but it is never at rest in them: hold it "
            "still for a second at each place"
        )
    return fit_station(places, found.board, found.models, station, thickness_mm / 1000)


def _finish(fit: "StationFit", found: "Collection", paper: Paper, params: Path | None) -> None:
    """Shows how good it is, and writes it where it is good enough. Raises Failure where not."""
    from damage_perception.calibration.parameter_file import remarks_on, write_poses
    from damage_perception.calibration.quality import shortcomings

    for table in _tables(fit):
        console.print(table)
    if fit.left_out:
        left_out = ", ".join(f"{camera} of place {number}" for number, camera in fit.left_out)
        console.print(
            f"left out, since the board moved or was mistaken: {left_out}",
            style="yellow",
            markup=False,
        )
    for name, one in fit.cameras.items():
        if one.intrinsics.is_off:
            console.print(
                f"the views of {name} do not fit its camera_info; they would with "
                f"{one.intrinsics.words()}: the pose makes up for it in part",
                style="yellow",
                markup=False,
            )
    if reasons := shortcomings(fit):
        raise Failure("not good enough, nothing is written: " + "; ".join(reasons))
    if params is not None:
        write_poses(fit.poses, remarks_on(fit, paper.value), params)
        console.print(f"wrote {params}", markup=False)


def _tables(fit: "StationFit") -> Iterator[Table]:
    table = Table(title=f"{len(fit.boards)} places; place {fit.station} is the station")
    for title in ("camera", "views", "off px", "worst", "covered", "uncertain", "agrees", "depth"):
        table.add_column(title, justify="left" if title == "camera" else "right")
    for name, one in fit.cameras.items():
        table.add_row(
            name,
            str(one.views),
            f"{one.rms_px:.2f}",
            f"{one.worst_px:.2f} (place {one.worst_placement})",
            f"{one.coverage:.0%}",
            f"{one.position_mm:.2f} mm, {one.angle_deg:.3f} deg",
            f"{one.agreement_mm:.1f} mm",
            "-" if one.depth_scale is None else f"{one.depth_scale:.1%}",
        )
    yield table
    table = Table(title="two cameras")
    for title in ("cameras", "common places", "uncertain"):
        table.add_column(title, justify="left" if title == "cameras" else "right")
    for (a, b), pair in fit.pairs.items():
        uncertain = f"{pair.position_mm:.2f} mm, {pair.angle_deg:.3f} deg"
        table.add_row(f"{a}, {b}", str(pair.common), uncertain)
    yield table


def _take_from_tf(base: str, cameras: list[str], namespace: str, params: Path | None) -> None:
    from damage_perception.calibration.parameter_file import write_poses

    use_large_image_transport()
    from damage_perception.ros.transforms import TransformsMissing, camera_poses

    try:
        poses = camera_poses(base, cameras, _ros_arguments(namespace))
    except TransformsMissing as error:
        raise Failure(str(error)) from error
    for name, pose in poses.items():
        x, y, z = pose[:3, 3]
        console.print(f"{name}: {x:.4f} {y:.4f} {z:.4f} m in {base}", markup=False)
    if params is not None:
        write_poses(poses, [f"Taken from /tf_static, in the frame {base}; not measured."], params)
        console.print(f"wrote {params}", markup=False)


def _publish(base: str, poses: "dict[str, Pose]") -> None:
    from damage_perception.ros.transforms import TransformsMissing, keep_published

    console.print(f"publishing {', '.join(poses)} in {base}; Ctrl-C ends it", markup=False)
    try:
        keep_published(base, poses)
    except TransformsMissing as error:
        raise Failure(str(error)) from error


def _ros_arguments(namespace: str) -> list[str]:
    return ["--ros-args", "-r", f"__ns:={namespace}"] if namespace else []


COMMANDS = (calibrate_cameras,)
