"""Files that come with the package: models, parameter file, DDS profile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

PACKAGE: Final = "damage_perception"
MESSAGES: Final = "damage_perception_msgs"
_CHECKOUT: Final = Path(__file__).resolve().parents[1]


def shared_folder(name: str) -> Path:
    """The folder ``name`` (models, config) of the installed package, or of its source checkout.

    Raises FileNotFoundError, saying where it was looked for.
    """
    return _folder(PACKAGE, name, _CHECKOUT)


def message_definitions() -> dict[str, str]:
    """The package's own messages by type, as in their .msg files. Raises FileNotFoundError."""
    folder = _folder(MESSAGES, "msg", _CHECKOUT / MESSAGES)
    files = sorted(folder.glob("*.msg"))
    return {f"{MESSAGES}/msg/{file.stem}": file.read_text(encoding="utf-8") for file in files}


def _folder(package: str, name: str, checkout: Path) -> Path:
    places = [checkout]
    try:
        from ament_index_python.packages import get_package_share_path

        places.append(Path(get_package_share_path(package)))
    except (ImportError, LookupError, OSError):  # no ament, no such package, no workspace
        pass
    places.append(Path(sys.prefix) / "share" / package)
    for place in places:
        if (place / name).is_dir():
            return place / name
    raise FileNotFoundError(
        f"{name}/ of {package} is in none of {', '.join(map(str, places))}: install the package"
    )


def default_model_card() -> Path:
    """The card of the model that comes with the package. Raises FileNotFoundError."""
    return shared_folder("models") / "damage_net.yaml"


def dds_profile() -> Path:
    """The Fast DDS profile for large images. Raises FileNotFoundError."""
    return shared_folder("config") / "fastdds_large_images.xml"
