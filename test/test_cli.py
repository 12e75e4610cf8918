"""The command line: quick help, files where they were asked for, one clear line where not."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from image_folder import box_scene, write_camera, write_folder, write_image, write_labels

from damage_perception import __version__
from damage_perception.cli import main
from damage_perception.cli.running import BackendName, DetailName, Precision
from damage_perception.engines.backend import BACKENDS
from damage_perception.network import PRECISIONS, ModelCard
from damage_perception.network.detail import DETAILS

ROOT = Path(__file__).resolve().parent.parent


def ended(*arguments):
    """Exit status of a command line."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


@pytest.fixture
def folder(tmp_path):
    """Two labelled images and one that cannot be read."""
    path = write_folder(tmp_path / "in", "a", "b", "c")
    (path / "c_color.png").write_bytes(b"no image")
    write_labels(
        path,
        ("a", "s", "query", 0, "none"),
        ("b", "s", "query", 1, "tear"),
        ("c", "s", "query", 1, "hole"),
    )
    return path


def test_help_names_every_command(capsys):
    assert ended("--help") == 0
    text = capsys.readouterr().out
    for command in (
        "demo",
        "run",
        "replay",
        "inspect",
        "evaluate",
        "simulate",
        "spoil",
        "train",
        "doctor",
    ):
        assert f" {command} " in text


def test_help_waits_for_nothing_heavy():
    code = (
        "import sys, damage_perception.cli\n"
        "heavy = {'numpy', 'cv2', 'onnxruntime', 'sklearn', 'matplotlib', 'torch', 'rclpy'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_version_is_that_of_the_package(capsys):
    assert ended("--version") == 0
    assert capsys.readouterr().out.strip() == __version__


def test_inspect_writes_reports_overlays_and_masks(folder, tmp_path, shipped_card, capsys):
    out = tmp_path / "out"
    assert ended("inspect", folder, "--out", out, "--model", shipped_card) == 0
    lines = [json.loads(line) for line in (out / "reports.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines] == ["a", "b", "c"]
    assert [len(line["reports"]) for line in lines] == [1, 1, 0]
    assert {path.name for path in out.iterdir()} == {
        "reports.jsonl", "a_overlay.jpg", "a_items.png", "b_overlay.jpg", "b_items.png",
    }  # fmt: skip
    text = capsys.readouterr().out
    assert "3 frames, 2 items" in text
    assert "c_color.png is not an image" in " ".join(text.split())


def test_inspect_says_which_kinds_a_model_does_not_know(folder, tmp_path, model_copy, capsys):
    model_copy.write_text(model_copy.read_text().replace("- hole", "- scratch"))
    assert ended("inspect", folder, "--out", tmp_path / "out", "--model", model_copy) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the model does not know the kinds hole" in said
    lines = (tmp_path / "out" / "reports.jsonl").read_text().splitlines()
    [report, *_] = json.loads(lines[0])["reports"]
    assert "tear" in report["kind_confidences"] and "hole" not in report["kind_confidences"]


def test_inspect_that_judged_nothing_fails(tmp_path, shipped_card, capsys):
    write_camera(tmp_path)
    write_image(tmp_path, "a", box_scene()[0][:10])
    assert ended("inspect", tmp_path, "--out", tmp_path / "out", "--model", shipped_card) == 2
    assert capsys.readouterr().err == "error: no frame could be judged\n"


def test_a_threshold_of_ones_own_is_the_operating_point(folder, tmp_path, shipped_card):
    options = ("--model", shipped_card, "--threshold", "0.123")
    assert ended("inspect", folder, "--out", tmp_path / "out", *options) == 0
    line = json.loads((tmp_path / "out" / "reports.jsonl").read_text().splitlines()[0])
    assert line["reports"][0]["threshold"] == 0.123


def test_colour_alone_is_enrolled_where_that_is_asked_for(tmp_path, shipped_card, capsys):
    pytest.importorskip("lancedb", reason="a gallery needs lancedb: pip install lancedb")
    path = tmp_path / "tea"
    path.mkdir()
    write_camera(path)
    color, _ = box_scene()
    color[80:150, 110:200] = (40, 90, 170)
    color[100:115, 120:190] = 230
    for name in "abc":
        write_image(path, name, color)
    command = ("enroll", "tea", path, "--gallery", tmp_path / "gallery", "--model", shipped_card)
    assert ended(*command) != 0
    assert capsys.readouterr().out.count("no_depth") == 3
    assert ended(*command, "--no-depth") == 0
    text = capsys.readouterr().out
    assert "enrolled 3 views of tea" in text and "no_depth" not in text


def test_evaluate_writes_figures_and_predictions(folder, tmp_path, shipped_card, capsys):
    out = tmp_path / "out"
    assert ended("evaluate", folder, "--out", out, "--model", shipped_card) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["n_good"], metrics["n_damaged"], len(metrics["errors"])) == (1, 2, 1)
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["a", "b", "c"]
    assert all(0 <= float(row["confidence"]) <= 1 for row in rows)
    assert "AUROC" in capsys.readouterr().out


def test_every_precision_of_a_model_can_be_asked_for(folder, tmp_path, shipped_card):
    assert [choice.value for choice in Precision] == list(PRECISIONS)
    assert [choice.value for choice in BackendName] == list(BACKENDS)
    for precision in set(PRECISIONS) & set(ModelCard.load(shipped_card).graphs):
        options = ("--model", shipped_card, "--precision", precision)
        assert ended("evaluate", folder, "--out", tmp_path / precision, *options) == 0
        metrics = json.loads((tmp_path / precision / "metrics.json").read_text())
        assert metrics["backend"] == f"onnxruntime-cpu-{precision}"


def test_a_model_that_knows_no_tiles_says_so(folder, tmp_path, model_copy, capsys):
    assert [choice.value for choice in DetailName] == list(DETAILS)
    content = yaml.safe_load(model_copy.read_text()) | {"detail": None}
    model_copy.write_text(yaml.safe_dump(content))
    for choice in DETAILS:
        options = ("--model", model_copy, "--detail", choice)
        assert ended("evaluate", folder, "--out", tmp_path / choice, *options) == 0
        said = "has no section `detail`" in " ".join(capsys.readouterr().out.split())
        assert said == (choice != "off")
        metrics = json.loads((tmp_path / choice / "metrics.json").read_text())
        assert metrics["detail"] == "off"


def test_an_image_size_that_is_none_is_an_error_with_its_mend(tmp_path, capsys):
    pytest.importorskip("embreex", reason="embreex is needed to render the simulated cell")
    for options, text in (
        (("--image-size", "1280"), "expected WIDTHxHEIGHT"),
        (("--image-size", "640x480", "--fill-px", "500"), "more than the 480 rows"),
    ):
        assert ended("simulate", "--out", tmp_path, *options) == 2
        assert text in capsys.readouterr().err


def test_a_data_set_has_the_share_of_damage_asked_for(tmp_path):
    pytest.importorskip("embreex", reason="embreex is needed to render the simulated cell")
    for share in (0, 1):
        out = tmp_path / str(share)
        assert ended("simulate", "--out", out, "--items", 2, "--damaged-share", share) == 0
        with (out / "labels.csv").open(newline="") as file:
            assert {row["damaged"] for row in csv.DictReader(file)} == {str(share)}


def test_a_simulated_data_set_can_be_evaluated(tmp_path, shipped_card):
    pytest.importorskip("embreex", reason="embreex is needed to render the simulated cell")
    data, out = tmp_path / "data", tmp_path / "out"
    assert ended("simulate", "--out", data, "--items", 3, "--seed", 1) == 0
    assert len(list(data.glob("*_color.png"))) == 3
    assert ended("evaluate", data, "--out", out, "--model", shipped_card) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["n_good"] + metrics["n_damaged"] == 3


@pytest.mark.parametrize(
    ("command", "module", "mend"),
    [
        ("evaluate", "sklearn", "pip install matplotlib scikit-learn"),
        ("evaluate", "matplotlib", "pip install matplotlib scikit-learn"),
        ("simulate", "embreex", "pip install -r requirements/robot.txt"),
        ("train", "torch", "run `make training` in a checkout"),
        ("demo", "embreex", "pip install -r requirements/robot.txt"),
    ],
)
def test_a_missing_module_is_named_with_what_to_install(folder, command, module, mend):
    given = {
        "evaluate": [str(folder), "--out", "out"],
        "simulate": ["--out", "out"],
        "train": [str(ROOT / "config" / "training.yaml")],
        "demo": ["--out", "out"],
    }
    code = (
        "import sys\n"
        f"sys.modules[{module!r}] = None\n"
        "from damage_perception.cli import main\n"
        f"main({[command, *given[command]]})"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: this needs the Python module {module}")
    assert mend in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(folder.glob("out/*.log"))


def test_the_doctor_says_what_was_found(capsys):
    assert ended("doctor") in (0, 1)
    text = capsys.readouterr().out
    assert "numpy" in text
    assert "onnxruntime" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("inspect", "{tmp}/nowhere", "--out", "{tmp}/out"), "nowhere does not exist"),
        (("inspect", "{tmp}/in", "--out", "{tmp}/in"), "--out is the folder that is read"),
        (("inspect", "{tmp}/in/labels.csv", "--out", "{tmp}/out"), "no recording"),
        (("inspect", "{tmp}/in", "--out", "{tmp}/out", "--model", "x.yaml"), "x.yaml"),
        (("inspect", "{tmp}/in", "--out", "{tmp}/out", "--camera", "x.json"), "x.json"),
        (("evaluate", "{tmp}/nowhere", "--out", "{tmp}/out"), "nowhere cannot be read"),
        (("replay", "{tmp}/in", "--rate", "0"), "--rate is 0.0"),
        (("run", "--params", "x.yaml"), "parameter file x.yaml does not exist"),
        (("train", "x.yaml"), "x.yaml"),
    ],
)
def test_what_is_wrong_is_one_line_and_status_2(folder, tmp_path, capsys, arguments, message):
    assert ended(*(argument.replace("{tmp}", str(tmp_path)) for argument in arguments)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "options",
    [("--threshold", "0"), ("--threshold", "nan"), ("--false-diverts-per-1000", "0")],
)
def test_an_operating_point_that_is_none_is_refused(
    folder, tmp_path, shipped_card, capsys, options
):
    out = ("--out", tmp_path / "out", "--model", shipped_card)
    assert ended("inspect", folder, *out, *options) == 2
    assert "rror" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [("inspect",), ("paint",), ("evaluate", "x", "--out"), ("simulate", "--items", "0")],
)
def test_a_command_line_that_is_not_understood_is_status_2(arguments, capsys):
    assert ended(*arguments) == 2
    error = capsys.readouterr().err
    assert "Error" in error
    assert "Traceback" not in error


def test_where_nothing_was_compared_no_figures_of_references_are_shown():
    from damage_perception.cli.recorded import _signals

    nothing = {"enrolled": 31, "compared": 0, "mismatched": 2, "not_located": 5, "references": None}
    assert str(_signals(nothing)) == (
        "nothing was compared with the 31 references: 2 items do not match those of their sku, "
        "5 were not located"
    )
