"""Kinds of a model are put in the order of the code by name; what cannot be said is 0 and told."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is needed to write a tiny model")

from tiny_model import VIEW_SIZE, write_model  # noqa: E402

from damage_perception.inspection import report_json  # noqa: E402
from damage_perception.inspector import Inspector, MountedCamera  # noqa: E402
from damage_perception.kinds import CRUSH, HOLE, KINDS, MISSING_UNIT, TEAR  # noqa: E402
from damage_perception.network import DamageNetwork  # noqa: E402
from damage_perception.network.kind_channels import KindChannels  # noqa: E402
from damage_perception.station import Station  # noqa: E402
from damage_perception.verdict.policy import VerdictPolicy  # noqa: E402
from damage_perception.view import View, Window  # noqa: E402


def network(folder, *kinds):
    return DamageNetwork.load(write_model(folder, kinds=kinds))


def red_view():
    shape = (VIEW_SIZE, VIEW_SIZE)
    color = np.zeros((*shape, 3), np.uint8)
    color[..., 0] = 255
    window = Window(0, 0, VIEW_SIZE)
    return View(color, np.zeros(shape, np.float32), np.ones(shape, np.uint8), 0.3, window)


def test_kinds_in_another_order_go_to_their_places(tmp_path):
    turned = network(tmp_path, *reversed(KINDS))
    [said] = turned.assess([red_view()])
    assert turned.card.kinds.warning == "" and turned.kinds == KINDS
    assert KINDS[said.kinds.argmax()] == MISSING_UNIT
    assert said.maps.max(axis=(1, 2)).tolist() == [0, 0, 0, 0, 0, 1]


def test_what_the_model_does_not_know_is_0_and_said_so(tmp_path):
    few = network(tmp_path, TEAR, HOLE)
    [said] = few.assess([red_view()])
    assert few.kinds == (TEAR, HOLE)
    assert said.kinds.shape == (len(KINDS),) and said.kinds[KINDS.index(TEAR)] > 0.99
    lacking = [KINDS.index(kind) for kind in KINDS if kind not in (TEAR, HOLE)]
    assert not said.kinds[lacking].any() and not said.maps[lacking].any()
    assert few.card.kinds.warning == (
        "the model does not know the kinds crush, deconstruction, spillage, missing_unit"
    )


def test_damage_of_a_kind_that_only_the_model_knows_counts(tmp_path):
    seven = network(tmp_path / "seven", "scratch", *KINDS)
    six = network(tmp_path / "six", *KINDS)
    [said], [expected] = seven.assess([red_view()]), six.assess([red_view()])
    assert said.logit == expected.logit > 0
    assert said.kinds.max() == 0.5 and not said.maps.any()
    assert "does not know the kinds scratch: such damage counts" in seven.card.kinds.warning


def test_a_report_lists_the_kinds_that_the_model_knows(tmp_path, red_item):
    frame, plane = red_item

    def report_of(*kinds):
        model = network(tmp_path / "-".join(kinds), *kinds)
        cameras = {"camera": MountedCamera(Station(plane))}
        inspector = Inspector(model, cameras, VerdictPolicy.at(0.5))
        [report] = inspector.judge(frame).reports
        return report_json(report)

    torn = report_of(TEAR, CRUSH)
    assert list(torn["kind_confidences"]) == [CRUSH, TEAR]
    assert torn["kind_confidences"][TEAR] > 0.9 and torn["regions"][0]["kind"] == TEAR
    scratched = report_of("scratch", TEAR)
    assert scratched["verdict"] == torn["verdict"] == "divert"
    assert list(scratched["kind_confidences"]) == [TEAR] and scratched["regions"] == []


@pytest.fixture
def red_item():
    """A frame of a red box, and the plane under it."""
    from red_network import PLANE

    from damage_perception.frame import CameraModel, Frame

    color = np.full((240, 320, 3), 90, np.uint8)
    color[80:150, 100:190] = np.random.default_rng(1).integers(0, 60, (70, 90, 3))
    color[80:150, 100:190, 0] = 250
    depth_m = np.full((240, 320), 0.8, np.float32)
    depth_m[80:150, 100:190] = 0.7
    camera = CameraModel(320, 240, 300.0, 300.0, 159.5, 119.5)
    return Frame(color, depth_m, camera, "camera", "optical", 0), PLANE


def test_channels_in_the_order_of_the_code_are_not_copied():
    maps = np.zeros((2, len(KINDS), 3, 3), np.float32)
    assert KindChannels(KINDS).in_order(maps) is maps
