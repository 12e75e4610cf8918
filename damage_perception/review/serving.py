"""Serves the page: to this machine, or by TLS to others."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import uvicorn

from damage_perception.records.item_record import RecordError
from damage_perception.review.app import make_app
from damage_perception.review.security import Access
from damage_perception.review.sharing import Shared

# 22 characters of 64 kinds are 132 bits.
_FEWEST_CHARACTERS: Final = 22
_THIS_MACHINE: Final = ("127.0.0.1", "localhost", "::1", "[::1]")
_EVERY_ADDRESS: Final = ("0.0.0.0", "::", "")
# Requests that are under way when the page is stopped.
_PATIENCE_S: Final = 3


@dataclass(frozen=True)
class Listening:
    """Where the page is served.

    port         0: one that is free
    certificate  and its key, PEM files: the page is served by TLS
    host_names   further names that people open the page by

    Raises RecordError where others could listen in: an address that other machines reach needs TLS.
    """

    host: str = "127.0.0.1"
    port: int = 8087
    certificate: Path | None = None
    key: Path | None = None
    host_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise RecordError("TLS needs both --tls-cert and --tls-key")
        if not _is_loopback(self.host) and self.certificate is None:
            raise RecordError(
                f"other machines reach {self.host or 'every address'}: give --tls-cert and "
                "--tls-key, or listen on 127.0.0.1 and open the page through ssh -L"
            )

    @property
    def secure(self) -> bool:
        """Whether the page is served by TLS."""
        return self.certificate is not None

    @property
    def hosts(self) -> tuple[str, ...]:
        """What the page answers to; no foreign name that was made to point here."""
        own = (socket.gethostname(), socket.getfqdn()) if self.host in _EVERY_ADDRESS else ()
        return tuple(dict.fromkeys((*self.host_names, *own, self.host, *_THIS_MACHINE)))

    def address(self, port: int) -> str:
        """Of the page, as people open it."""
        name = self.hosts[0] if self.host_names or self.host in _EVERY_ADDRESS else self.host
        name = f"[{name}]" if ":" in name else name
        return f"{'https' if self.secure else 'http'}://{name}:{port}/login"


def read_token(path: Path) -> str:
    """The token in a file. Raises RecordError where it cannot be read, or could be guessed."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"token file {path} cannot be read: {error}") from error
    if not re.fullmatch(rf"[A-Za-z0-9_-]{{{_FEWEST_CHARACTERS},}}", token):
        raise RecordError(
            f"token file {path}: expected at least {_FEWEST_CHARACTERS} letters, digits, dashes "
            "and underscores; make one with python3 -c 'import secrets; "
            "print(secrets.token_urlsafe(32))'"
        )
    return token


def serve(
    shared: Shared,
    listening: Listening,
    token: str,
    announce: Callable[[str], None] = lambda address: None,
) -> None:
    """Serves the page until the process is told to end (SIGINT or SIGTERM).

    token     at least 128 bits of chance, as ``read_token`` checks
    announce  is told the address of the login, once it can be opened

    Raises RecordError where the port is taken, or the certificate cannot be used.
    """
    app = make_app(shared, Access(token, listening.hosts, listening.secure))
    config = uvicorn.Config(
        app,
        log_level="warning",
        # Its lines would hold the token.
        access_log=False,
        # Whoever asks cannot say that somebody else does.
        proxy_headers=False,
        server_header=False,
        ssl_certfile=listening.certificate,
        ssl_keyfile=listening.key,
        timeout_graceful_shutdown=_PATIENCE_S,
    )
    try:
        config.load()
    except OSError as error:
        raise RecordError(
            f"certificate {listening.certificate} with key {listening.key} cannot be used: {error}"
        ) from error
    with _listen(listening) as listener:
        announce(listening.address(listener.getsockname()[1]))
        uvicorn.Server(config).run(sockets=[listener])


def _listen(listening: Listening) -> socket.socket:
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    try:
        return socket.create_server((listening.host, listening.port), family=family)
    except OSError as error:
        raise RecordError(
            f"port {listening.port} of {listening.host} cannot be listened on "
            f"({error.strerror or error}): name another one with --port"
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
