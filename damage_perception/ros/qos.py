"""QoS profiles by name, and what to do where a publisher and a subscription do not match."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_policy_name_from_kind

_VOLATILE: Final = DurabilityPolicy.VOLATILE

# The newest image is the only one wanted; a few are kept while a pair comes in.
IMAGE_PROFILES: Final[dict[str, QoSProfile]] = {
    "sensor_data": QoSProfile(
        depth=3, reliability=ReliabilityPolicy.BEST_EFFORT, durability=_VOLATILE
    ),
    "reliable": QoSProfile(depth=3, reliability=ReliabilityPolicy.RELIABLE, durability=_VOLATILE),
}
# Reports, announcements: nothing may be lost, nothing old may come late.
EVENTS: Final = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE, durability=_VOLATILE)
# Pictures for people.
VISUALS: Final = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE, durability=_VOLATILE)

_MENDS: Final = {
    "RELIABILITY": "set the parameter image_qos to sensor_data, or publish reliable",
    "DURABILITY": "publish volatile or transient local",
}


def mismatch_as_error(topic: str, log_error: Callable[[str], Any]) -> SubscriptionEventCallbacks:
    """Callbacks of a subscription to ``topic`` that log a mismatch as an error with the mend."""

    def tell(event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        mend = _MENDS.get(policy, f"make the publisher's {policy} at least what is asked for")
        log_error(
            f"{topic}: a publisher offers less {policy} than this node asks for; nothing is "
            f"received from it: {mend}"
        )

    return SubscriptionEventCallbacks(incompatible_qos=tell)
