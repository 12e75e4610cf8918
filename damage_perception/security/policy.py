"""What a node may say and hear, and the policy file of SROS 2 that says so.

The file is that of sros2 (github.com/ros2/sros2, policy version 0.2.0): ``ros2 security
create_permission`` takes it, too.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

VERSION: Final = "0.2.0"
_ALLOW: Final = "ALLOW"


@dataclass(frozen=True)
class Profile:
    """What one node may do.

    Names are as in sros2: with a slash in front as they are, with ~/ below the node's own name,
    otherwise below its namespace. A star stands for any letters, slashes too.

    publish, subscribe  topics
    reply               services that it has; request: services that it calls
    """

    node: str
    namespace: str = "/"
    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    reply: tuple[str, ...] = ()
    request: tuple[str, ...] = ()

    def full(self, name: str) -> str:
        """``name`` with namespace and node.

        >>> Profile("damage_detector", "/cell_1").full("~/reports")
        '/cell_1/damage_detector/reports'
        """
        below = self.namespace.rstrip("/")
        if name.startswith("/"):
            return name
        if name.startswith("~"):
            return f"{below}/{self.node}{name[1:]}"
        return f"{below}/{name}"


@dataclass(frozen=True)
class Enclave:
    """Who may do what a profile says.

    path   of the enclave, /cell_1/damage_detector; nodes name it: --ros-args --enclave PATH
    serves who is to run with it, for people
    """

    path: str
    profile: Profile
    serves: str


def policy_xml(enclaves: Iterable[Enclave]) -> str:
    """The policy file of ``enclaves``."""
    root = ET.Element("policy", version=VERSION)
    listed = ET.SubElement(root, "enclaves")
    for enclave in enclaves:
        profile = enclave.profile
        profiles = ET.SubElement(ET.SubElement(listed, "enclave", path=enclave.path), "profiles")
        element = ET.SubElement(profiles, "profile", ns=profile.namespace, node=profile.node)
        for kind, verb, names in (
            ("topic", "publish", profile.publish),
            ("topic", "subscribe", profile.subscribe),
            ("service", "reply", profile.reply),
            ("service", "request", profile.request),
        ):
            _add(element, kind, verb, names)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + indented(root)


def indented(root: ET.Element) -> str:
    """``root`` as XML for people, without a declaration."""
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _add(profile: ET.Element, kind: str, verb: str, names: Sequence[str]) -> None:
    if not names:
        return
    group = ET.SubElement(profile, f"{kind}s", {verb: _ALLOW})
    for name in names:
        ET.SubElement(group, kind).text = name
