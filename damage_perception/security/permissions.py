"""Governance and permissions as DDS Security has them, from what profiles allow.

The same as sros2 makes of a policy (sros2/policy/templates/dds/permissions.xsl, defaults/dds/
governance.xml): everything is denied that is not allowed, everything is encrypted.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from damage_perception.security.policy import Enclave, indented

# ROS 2 tells the graph of its nodes on this topic.
_GRAPH: Final = "ros_discovery_info"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMAS: Final = "http://www.omg.org/spec/DDS-SECURITY/20170901"
_RULES: Final = {
    "allow_unauthenticated_participants": "false",
    "enable_join_access_control": "true",
    "discovery_protection_kind": "ENCRYPT",
    "liveliness_protection_kind": "ENCRYPT",
    "rtps_protection_kind": "SIGN",
}
_TOPIC_RULES: Final = {
    "topic_expression": "*",
    "enable_discovery_protection": "true",
    "enable_liveliness_protection": "true",
    "enable_read_access_control": "true",
    "enable_write_access_control": "true",
    "metadata_protection_kind": "ENCRYPT",
    "data_protection_kind": "ENCRYPT",
}


def governance_xml(domain: int) -> str:
    """What holds in a domain for all: only who has a certificate takes part, all is encrypted."""
    root = _dds("governance")
    rule = ET.SubElement(ET.SubElement(root, "domain_access_rules"), "domain_rule")
    _add_domain(rule, domain)
    for name, value in _RULES.items():
        ET.SubElement(rule, name).text = value
    topic_rule = ET.SubElement(ET.SubElement(rule, "topic_access_rules"), "topic_rule")
    for name, value in _TOPIC_RULES.items():
        ET.SubElement(topic_rule, name).text = value
    return indented(root)


def permissions_xml(enclave: Enclave, domain: int, begin: datetime, end: datetime) -> str:
    """What an enclave may do in a domain.

    begin, end  between which it holds, UTC; those of its certificate
    """
    root = _dds("permissions")
    grant = ET.SubElement(ET.SubElement(root, "permissions"), "grant", name=enclave.path)
    ET.SubElement(grant, "subject_name").text = f"CN={enclave.path}"
    validity = ET.SubElement(grant, "validity")
    for name, moment in (("not_before", begin), ("not_after", end)):
        ET.SubElement(validity, name).text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    publish, subscribe = dds_topics(enclave)
    _add_rule(grant, domain, publish, subscribe)
    _add_rule(grant, domain, [_GRAPH], [_GRAPH])
    ET.SubElement(grant, "default").text = "DENY"
    return indented(root)


def dds_topics(enclave: Enclave) -> tuple[list[str], list[str]]:
    """DDS topics that an enclave may publish and those that it may subscribe to.

    A ROS topic /a is rt/a, a service /a is rq/aRequest and rr/aReply (design.ros2.org, "Topic and
    Service name mapping to DDS").
    """
    profile = enclave.profile
    reply = [profile.full(name) for name in profile.reply]
    request = [profile.full(name) for name in profile.request]
    publish = [f"rt{profile.full(name)}" for name in profile.publish]
    publish += [f"rr{name}Reply" for name in reply] + [f"rq{name}Request" for name in request]
    subscribe = [f"rt{profile.full(name)}" for name in profile.subscribe]
    subscribe += [f"rq{name}Request" for name in reply] + [f"rr{name}Reply" for name in request]
    return sorted(set(publish)), sorted(set(subscribe))


def _dds(kind: str) -> ET.Element:
    ET.register_namespace("xsi", _XSI)
    schema = f"{_SCHEMAS}/omg_shared_ca_{kind}.xsd"
    return ET.Element("dds", {f"{{{_XSI}}}noNamespaceSchemaLocation": schema})


def _add_rule(
    grant: ET.Element, domain: int, publish: Iterable[str], subscribe: Iterable[str]
) -> None:
    rule = ET.SubElement(grant, "allow_rule")
    _add_domain(rule, domain)
    for verb, topics in (("publish", publish), ("subscribe", subscribe)):
        listed = ET.SubElement(ET.SubElement(rule, verb), "topics")
        for topic in topics:
            ET.SubElement(listed, "topic").text = topic


def _add_domain(rule: ET.Element, domain: int) -> None:
    ET.SubElement(ET.SubElement(rule, "domains"), "id").text = str(domain)
