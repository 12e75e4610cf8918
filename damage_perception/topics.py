"""What the topics of a camera are called, under the camera's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

COLOR: Final = "color/image_raw"
DEPTH: Final = "depth/image_rect_raw"
CAMERA_INFO: Final = "color/camera_info"
# Where depth is not registered to colour.
DEPTH_INFO: Final = "depth/camera_info"


@dataclass(frozen=True)
class Topics:
    """Names of the topics of one camera; what the topics of a recording end in."""

    color: str = COLOR
    depth: str = DEPTH
    info: str = CAMERA_INFO
