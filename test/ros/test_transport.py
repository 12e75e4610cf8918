"""The Fast DDS profile for large images is recognised, and its absence is said."""

import socket
from pathlib import Path

import pytest

from damage_perception.ros import isolation
from damage_perception.ros.transport import PROFILE_VARIABLES, image_transport, profile_variable
from damage_perception.share import dds_profile

JAZZY = {"ROS_DISTRO": "jazzy"}


@pytest.mark.parametrize(
    ("distribution", "variable"),
    [
        ("jazzy", "FASTRTPS_DEFAULT_PROFILES_FILE"),
        ("kilted", "FASTDDS_DEFAULT_PROFILES_FILE"),
        ("rolling", "FASTDDS_DEFAULT_PROFILES_FILE"),
    ],
)
def test_each_distribution_reads_its_own_variable(distribution, variable):
    environment = {"ROS_DISTRO": distribution}
    assert profile_variable(environment) == variable
    assert image_transport(environment | {variable: str(dds_profile())}).fit
    other = next(name for name in PROFILE_VARIABLES if name != variable)
    assert not image_transport(environment | {other: str(dds_profile())}).fit


def test_without_the_profile_the_mend_is_named():
    transport = image_transport(JAZZY)
    assert not transport.fit and "FASTRTPS_DEFAULT_PROFILES_FILE" in transport.text


@pytest.mark.parametrize("content", [None, "<dds", "<dds><segment_size>many</segment_size></dds>"])
def test_a_profile_that_cannot_be_read_is_of_no_use(tmp_path, content):
    path = tmp_path / "profile.xml"
    if content is not None:
        path.write_text(content)
    transport = image_transport(JAZZY | {"FASTRTPS_DEFAULT_PROFILES_FILE": str(path)})
    assert not transport.fit and "is of no use" in transport.text


def test_a_profile_with_little_shared_memory_does_not_count(tmp_path):
    path = tmp_path / "profile.xml"
    path.write_text("<dds><segment_size>524288</segment_size></dds>")
    transport = image_transport(JAZZY | {"FASTRTPS_DEFAULT_PROFILES_FILE": str(path)})
    assert not transport.fit and "524288 bytes" in transport.text


def test_other_middleware_needs_no_fast_dds_profile():
    assert image_transport({"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}).fit


def test_a_domain_in_use_is_not_taken(monkeypatch):
    monkeypatch.setattr(isolation, "_DOMAINS", 2)
    taken = 7400 + 250 * 1 + 10
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        try:
            other.bind(("", taken))
        except OSError:
            pytest.skip(f"port {taken} is in use by another process")
        assert {isolation.free_domain() for _ in range(5)} == {2}


def test_an_isolated_environment_stays_on_this_machine():
    environment = isolation.isolated_environment()
    assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert 1 <= int(environment["ROS_DOMAIN_ID"]) <= 101
    assert all(Path(environment[name]).is_file() for name in PROFILE_VARIABLES)
