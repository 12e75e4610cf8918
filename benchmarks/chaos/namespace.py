"""A network of the bench's own, which nothing leaves and which can be cut (Linux).

With a /dev/shm of its own, too: Fast DDS names shared memory by the numbers of ports, which are
given out anew in there.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

# Where the bench was started from, as the kernel names it.
_OUTSIDE: Final = "CHAOS_OUTER_NETWORK"
_NETWORK: Final = Path("/proc/self/ns/net")
_COMMAND: Final = (
    *("unshare", "--map-root-user", "--net", "--mount"),
    *("sh", "-c", 'mount -t tmpfs tmpfs /dev/shm && exec "$@"', "sh"),
)
# netdevice(7)
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_REQUEST: Final = "16sH22x"


def enter(command: Sequence[str]) -> None:
    """Replaces this process by ``command`` in a network of its own, where that is permitted."""
    if _OUTSIDE in os.environ or not _NETWORK.exists():
        return
    try:
        tried = subprocess.run([*_COMMAND, "true"], capture_output=True)
    except OSError:  # no unshare
        return
    if tried.returncode == 0:
        os.environ[_OUTSIDE] = str(_NETWORK.readlink())
        os.execvp(_COMMAND[0], [*_COMMAND, *command])


def is_own() -> bool:
    """Whether this process is in a network of the bench's own."""
    return _OUTSIDE in os.environ and os.environ[_OUTSIDE] != str(_NETWORK.readlink())


def set_loopback(up: bool) -> None:
    """Takes the only interface up or down. Raises RuntimeError where it is the machine's."""
    if not is_own():
        raise RuntimeError("the network is that of the machine: it must not be cut")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack(_REQUEST, b"lo", 0)
        _, flags = struct.unpack(_REQUEST, fcntl.ioctl(any_socket, _SIOCGIFFLAGS, asked))
        flags = flags | _IFF_UP if up else flags & ~_IFF_UP
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack(_REQUEST, b"lo", flags))
