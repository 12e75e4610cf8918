"""What stands before all pages: headers, the session, the size of a request and its CSRF token."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from typing import Final

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from damage_perception.review.security import SESSION_KEY, Access, Session

MOST_BYTES: Final = 8 * 1024 * 1024
CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf"
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_READING: Final = ("GET", "HEAD", "OPTIONS")
# Where htmx puts what is no part of a page.
AS_NOTICE: Final[Mapping[str, str]] = {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"}


class Headers:
    """Adds the headers that keep a page to itself; what says nothing of it is not stored."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI calls it."""

        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                unchanging = scope["path"].startswith("/static/")
                headers.setdefault("Cache-Control", "no-cache" if unchanging else "no-store")
            await send(message)

        await self.app(scope, receive, send_with if scope["type"] == "http" else send)


class Guard:
    """Lets requests of signed-in people through, and of others only to sign in."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI calls it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        cookie = request.cookies.get(self.access.cookie, "")
        session = self.access.session(cookie, time.time())
        scope[SESSION_KEY] = session
        is_open = scope["path"] == "/login" or scope["path"].startswith("/static/")
        if session is None and not is_open:
            await _to_login(request)(scope, receive, send)
        elif request.method in _READING:
            await self.app(scope, receive, send)
        else:
            await self._changing(request, None if is_open else session, send)

    async def _changing(self, request: Request, session: Session | None, send: Send) -> None:
        scope, receive = request.scope, request.receive
        body = await _body(request)
        if body is None:
            text = f"more than {MOST_BYTES >> 20} MiB at once"
            await _refused(413, text)(scope, receive, send)
        elif request.headers.get("sec-fetch-site") == "cross-site":
            await _refused(403, "asked by another site")(scope, receive, send)
        elif session is not None and not await _has_token(request, body, session):
            await _refused(403, "the page is out of date: load it again")(scope, receive, send)
        else:
            await self.app(scope, _again(body, receive), send)


def _to_login(request: Request) -> Response:
    """A page is replaced by the login; scripts are told that they may not."""
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": "/login"})
    return RedirectResponse("/login", 303) if _wants_page(request) else _refused(401, "sign in")


def _wants_page(request: Request) -> bool:
    headers = request.headers
    accepted = headers.get("accept", "*/*")
    return (
        ("text/html" in accepted or accepted == "*/*")
        and headers.get("sec-fetch-mode", "navigate") == "navigate"
        and "json" not in headers.get("content-type", "")
    )


def _refused(status: int, text: str) -> Response:
    return PlainTextResponse(text, status, AS_NOTICE)


async def _body(request: Request) -> bytes | None:
    """The body; None where it is too large, however that is found out."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > MOST_BYTES:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


async def _has_token(request: Request, body: bytes, session: Session) -> bool:
    given = request.headers.get(CSRF_HEADER)
    if given is None and "form" in request.headers.get("content-type", ""):
        form = await Request(request.scope, _again(body, request.receive)).form()
        field = form.get(CSRF_FIELD)
        await form.close()
        given = field if isinstance(field, str) else None
    return given is not None and hmac.compare_digest(given.encode(), session.csrf.encode())


def _again(body: bytes, receive: Receive) -> Receive:
    """Receives a body that was read before, and then whatever comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again
