"""Stations survive the round trip through their file; a wrong file is refused with its cause."""

import re

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from damage_perception.frame import CameraModel
from damage_perception.station import (
    Plane,
    RegionOfInterest,
    Station,
    StationError,
    load_station,
    load_stations,
    save_stations,
)

PLANE = "plane: {normal: [0.0, 0.0, -1.0], offset_m: 0.8}"


def same(one: Station, other: Station) -> bool:
    planes = [station.plane for station in (one, other)]
    if None in planes:
        return planes == [None, None]
    return (
        np.allclose(planes[0].normal, planes[1].normal, atol=1e-12)
        and planes[0].offset_m == planes[1].offset_m
        and one.roi == other.roi
        and one.min_height_m == other.min_height_m
        and one.min_area_m2 == other.min_area_m2
        and one.max_items == other.max_items
        and one.separate_touching == other.separate_touching
    )


@settings(deadline=None)
@given(
    st.lists(st.floats(-1, 1), min_size=3, max_size=3).filter(lambda n: np.linalg.norm(n) > 0.1),
    st.floats(0.01, 10),
    st.floats(0, 0.5),
    st.floats(0.1, 0.5),
    st.floats(0.001, 0.1),
    st.integers(1, 100),
    st.booleans(),
    st.text("abc/_-é 0", min_size=1),
)
def test_a_station_comes_back_as_it_was_saved(
    tmp_path_factory, normal, offset, start, extent, height, items, separate, name
):
    path = tmp_path_factory.mktemp("store") / "stations.yaml"
    station = Station(
        Plane(np.array(normal) / np.linalg.norm(normal), offset),
        RegionOfInterest(start, start, extent, extent),
        min_height_m=height,
        max_items=items,
        separate_touching=separate,
    )
    save_stations(path, {name: station})
    assert same(load_station(path, name), station)


def test_one_file_holds_several_cameras(tmp_path):
    path = tmp_path / "cell" / "stations.yaml"
    left, right = (Station(Plane(np.array([0, 0, -1.0]), h)) for h in (0.7, 0.9))
    save_stations(path, {"left": left})
    save_stations(path, {"right": right})
    save_stations(path, {"left": Station()})
    stations = load_stations(path)
    assert list(stations) == ["left", "right"]
    assert stations["left"].plane is None
    assert stations["right"].plane.offset_m == 0.9
    assert [each.name for each in path.parent.iterdir()] == ["stations.yaml"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("stations: [", "not YAML"),
        ("", "expected a mapping"),
        ("planes: {}", "unknown keys"),
        ("stations: 3", "mapping of camera names"),
        ("stations: {right: {plane: null}}", "it has right"),
        ("stations: {left: {}}", "no plane"),
        ("stations: {left: {plane: null, colour: red}}", r"unknown keys \['colour'\]"),
        ("stations: {left: {plane: {normal: [0, 0, -1]}}}", "no offset_m"),
        ("stations: {left: {plane: {offset_m: 1.0}}}", "no normal"),
        ("stations: {left: {plane: {normal: [0, 0, -1.2], offset_m: 1}}}", "unit vector"),
        ("stations: {left: {plane: {normal: [0, 0], offset_m: 1}}}", "three numbers"),
        ("stations: {left: {plane: {normal: [0, 0, down], offset_m: 1}}}", "expected float"),
        ("stations: {left: {plane: {normal: [0, 0, -1], offset_m: -1}}}", "positive"),
        (f"stations: {{left: {{{PLANE}, max_items: 2.5}}}}", "max_items is 2.5"),
        (f"stations: {{left: {{{PLANE}, max_items: 0}}}}", "1 or more"),
        (f"stations: {{left: {{{PLANE}, min_height_m: true}}}}", "expected float"),
        (f"stations: {{left: {{{PLANE}, region_of_interest: {{x: 0.8, width: 0.5}}}}}}", "ends at"),
        (f"stations: {{left: {{{PLANE}, region_of_interest: {{w: 0.5}}}}}}", "unknown keys"),
        ("stations: {left: !!python/object:os.system {}}", "not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_cause(tmp_path, text, cause):
    path = tmp_path / "stations.yaml"
    path.write_text(text)
    with pytest.raises(StationError, match=cause):
        load_station(path, "left")


def test_a_missing_file_is_refused_with_the_mend(tmp_path):
    with pytest.raises(StationError, match="calibrate the station"):
        load_station(tmp_path / "none.yaml", "left")


def test_a_file_that_is_no_station_file_is_not_overwritten(tmp_path):
    path = tmp_path / "other.yaml"
    path.write_text("ros__parameters: {}\n")
    with pytest.raises(StationError):
        save_stations(path, {"left": Station()})
    assert path.read_text() == "ros__parameters: {}\n"


def test_intrinsics_of_the_calibration_are_kept(tmp_path):
    camera = CameraModel(640, 480, 525.5, 526.0, 319.5, 239.25)
    path = tmp_path / "station.yaml"
    save_stations(
        path, {"top": Station(plane=Plane(np.array([0.0, 0.0, -1.0]), 0.8), camera=camera)}
    )
    assert load_station(path, "top").camera == camera


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fx": "wide"}, "camera.fx is 'wide'"),
        ({"fx": -1.0}, "camera intrinsics"),
        ({"width": 640.5}, "camera.width is 640.5"),
        ({"skew": 0.0}, "unknown keys"),
        ({"fy": None}, "camera has no fy"),
    ],
)
def test_intrinsics_that_are_none_are_named(tmp_path, change, said):
    camera = {"width": 640, "height": 480, "fx": 525.0, "fy": 525.0, "cx": 320.0, "cy": 240.0}
    camera = {k: v for k, v in (camera | change).items() if v is not None}
    path = tmp_path / "station.yaml"
    path.write_text(yaml.safe_dump({"stations": {"top": {"plane": None, "camera": camera}}}))
    with pytest.raises(StationError, match=re.escape(said)):
        load_station(path, "top")
