"""The damage network and what runs it."""

from damage_perception.network.damage_network import PRECISIONS, Assessment, DamageNetwork
from damage_perception.network.model_card import Calibration, ModelCard, ModelCardError
from damage_perception.network.session import BackendError, OnnxRuntimeSession, Session

__all__ = [
    "PRECISIONS",
    "Assessment",
    "BackendError",
    "Calibration",
    "DamageNetwork",
    "ModelCard",
    "ModelCardError",
    "OnnxRuntimeSession",
    "Session",
]
