"""Transforms between frames by name, as TF has them, and what they say of two frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from damage_perception.calibration.poses import Pose, inverse, pose_of_values


class TransformTree:
    """Frames of which each has one parent, or none.

    ```
    tree = TransformTree()
    tree.add("station", "mount", [0, 0, 1, 0, 0, 0, 1])
    tree.add("mount", "optical", [0.1, 0, 0, 1, 0, 0, 0])
    tree.pose("station", "optical")
    ```
    """

    def __init__(self) -> None:
        self._parents: dict[str, tuple[str, Pose]] = {}

    @property
    def frames(self) -> tuple[str, ...]:
        """The names of all frames."""
        parents = (parent for parent, _ in self._parents.values())
        return tuple(sorted({*self._parents, *parents}))

    def add(self, parent: str, child: str, values: Sequence[float]) -> None:
        """Takes in where ``child`` is in ``parent``: x y z qx qy qz qw. A newer one replaces it.

        What is no transform is left out, as TF does.
        """
        pose = pose_of_values(values)
        if pose is not None:
            self._parents[_plain(child)] = (_plain(parent), pose)

    def pose(self, base: str, frame: str) -> Pose | None:
        """(4, 4) from ``frame`` to ``base``; None where nothing connects them."""
        of_base, of_frame = self._ancestors(_plain(base)), self._ancestors(_plain(frame))
        for ancestor, pose in of_frame.items():
            if ancestor in of_base:
                return inverse(of_base[ancestor]) @ pose
        return None

    def _ancestors(self, frame: str) -> dict[str, Pose]:
        """The frame itself and all above it, nearest first, with the transform to each."""
        found = {frame: np.eye(4)}
        while frame in self._parents:
            parent, pose = self._parents[frame]
            if parent in found:
                # Somebody published a circle.
                break
            found[parent] = pose @ found[frame]
            frame = parent
        return found


def _plain(name: str) -> str:
    """Without the slash that some drivers put first, and TF ignores."""
    return name.lstrip("/")
