"""One table of parameters: values are held against it, and the documents follow from it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from damage_perception.network.model_card import ModelCard
from damage_perception.network.operating_point import GoodItems
from damage_perception.ros.detector.settings import policy_of, quality_of, with_limits
from damage_perception.ros.parameters import (
    TABLE,
    ParameterError,
    check_values,
    documents,
    parameters_of,
    parse_value,
)
from damage_perception.ros.parameters.check import pose_of
from damage_perception.ros.parameters.node_table import DETECTOR, RECORDER
from damage_perception.station import Station
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.quality import QualityLimits
from damage_perception.verdict.site import Site

ROOT = Path(__file__).resolve().parents[2]
TABLE_OF_CAMERA = parameters_of(["camera"])
DEFAULTS = {name: parameter.default for name, parameter in TABLE_OF_CAMERA.items()}


def test_every_default_holds_its_own_bounds():
    for parameter in TABLE:
        assert parse_value(parameter, parameter.default) == parameter.default
    check_values(DEFAULTS)


def test_the_node_judges_by_the_limits_of_the_command_line(shipped_card):
    values = DEFAULTS | {"damage_threshold": 0.5}
    assert policy_of(values, ModelCard.load(shipped_card), Site()) == VerdictPolicy.at(0.5)
    assert quality_of(values) == QualityLimits()
    assert with_limits(Station(), values, "camera") == Station()


def test_the_node_takes_the_threshold_of_colour_alone_from_the_card(shipped_card):
    card = replace(ModelCard.load(shipped_card), good_without_depth=None)
    before = policy_of(DEFAULTS, card, Site())
    assert before.threshold(without_depth=True) == before.threshold()
    blurred = GoodItems(np.linspace(0.7, 0.9, 100), 1000)
    policy = policy_of(DEFAULTS, replace(card, good_without_depth=blurred), Site())
    assert policy.threshold() == before.threshold()
    assert policy.threshold(without_depth=True) == blurred.operating_point(5).threshold
    chosen = policy_of(DEFAULTS | {"damage_threshold": 0.5}, card, Site())
    assert chosen.threshold(without_depth=True) == 0.5


def test_every_parameter_is_described():
    for parameter in TABLE:
        assert parameter.description.endswith(".") and len(parameter.description) > 20
        if parameter.type == "double" and parameter.bounds != (0.0, 1.0):
            assert parameter.unit, parameter.name


@pytest.mark.parametrize("parameter", [p for p in TABLE if p.bounds], ids=lambda p: p.name)
def test_values_beyond_the_bounds_are_refused_with_name_and_bounds(parameter):
    low, high = parameter.bounds
    for value in (low - 1, high + 1, float("nan")):
        entry = int(value) if parameter.type == "integer" and value == value else float(value)
        given = [entry] * 4 if parameter.type.endswith("_array") else entry
        with pytest.raises(ParameterError, match=parameter.name.replace(".", r"\.")):
            parse_value(parameter, given)


@given(
    st.sampled_from(sorted(TABLE_OF_CAMERA)),
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.binary(max_size=5),
        st.lists(st.floats(), max_size=8),
        st.lists(st.text(max_size=5), max_size=3),
    ),
)
def test_any_value_is_taken_or_refused(name, value):
    try:
        check_values(DEFAULTS | {name: parse_value(TABLE_OF_CAMERA[name], value)})
    except ParameterError as error:
        assert f"parameter {name}" in str(error) or name in ("dark_level", "bright_level")


def test_whole_numbers_are_doubles_where_doubles_are_asked():
    value = parse_value(TABLE_OF_CAMERA["decision_deadline_ms"], 500)
    assert value == 500.0 and isinstance(value, float)
    with pytest.raises(ParameterError, match=r"True \(bool\); expected double"):
        parse_value(TABLE_OF_CAMERA["decision_deadline_ms"], True)
    with pytest.raises(ParameterError, match="expected integer"):
        parse_value(TABLE_OF_CAMERA["threads"], 2.0)


def test_an_empty_list_in_yaml_has_no_value_and_is_empty():
    assert parse_value(TABLE_OF_CAMERA["camera.plane"], None) == []


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("cameras", [], "one or more"),
        ("cameras", ["left", "left"], "each once"),
        ("cameras", ["left camera"], "part of a topic"),
        ("camera.region_of_interest", [0.5, 0.0, 0.6, 1.0], "region of interest ends"),
        ("camera.plane", [0.0, 0.0, 1.0, -0.5], "offset_m"),
        ("camera.plane", [0.0, 0.0, 2.0, 0.5], "unit vector"),
        ("camera.pose", [0.0] * 7, "unit quaternion"),
        ("dark_level", 253, "expected the first below"),
    ],
)
def test_values_that_do_not_hold_together_are_refused(name, value, text):
    with pytest.raises(ParameterError, match=text):
        check_values(DEFAULTS | {name: value})


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1))
def test_a_pose_turns_without_stretching(quaternion):
    unit = list(np.array(quaternion) / np.linalg.norm(quaternion))
    pose = pose_of([1.0, 2.0, 3.0, *unit])
    assert pose[:3, :3] @ pose[:3, :3].T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)
    assert pose[:, 3] == pytest.approx([1, 2, 3, 1])


def test_a_quarter_turn_about_z_takes_x_to_y():
    pose = pose_of([0.0, 0.0, 0.0, 0.0, 0.0, 0.5**0.5, 0.5**0.5])
    assert pose @ [1, 0, 0, 1] == pytest.approx([0, 1, 0, 1])


def test_the_parameter_file_is_that_of_the_table():
    """Renew with: python -m damage_perception.ros.parameters --write ."""
    text = (ROOT / "config" / "damage_perception.yaml").read_text(encoding="utf-8")
    assert text == documents.yaml_text()
    nodes = yaml.safe_load(text)["/**"]
    values = nodes[DETECTOR.node]["ros__parameters"]
    for name, parameter in TABLE_OF_CAMERA.items():
        camera, _, rest = name.partition(".")
        assert (values[camera][rest] if rest else values[name]) == parameter.default
    of_recorder = {parameter.name: parameter.default for parameter in RECORDER.rows}
    assert nodes[RECORDER.node]["ros__parameters"] == of_recorder


def test_the_readme_shows_the_tables():
    """Renew with: python -m damage_perception.ros.parameters --write ."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert documents.replace_tables(readme) == readme
