"""Whether images travel by the Fast DDS profile for large messages; needs no ROS."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROFILE_VARIABLES: Final = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
FAST_DDS: Final = "rmw_fastrtps_cpp"
# A colour and a depth image of 1280 x 720 have to fit, several times over.
MIN_SEGMENT_BYTES: Final = 10_000_000


@dataclass(frozen=True)
class Transport:
    """Whether large images travel well, and what was found, with the mend where not."""

    fit: bool
    text: str


def image_transport(environment: Mapping[str, str] = os.environ) -> Transport:
    """What this process uses, by its environment."""
    middleware = environment.get("RMW_IMPLEMENTATION") or FAST_DDS
    if not middleware.startswith("rmw_fastrtps"):
        return Transport(True, f"{middleware}; the Fast DDS profile does not apply")
    path = next((environment[name] for name in PROFILE_VARIABLES if environment.get(name)), None)
    if path is None:
        return Transport(
            False,
            "Fast DDS without the profile for large images: images come late and get lost; set "
            f"{PROFILE_VARIABLES[0]} to config/fastdds_large_images.xml, for publishers too",
        )
    try:
        segment = _segment_bytes(Path(path))
    except (OSError, ElementTree.ParseError, ValueError) as error:
        return Transport(False, f"{path}, named by {PROFILE_VARIABLES[0]}, is of no use: {error}")
    if segment < MIN_SEGMENT_BYTES:
        return Transport(
            False,
            f"Fast DDS profile {path} has shared memory of {segment} bytes; large images need "
            f"segment_size {MIN_SEGMENT_BYTES} or more",
        )
    return Transport(True, f"Fast DDS with {path}")


def _segment_bytes(path: Path) -> int:
    """The largest shared-memory segment of a profile, 0 where it has none."""
    sizes = [
        int(element.text or 0)
        for element in ElementTree.parse(path).iter()
        if element.tag.rpartition("}")[2] == "segment_size"
    ]
    return max(sizes, default=0)
