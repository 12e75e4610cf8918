"""damage-perception calibrate-cameras on recordings: what it says, writes and refuses."""

import json

import cv2
import numpy as np
import pytest
import typer
import yaml
from image_folder import CAMERA
from typer.testing import CliRunner

pytest.importorskip("cv2.aruco", reason="this OpenCV comes without ArUco")

from benchmarks.cameras import SMALL, boards, pose_errors, station
from damage_perception.calibration.board import BOARDS
from damage_perception.calibration.poses import inverse, pose_of_values
from damage_perception.calibration.rendered import render
from damage_perception.cli.calibrate import COMMANDS
from damage_perception.cli.grouped import grouped
from damage_perception.cli.terminal import Failure
from damage_perception.dataset import DatasetError

PLACES = 12
SEEN = ("front", "left")


@pytest.fixture(scope="module")
def cell():
    """Cameras, places, and the picture of each camera of each place."""
    rng = np.random.default_rng(11)
    cameras, places = station(rng), boards(rng, PLACES)
    pictures = {
        name: [render(BOARDS["a4"], SMALL, inverse(cameras[name]) @ place, rng) for place in places]
        for name in SEEN
    }
    return {name: cameras[name] for name in SEEN}, places, pictures


def write_folder(folder, pictures, depth_mm=None):
    folder.mkdir(parents=True)
    camera = {"width": SMALL.width, "height": SMALL.height, "fx": SMALL.fx, "fy": SMALL.fy}
    camera |= {"cx": SMALL.cx, "cy": SMALL.cy, "depth_unit_m": 0.001}
    (folder / "camera.json").write_text(json.dumps(CAMERA | camera))
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"place{number:02d}_color.png"), picture[..., ::-1])
        if depth_mm is not None:
            cv2.imwrite(str(folder / f"place{number:02d}_depth.png"), depth_mm[number])


@pytest.fixture(scope="module")
def folders(cell, tmp_path_factory):
    """A folder with an image folder of each camera."""
    path = tmp_path_factory.mktemp("recorded")
    for name, pictures in cell[2].items():
        write_folder(path / name, pictures)
    return path


def run(*arguments):
    """Exit status and output; raises what the command raises."""
    app = typer.Typer()
    for command in COMMANDS:
        app.command()(grouped(command))
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def poses_in(params):
    values = yaml.safe_load(params.read_text())["/**"]["damage_detector"]["ros__parameters"]
    return {name: pose_of_values(one["pose"]) for name, one in values.items()}


def test_image_folders_become_a_parameter_file(cell, folders, tmp_path):
    params = tmp_path / "new" / "cameras.yaml"
    status, output = run(folders, "--params", params)
    assert status == 0 and f"wrote {params}" in output.replace("\n", "")
    ((error_mm, error_deg),) = pose_errors(poses_in(params), cell[0])
    assert error_mm < 0.5 and error_deg < 0.1
    text = params.read_text()
    assert text.startswith(f"# Calibrated on {PLACES} places of the a4 board; place 1 lay on")
    assert "# front: 12 views" in text


def test_the_detector_takes_the_file(folders, tmp_path):
    pytest.importorskip("rclpy", reason="the ROS client library is not installed")
    from damage_perception.ros.parameters.check import parse_value, pose_of
    from damage_perception.ros.parameters.table import parameters_of

    run(folders / "front", folders / "left", "--params", tmp_path / "cameras.yaml")
    values = yaml.safe_load((tmp_path / "cameras.yaml").read_text())
    known = parameters_of(SEEN)
    for name, one in values["/**"]["damage_detector"]["ros__parameters"].items():
        pose_of(parse_value(known[f"{name}.pose"], one["pose"]))


def test_a_recording_with_several_cameras_is_read(cell, tmp_path):
    recording = pytest.importorskip("recording")
    messages = []
    for name, pictures in cell[2].items():
        for number, picture in enumerate(pictures):
            ms = 2000 * number + 1000 + (7 if name == "left" else 0)
            begin = f"/cell/{name}/color"
            messages.append((f"{begin}/image_raw", ms, recording.image(ms, "rgb8", picture)))
            messages.append((f"{begin}/camera_info", ms, recording.info(ms, SMALL)))
    bag = recording.write_bag(tmp_path / "bag", sorted(messages, key=lambda m: m[1]))
    run(bag, "--params", tmp_path / "cameras.yaml")
    ((error_mm, error_deg),) = pose_errors(poses_in(tmp_path / "cameras.yaml"), cell[0])
    assert error_mm < 0.5 and error_deg < 0.1


def test_a_measured_ruler_scales_the_board(cell, folders, tmp_path):
    run(folders, "--params", tmp_path / "cameras.yaml", "--ruler-mm", 97)
    found, true = poses_in(tmp_path / "cameras.yaml"), cell[0]
    for name in SEEN:
        assert found[name][:3, 3] == pytest.approx(0.97 * true[name][:3, 3], abs=0.002)


def test_a_print_of_another_scale_is_found_by_depth(cell, tmp_path):
    cameras, places, pictures = cell
    for name in SEEN:
        depth_mm = []
        for place in places:
            # The plane of the board, everywhere, at 95 % of where its size has it.
            at = inverse(cameras[name]) @ place
            normal = at[:3, 2]
            depth_m = (normal @ at[:3, 3]) / (SMALL.rays @ normal)
            depth_mm.append(np.clip(950 * depth_m, 0, 60000).astype(np.uint16))
        write_folder(tmp_path / name, pictures[name], depth_mm)
    with pytest.raises(Failure, match=r"by depth the board has 9[45]\.\d% of its size") as caught:
        run(tmp_path, "--params", tmp_path / "cameras.yaml")
    assert "nothing is written" in str(caught.value)
    assert not (tmp_path / "cameras.yaml").exists()
    run(tmp_path, "--params", tmp_path / "cameras.yaml", "--ruler-mm", 95)
    assert (tmp_path / "cameras.yaml").exists()


def test_too_few_places_are_refused_with_what_to_do(cell, tmp_path):
    for name, pictures in cell[2].items():
        write_folder(tmp_path / name, pictures[:4])
    with pytest.raises(Failure, match=r"front \(4\), left \(4\): show it in 8 or more"):
        run(tmp_path, "--params", tmp_path / "cameras.yaml")
    assert not (tmp_path / "cameras.yaml").exists()


def test_images_that_cannot_be_read_are_counted_and_left_out(cell, folders, tmp_path):
    for name, pictures in cell[2].items():
        write_folder(tmp_path / name, pictures)
    (tmp_path / "left" / "place03_color.png").write_bytes(b"no image")
    _, output = run(tmp_path, "--params", tmp_path / "cameras.yaml")
    assert "1 images cannot be read" in output
    text = (tmp_path / "cameras.yaml").read_text()
    assert "front: 12 views" in text and "left: 11 views" in text


def test_the_wrong_paper_is_said(folders):
    with pytest.raises(Failure, match=r"no image shows the a3 board.*--paper says which"):
        run(folders, "--paper", "a3")


def test_one_camera_alone_is_refused(folders):
    with pytest.raises(DatasetError, match="one camera, front"):
        run(folders / "front")


def test_a_folder_that_cannot_name_a_camera_is_refused(cell, tmp_path):
    write_folder(tmp_path / "1st camera", cell[2]["front"][:1])
    with pytest.raises(DatasetError, match="'1st camera' cannot be the name of a camera"):
        run(tmp_path / "1st camera")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "name recordings, or cameras with --live"),
        (("x", "--live", "a,b"), "name recordings, or cameras with --live"),
        (("x", "--from-tf", "station"), "--from-tf needs the cameras"),
        (("x", "--ruler-mm", "10"), "--ruler-mm is 10"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, text):
    with pytest.raises(Failure, match=text):
        run(*arguments)


def test_the_board_is_written_as_a_pdf(tmp_path):
    pytest.importorskip("matplotlib")
    status, output = run("--board", tmp_path / "board.pdf", "--paper", "a3")
    assert status == 0 and "print it at 100 %" in output
    assert (tmp_path / "board.pdf").read_bytes().startswith(b"%PDF")
