"""A network for tests that takes the redness of an item for damage."""

import numpy as np

from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.kinds import KINDS, TEAR
from damage_perception.network import Assessment, BackendError
from damage_perception.network.contract import map_cells_along
from damage_perception.station import Plane, Station
from damage_perception.verdict.policy import VerdictPolicy

PLANE = Plane(np.array([0.0, 0.0, -1.0]), 0.8)


class RedNetwork:
    """Calls red items torn; fails where ``broken``."""

    view_size = 64
    kinds = KINDS
    backend = "scripted"
    backend_reason = "a test"
    broken = False
    finder = None
    problem = ""

    class card:
        model_id = "red"
        calibration_id = "none"
        references = None

    def assess(self, views):
        self.problem = "inference failed" if self.broken else ""
        if self.broken:
            raise BackendError(self.problem)
        return [self._assess(view) for view in views]

    def embed(self, views):
        said = [assessment.embedding for assessment in self.assess(views)]
        if None in said:
            raise BackendError(f"model {self.card.model_id} compares nothing with references")
        return said

    def _assess(self, view):
        red, green, _ = view.color[view.item > 0].mean(axis=0)
        logit = float((red - green) / 20)
        kinds = np.zeros(len(KINDS), np.float32)
        kinds[KINDS.index(TEAR)] = 0.9
        cells = map_cells_along(self.view_size)
        maps = np.zeros((len(KINDS), cells, cells), np.float32)
        maps[KINDS.index(TEAR), 6:10, 6:10] = 0.9
        return Assessment(logit, 1 / (1 + np.exp(-logit)), kinds, maps)


def red_inspector(camera="camera", threshold=0.8, plane=PLANE):
    cameras = {camera: MountedCamera(Station(plane=plane))}
    return Inspector(RedNetwork(), cameras, VerdictPolicy.at(threshold))
