"""Policies and permissions are those of sros2.

sample.permissions.xml was made of sample.policy.xml by sros2 0.13.0 (policy/templates/dds/
permissions.xsl), for domain 7.
"""

import xml.etree.ElementTree as ET
from datetime import datetime
from pathlib import Path

import pytest

from damage_perception.security.nodes import cell_enclaves
from damage_perception.security.permissions import dds_topics, governance_xml, permissions_xml
from damage_perception.security.policy import Enclave, Profile, policy_xml

SAMPLES = Path(__file__).parent
BEGIN, END = datetime(2026, 1, 2, 3, 4, 5), datetime(2036, 1, 2, 3, 4, 5)
TALKER = Enclave(
    "/cell_1/talker",
    Profile(
        "talker",
        "/cell_1",
        publish=("~/reports", "/diagnostics", "front/*"),
        subscribe=("announcements", "~/reports"),
        reply=("~/inspect",),
        request=("other/get_parameters", "/absolute"),
    ),
    "an example",
)


def content(element):
    """An element without its layout; topics of a list in any order."""
    children = [content(child) for child in element]
    if element.tag == "topics":
        children.sort()
    return element.tag, (element.text or "").strip(), sorted(element.attrib.items()), children


def test_the_policy_file_is_as_sros2_has_it():
    written = ET.fromstring(policy_xml([TALKER]).split("\n", 1)[1])
    assert content(written) == content(ET.parse(SAMPLES / "sample.policy.xml").getroot())


def test_permissions_are_those_that_sros2_makes_of_the_policy_file():
    written = ET.fromstring(permissions_xml(TALKER, 7, BEGIN, END))
    assert content(written) == content(ET.parse(SAMPLES / "sample.permissions.xml").getroot())


def test_what_is_not_allowed_is_denied_and_all_is_encrypted():
    assert ET.fromstring(permissions_xml(TALKER, 0, BEGIN, END)).findtext(".//default") == "DENY"
    rule = ET.fromstring(governance_xml(5)).find(".//domain_rule")
    assert rule.findtext("domains/id") == "5"
    assert rule.findtext("allow_unauthenticated_participants") == "false"
    assert rule.findtext("enable_join_access_control") == "true"
    assert rule.findtext(".//data_protection_kind") == "ENCRYPT"


def enclaves(**given):
    return {one.profile.node: one for one in cell_enclaves(**given)}


def test_only_the_detector_publishes_reports_and_only_who_announces_announcements():
    found = enclaves(namespace="cell_1", cameras=("front",))
    assert {one.path for one in found.values()} >= {"/cell_1/damage_detector", "/cell_1/operator"}

    def publishing(topic):
        return {node for node, one in found.items() if topic in dds_topics(one)[0]}

    assert publishing("rt/cell_1/damage_detector/reports") == {"damage_detector"}
    announcing = {"reference_controller", "damage_barcodes"}
    assert publishing("rt/cell_1/damage_detector/announcements") == announcing
    assert publishing("rq/cell_1/damage_detector/change_stateRequest") == {"operator"}
    assert publishing("rt/cell_1/front/*") == {"cameras"}


def test_the_page_hears_cameras_and_says_nothing():
    publish, subscribe = dds_topics(enclaves()["damage_review"])
    own = [topic for topic in publish if "damage_review" in topic]
    assert set(publish) - set(own) == {"rt/parameter_events", "rt/rosout"}
    assert "rt/camera/color/image_raw/compressed" in subscribe


def test_cameras_of_another_namespace_keep_it():
    detector = enclaves(namespace="/cell_1", cameras=("/camera/camera",))["damage_detector"]
    assert "rt/camera/camera/color/image_raw" in dds_topics(detector)[1]


def test_a_detector_of_another_name_has_its_own_topics():
    recorder = enclaves(namespace="/", detector="detector_2")["damage_recorder"]
    assert "rt/detector_2/reports" in dds_topics(recorder)[1]
    assert "rq/detector_2/get_parametersRequest" in dds_topics(recorder)[0]


@pytest.mark.parametrize("given", [{"namespace": "cell 1"}, {"cameras": ["*"]}, {"detector": ""}])
def test_what_is_no_name_is_refused(given):
    with pytest.raises(ValueError, match="is no name of ROS"):
        cell_enclaves(**given)
