"""A network for tests that compares items by colour: red on an item is damage to it, too."""

import numpy as np
from red_network import PLANE, RedNetwork

from damage_perception.gallery.gallery import Gallery
from damage_perception.gallery.reference import Reference, State
from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.network import Assessment, BackendError, Comparison, Embedding
from damage_perception.network.comparison import (
    Fusion,
    Identification,
    ReferenceCalibration,
    ReferenceCard,
    Sameness,
)
from damage_perception.network.contract import COMPARED_CHANNELS, LOOK_CHANNELS
from damage_perception.station import Station
from damage_perception.verdict.policy import VerdictPolicy

CARD = ReferenceCard(
    ReferenceCalibration(1.0, 0.0, 0.0, 0.0, 0.0),
    Fusion(0.5, 0.5, 0.0, True),
    Identification(60.0, 20.0, -58.0),
    Sameness(1.0, 0.0, 0.0),
    good_scores=np.linspace(0.2, 0.5, 100),
    good_count=1000,
)


def embedding(color, cells=4):
    """Of an item of one colour (3,), as the network below gives it."""
    tone = np.array([*(np.asarray(color, np.float32) - 110), 20.0], np.float32)
    where = np.stack(np.divmod(np.arange(cells), 4), axis=1).astype(np.uint8)
    compared = np.resize(np.asarray(color, np.float32), COMPARED_CHANNELS)
    seen = np.concatenate((compared, np.eye(1, LOOK_CHANNELS, dtype=np.float32)[0]))
    return Embedding(np.tile(seen, (cells, 1)), where, tone / np.linalg.norm(tone))


class ColorNetwork(RedNetwork):
    """Damage by references is how far an item is from their colour; far off, it is another item."""

    comparing = True

    class card:
        model_id = "color"
        calibration_id = "none"
        references = CARD

    def _assess(self, view):
        said = super()._assess(view)
        color = view.color[view.item > 0].mean(axis=0)
        return Assessment(
            said.logit, said.probability, said.kinds, said.maps, embedding(color, cells=16)
        )

    def compare(self, embedding, bank):
        if not self.comparing:
            raise BackendError("comparing failed")
        apart = np.abs(embedding.compared[:, None] - bank.compared[None].astype(np.float32)).mean(
            axis=2
        )
        nearest = apart.min(axis=1)
        change = np.clip(nearest / 20, 0, 1).astype(np.float32)
        far = float(nearest.mean())
        return Comparison(far / 2 - 4, 36 - far, change, np.zeros(len(bank.compared), np.float32))


def gallery(**colors):
    """References of skus, each with the colours of its views."""
    references = [
        Reference(f"{sku}-{i}", sku, State.ACTIVE, "color", 0, "", embedding(color), 0, 0)
        for sku, of_sku in colors.items()
        for i, color in enumerate(of_sku)
    ]
    return Gallery(references, CARD.identification)


def color_inspector(threshold=0.8):
    """An inspector of one camera above PLANE, without references."""
    cameras = {"camera": MountedCamera(Station(PLANE))}
    return Inspector(ColorNetwork(), cameras, VerdictPolicy.at(threshold, frames_per_camera=1))
