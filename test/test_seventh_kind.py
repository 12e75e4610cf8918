"""A seventh kind in the table of kinds goes through everything that reads the table."""

import subprocess
import sys
from pathlib import Path

import pytest

TEST = Path(__file__).parent

# In a process of its own, before anything else reads the table; as an edit of kinds.py would.
SEVENTH = """
import sys
from damage_perception import kinds

sys.path.insert(0, {test!r})
kinds.COLORS = {{**kinds.COLORS, "scratch": (160, 90, 40)}}
kinds.KINDS = tuple(kinds.COLORS)
kinds.CODES = {{kinds.NONE: 0}} | {{kind: i + 1 for i, kind in enumerate(kinds.KINDS)}}
kinds._NAMES = {{code: kind for kind, code in kinds.CODES.items()}}
"""

MODEL = """
from pathlib import Path

import numpy as np
import yaml
from red_network import PLANE
from tiny_model import write_model
from damage_perception.frame import CameraModel, Frame
from damage_perception.inspection import report_json
from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.network import DamageNetwork
from damage_perception.overlay import draw_overlay
from damage_perception.station import Station
from damage_perception.verdict.policy import VerdictPolicy

network = DamageNetwork.load(write_model(Path({folder!r}), kinds=kinds.KINDS[::-1]))
assert network.card.kinds.warning == ""
color = np.full((240, 320, 3), 90, np.uint8)
color[80:150, 100:190] = np.random.default_rng(1).integers(0, 60, (70, 90, 3))
color[80:150, 100:190, 0] = 250
depth_m = np.full((240, 320), 0.8, np.float32)
depth_m[80:150, 100:190] = 0.7
camera = CameraModel(320, 240, 300.0, 300.0, 159.5, 119.5)
inspector = Inspector(
    network, {{"camera": MountedCamera(Station(PLANE))}}, VerdictPolicy.at(0.5)
)
frame = Frame(color, depth_m, camera, "camera", "optical", 0)
result = inspector.judge(frame)
report = report_json(result.reports[0])
assert list(report["kind_confidences"])[-1] == "scratch", report
assert report["kind_confidences"]["scratch"] > 0.9, report
assert [region["kind"] for region in report["regions"]] == ["scratch"], report
assert (draw_overlay(color, result.pictures, result.reports) != color).any()
"""

MESSAGE = """
from damage_perception.ros.messages import report_message

message = report_message(result.reports[0], 0)
assert list(message.kinds) == [1, 2, 3, 4, 5, 6, 7]
assert message.kind_confidences[6] > 0.9 and message.regions[0].kind == 7
assert kinds.name_of(7) == "scratch"
"""

TRAINING = """
import torch
from product_views import product_views
from damage_perception.network import OnnxRuntimeSession
from damage_perception.network.contract import EMBEDDINGS, OUTPUTS, card_sections, output_problem
from damage_perception.training.batch import draw_batch
from damage_perception.training.graphs import write_graph
from damage_perception.training.losses import whole_loss
from damage_perception.training.model import DamageNet
import numpy as np

views = product_views(192, products=2, scenes=2)
views.kinds[views.kinds > 0] = kinds.CODES["scratch"]
batch = draw_batch(views, np.arange(len(views)), 192)
assert batch.kinds[:, 6].any() and not batch.kinds[:, :6].any()
model = DamageNet()
whole_loss(model, batch).backward()
write_graph(model, 192, {folder!r} + "/net.onnx")
inputs = [part.numpy() for part in batch.inputs]
session = OnnxRuntimeSession({folder!r} + "/net.onnx")
found = session.run(dict(zip(session.inputs(), inputs)))
assert output_problem(found, {{**OUTPUTS, **EMBEDDINGS}}, 192, 7) == ""
assert card_sections(192)["kinds"][-1] == "scratch"
"""

SIMULATION = """
from damage_perception.simulation.scene import sample_scene
from damage_perception.simulation.split import Split, generator

drawn = [sample_scene(Split.TRAIN, generator(Split.TRAIN, "view", n)).truth.kind for n in range(20)]
assert "scratch" not in drawn and set(drawn) - {{kinds.NONE}}
"""


def run(*parts, folder):
    source = "".join(parts).format(test=str(TEST), folder=str(folder))
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_model_of_seven_kinds_is_loaded_reported_and_drawn(tmp_path):
    pytest.importorskip("onnx", reason="onnx is needed to write a tiny model")
    run(SEVENTH, MODEL, folder=tmp_path)


def test_a_message_carries_seven_kinds(tmp_path):
    pytest.importorskip("rclpy", reason="needs the ROS client library")
    pytest.importorskip("onnx", reason="onnx is needed to write a tiny model")
    pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")
    run(SEVENTH, MODEL, MESSAGE, folder=tmp_path)


def test_the_simulated_cell_goes_on_without_a_kind_that_it_cannot_make(tmp_path):
    pytest.importorskip("embreex", reason="the simulated cell needs embreex")
    run(SEVENTH, SIMULATION, folder=tmp_path)


@pytest.mark.slow
def test_a_network_of_seven_kinds_is_trained_and_exported(tmp_path):
    pytest.importorskip("torch", reason="training needs PyTorch: make training")
    run(SEVENTH, TRAINING, folder=tmp_path)
