"""Whether images travel by the Fast DDS profile for large messages; needs no ROS."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

# Which names the profile: Fast DDS 2 (Jazzy) and Fast DDS 3 (Kilted and later).
FAST_DDS_2: Final = "FASTRTPS_DEFAULT_PROFILES_FILE"
FAST_DDS_3: Final = "FASTDDS_DEFAULT_PROFILES_FILE"
PROFILE_VARIABLES: Final = (FAST_DDS_2, FAST_DDS_3)
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
    variable = profile_variable(environment)
    path = environment.get(variable)
    if not path:
        return Transport(
            False,
            "Fast DDS without the profile for large images: images come late and get lost; set "
            f"{variable} to config/fastdds_large_images.xml, for publishers too",
        )
    try:
        segment = _segment_bytes(Path(path))
    except (OSError, ElementTree.ParseError, ValueError) as error:
        return Transport(False, f"{path}, named by {variable}, is of no use: {error}")
    if segment < MIN_SEGMENT_BYTES:
        return Transport(
            False,
            f"Fast DDS profile {path} has shared memory of {segment} bytes; large images need "
            f"segment_size {MIN_SEGMENT_BYTES} or more",
        )
    return Transport(True, f"Fast DDS with {path}")


def profile_variable(environment: Mapping[str, str] = os.environ) -> str:
    """The environment variable that the installed Fast DDS reads its profile from."""
    distribution = environment.get("ROS_DISTRO", "")
    if distribution:
        return FAST_DDS_2 if distribution in ("humble", "jazzy") else FAST_DDS_3
    try:
        # The wheels of Kilted call it so, those of Jazzy ros-fastrtps.
        metadata.version("ros-fastdds")
    except metadata.PackageNotFoundError:
        return FAST_DDS_2
    return FAST_DDS_3


def _segment_bytes(path: Path) -> int:
    """The largest shared-memory segment of a profile, 0 where it has none."""
    sizes = [
        int(element.text or 0)
        for element in ElementTree.parse(path).iter()
        if element.tag.rpartition("}")[2] == "segment_size"
    ]
    return max(sizes, default=0)
