"""An environment in which ROS processes hear one another and nobody else; needs no ROS."""

from __future__ import annotations

import os
import random
import socket
from typing import Final

from damage_perception.ros.transport import PROFILE_VARIABLES
from damage_perception.share import dds_profile

# Domain ids whose ports lie below those that Linux gives to outgoing connections.
_DOMAINS: Final = 101
# Ports of RTPS (OMG DDSI-RTPS 2.5, 9.6.2.3): of a domain, and of its first participant in it.
_FIRST_PORT: Final = 7400
_PORTS_PER_DOMAIN: Final = 250
_PARTICIPANT_PORTS: Final = (10, 11)


def isolated_environment() -> dict[str, str]:
    """This process's environment, with a free domain, kept to this machine, for large images."""
    isolation = {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_DOMAIN_ID": str(free_domain()),
    }
    return os.environ | isolation | dict.fromkeys(PROFILE_VARIABLES, str(dds_profile()))


def free_domain() -> int:
    """A domain id, 1 to 101, that no process on this machine uses now.

    Raises OSError where there is none.
    """
    for domain in random.SystemRandom().sample(range(1, _DOMAINS + 1), _DOMAINS):
        if _is_free(domain):
            return domain
    raise OSError("all ROS domain ids from 1 to 101 are in use on this machine")


def _is_free(domain: int) -> bool:
    base = _FIRST_PORT + _PORTS_PER_DOMAIN * domain
    for port in _PARTICIPANT_PORTS:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", base + port))
            except OSError:
                return False
    return True
