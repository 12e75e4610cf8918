"""The poses of cameras as a parameter file of the detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from damage_perception.calibration.fit import StationFit
from damage_perception.calibration.poses import Pose, pose_values


def write_poses(poses: Mapping[str, Pose], remarks: Sequence[str], path: Path) -> None:
    """A parameter file with ``<camera>.pose`` of each camera, after remarks of one line each."""
    values = {
        name: {"pose": [round(value, 7) for value in pose_values(pose)]}
        for name, pose in poses.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(f"# {remark}\n" for remark in remarks)
        + yaml.safe_dump(
            {"/**": {"damage_detector": {"ros__parameters": values}}},
            default_flow_style=None,
            sort_keys=False,
            width=120,
        ),
        encoding="utf-8",
    )


def remarks_on(fit: StationFit, paper: str) -> list[str]:
    """How good a calibration is, a line for all and one for each camera."""
    return [
        f"Calibrated on {len(fit.boards)} places of the {paper} board; place {fit.station} lay on "
        "the support.",
        *(
            f"{name}: {one.views} views, corners {one.rms_px:.2f} px off, pose +- "
            f"{one.position_mm:.2f} mm and {one.angle_deg:.3f} degrees, sees the board "
            f"{one.agreement_mm:.1f} mm from where all see it."
            for name, one in fit.cameras.items()
        ),
    ]
