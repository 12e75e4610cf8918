"""Who may use the page: a token lets people in, a signed cookie keeps them in for a shift."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from fastapi import HTTPException, Request

SESSION_S: Final = 12 * 3600
# Where the guard leaves the session of a request.
SESSION_KEY: Final = "review_session"
LONGEST_NAME: Final = 64


@dataclass(frozen=True)
class Session:
    """A person who is signed in.

    csrf  the token that every request that changes something has to bring along
    """

    name: str
    csrf: str


@dataclass(frozen=True)
class Access:
    """Who is let in, and how sessions are signed.

    token   the secret that people sign in with
    hosts   names and addresses that the page is asked by; others are turned away
    secure  whether the page is served by TLS
    """

    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    secure: bool = False

    @property
    def cookie(self) -> str:
        """The session cookie's name: two pages on one machine share the cookies, not the token."""
        return f"review_{self._sign('cookie', '')[:8]}"

    def admits(self, token: str) -> bool:
        """Whether ``token`` is the right one."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    def open_session(self, name: str, now_s: float) -> str:
        """The cookie of a new session for 12 hours from ``now_s``, seconds since 1970."""
        values = [name, int(now_s) + SESSION_S, secrets.token_hex(8)]
        payload = json.dumps(values).encode().hex()
        return f"{payload}.{self._sign('session', payload)}"

    def session(self, cookie: str, now_s: float) -> Session | None:
        """The session of a cookie; None where it is not ours, or over."""
        payload, _, signature = cookie.partition(".")
        expected = self._sign("session", payload)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            return None
        name, until_s, _ = json.loads(bytes.fromhex(payload))
        return Session(name, self._sign("csrf", cookie)) if now_s < until_s else None

    def _sign(self, purpose: str, text: str) -> str:
        key = hmac.digest(self.token.encode(), purpose.encode(), hashlib.sha256)
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class FailedLogins:
    """Counts failed logins; an address has ten in a minute. For any number of threads."""

    MOST: Final = 10
    WITHIN_S: Final = 60.0
    DELAY_S: Final = 0.5

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def add(self, address: str) -> None:
        """Counts one, now."""
        now_s = time.monotonic()
        with self._lock:
            self._times.setdefault(address, deque(maxlen=self.MOST)).append(now_s)
            over = [one for one, times in self._times.items() if now_s - times[-1] > self.WITHIN_S]
            for one in over:
                del self._times[one]

    def too_many(self, address: str) -> bool:
        """Whether an address has to wait."""
        with self._lock:
            times = self._times.get(address)
            if times is None or len(times) < self.MOST:
                return False
            return time.monotonic() - times[0] < self.WITHIN_S


def session_of(request: Request) -> Session | None:
    """The session of a request; None where nobody is signed in."""
    found: Session | None = request.scope.get(SESSION_KEY)
    return found


def person(request: Request) -> str:
    """The name of the person who is signed in. Raises HTTPException (401) where nobody is."""
    session = session_of(request)
    if session is None:
        raise HTTPException(401, "nobody is signed in")
    return session.name


def access(request: Request) -> Access:
    """Who is let into the request's application."""
    found: Access = request.app.state.access
    return found


def name_from(text: str) -> str:
    """A person's name as it was typed, without needless spaces; empty where it is none."""
    name = " ".join(text.split())[:LONGEST_NAME]
    return name if name.isprintable() else ""
