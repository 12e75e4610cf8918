"""QoS profiles by name, and what is said where a publisher and a subscription do not match."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_policy_name_from_kind

_VOLATILE: Final = DurabilityPolicy.VOLATILE

# The newest image is the only one wanted; a few are kept while a pair comes in.
IMAGE_PROFILES: Final[dict[str, QoSProfile]] = {
    "sensor_data": QoSProfile(
        depth=3, reliability=ReliabilityPolicy.BEST_EFFORT, durability=_VOLATILE
    ),
    "reliable": QoSProfile(depth=3, reliability=ReliabilityPolicy.RELIABLE, durability=_VOLATILE),
}
# Reports, announcements: nothing may be lost, nothing old may come late. Deeper than items can
# wait, so that what comes beyond is refused and not lost. Not keep-all: a subscriber that hangs
# would make each report wait 0.1 s, in vain (docs/results.md).
EVENTS: Final = QoSProfile(depth=5000, reliability=ReliabilityPolicy.RELIABLE, durability=_VOLATILE)
# What is true until it is dealt with: who comes late hears of it, too.
LASTING: Final = QoSProfile(
    depth=10, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
# Pictures for people.
VISUALS: Final = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE, durability=_VOLATILE)

# What mends a publisher that is heard by no subscription of this node.
IMAGE_MEND: Final = "set the parameter image_qos to sensor_data, or publish reliable"
EVENT_MEND: Final = "publish reliable"


def publisher_refused(
    topic: str, mend: str, log_error: Callable[[str], Any]
) -> SubscriptionEventCallbacks:
    """Callbacks of a subscription that log a publisher it cannot hear as an error with the mend."""

    def tell(event: Any) -> None:
        log_error(
            f"{topic}: a publisher offers less {_policy_of(event)} than this node asks for; "
            f"nothing is received from it: {mend}"
        )

    return SubscriptionEventCallbacks(incompatible_qos=tell)


def subscriber_refused(topic: str, log_error: Callable[[str], Any]) -> PublisherEventCallbacks:
    """Callbacks of a publisher that log a subscriber it cannot serve as an error with the mend."""

    def tell(event: Any) -> None:
        log_error(
            f"{topic}: a subscriber asks for more {_policy_of(event)} than this node offers and "
            "receives nothing: subscribe volatile, without deadline and liveliness"
        )

    return PublisherEventCallbacks(incompatible_qos=tell)


def _policy_of(event: Any) -> str:
    return str(qos_policy_name_from_kind(event.last_policy_kind))
