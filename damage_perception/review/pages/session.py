"""Sign in and out, and the language."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from damage_perception.review.rendering import LANGUAGE_COOKIE, LANGUAGES, render
from damage_perception.review.security import (
    LONGEST_NAME,
    SESSION_S,
    FailedLogins,
    access,
    name_from,
)

router = APIRouter()

NAME_COOKIE = "review_person"
_YEAR_S = 365 * 24 * 3600


@router.get("/login")
def show_login(request: Request, token: str = "", language: str = "") -> Response:
    """The form; ``token`` is filled in where the address brings it along."""
    if language in LANGUAGES:
        response: Response = RedirectResponse(request.url.remove_query_params("language"), 303)
        _keep_language(request, response, language)
        return response
    return _form(request, token, _known_name(request))


@router.post("/login")
def sign_in(
    request: Request, token: Annotated[str, Form()] = "", name: Annotated[str, Form()] = ""
) -> Response:
    """Begins a session for whoever has the token and says a name."""
    failed: FailedLogins = request.app.state.failed_logins
    address = request.client.host if request.client else ""
    if failed.too_many(address):
        response = _form(request, "", name, "too_many", 429)
        response.headers["Retry-After"] = str(round(failed.WITHIN_S))
        return response
    if not access(request).admits(token.strip()):
        failed.add(address)
        time.sleep(failed.DELAY_S)
        return _form(request, "", name, "wrong_token", 401)
    if not name_from(name):
        return _form(request, token, "", "no_name", 422)
    return _signed_in(request, name_from(name))


@router.post("/logout")
def sign_out(request: Request) -> Response:
    """Ends the session of this browser."""
    response = RedirectResponse("/login", 303)
    response.delete_cookie(access(request).cookie)
    return response


@router.post("/language")
def choose_language(request: Request, language: Annotated[str, Form()]) -> Response:
    """Shows the page that is open in another language, and all others from then on."""
    if language not in LANGUAGES:
        raise HTTPException(422, f"language is {language!r}; expected {', '.join(LANGUAGES)}")
    by_script = "hx-request" in request.headers
    response = (
        Response(status_code=204, headers={"HX-Refresh": "true"})
        if by_script
        else RedirectResponse("/queue", 303)
    )
    _keep_language(request, response, language)
    return response


def _form(request: Request, token: str, name: str, wrong: str = "", status: int = 200) -> Response:
    return render(
        request, "login.html", status, token=token, name=name, wrong=wrong, longest=LONGEST_NAME
    )


def _signed_in(request: Request, name: str) -> Response:
    response = RedirectResponse("/queue", 303)
    let_in = access(request)
    response.set_cookie(
        let_in.cookie,
        let_in.open_session(name, time.time()),
        max_age=SESSION_S,
        httponly=True,
        samesite="strict",
        secure=let_in.secure,
    )
    # Cookies are ASCII; a name need not be.
    remembered = name.encode().hex()
    response.set_cookie(
        NAME_COOKIE,
        remembered,
        max_age=_YEAR_S,
        httponly=True,
        samesite="strict",
        secure=let_in.secure,
    )
    return response


def _known_name(request: Request) -> str:
    try:
        return name_from(bytes.fromhex(request.cookies.get(NAME_COOKIE, "")).decode())
    except ValueError:
        return ""


def _keep_language(request: Request, response: Response, language: str) -> None:
    response.set_cookie(
        LANGUAGE_COOKIE,
        language,
        max_age=_YEAR_S,
        httponly=True,
        samesite="strict",
        secure=access(request).secure,
    )
