"""The damage network and what runs it."""

from damage_perception.network.comparison import Calibration
from damage_perception.network.damage_network import (
    PRECISIONS,
    Assessment,
    Comparison,
    DamageNetwork,
)
from damage_perception.network.embedding import Embedding
from damage_perception.network.model_card import ModelCard, ModelCardError
from damage_perception.network.session import (
    Backend,
    BackendError,
    OnnxRuntimeBackend,
    OnnxRuntimeSession,
    Session,
)

__all__ = [
    "PRECISIONS",
    "Assessment",
    "Backend",
    "BackendError",
    "Calibration",
    "Comparison",
    "DamageNetwork",
    "Embedding",
    "ModelCard",
    "ModelCardError",
    "OnnxRuntimeBackend",
    "OnnxRuntimeSession",
    "Session",
]
