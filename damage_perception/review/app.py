"""The application: all pages, and what stands before them."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as RoutingError
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, Response

from damage_perception.gallery.reference import GalleryError
from damage_perception.records.item_record import RecordError
from damage_perception.review.guard import AS_NOTICE, HEADERS, Guard, Headers
from damage_perception.review.pages import (
    booth,
    images,
    mark,
    numbers,
    products,
    queue,
    session,
)
from damage_perception.review.rendering import FOLDER, render
from damage_perception.review.security import Access, FailedLogins
from damage_perception.review.sharing import Shared


def make_app(shared: Shared, access: Access | None = None) -> FastAPI:
    """The page on what is shared.

    access  who is let in; None: whoever has the token that is made here, ``app.state.access.token``
    """
    access = access or Access()
    guards = [
        Middleware(Headers),
        Middleware(TrustedHostMiddleware, allowed_hosts=list(access.hosts), www_redirect=False),
        Middleware(Guard, access=access),
    ]
    app = FastAPI(
        title="damage-perception review",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=guards,
    )
    app.state.shared = shared
    app.state.access = access
    app.state.failed_logins = FailedLogins()
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    for page in (queue, images, session, mark, booth, products, numbers):
        app.include_router(page.router)
    for kind in (RecordError, GalleryError):
        app.add_exception_handler(kind, _not_done)
    app.add_exception_handler(RoutingError, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(Exception, _failed)
    return app


def _not_done(request: Request, error: Exception) -> Response:
    """What is asked for is not there, or cannot be done as it is now."""
    return problem(request, 404 if request.method == "GET" else 409, str(error))


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RoutingError)
    response = problem(request, error.status_code, str(error.detail))
    response.headers.update(error.headers or {})
    return response


def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
    return problem(request, 422, wrong)


def _failed(request: Request, error: Exception) -> Response:
    """A fault of the program: the server logs it, the person is told that it is there."""
    response = problem(request, 500, "")
    # This one is sent outside of what adds them otherwise.
    response.headers.update({**HEADERS, "Cache-Control": "no-store"})
    return response


def problem(request: Request, status: int, why: str) -> Response:
    """What is wrong: a page for people, a notice for htmx, otherwise JSON with ``detail``."""
    if "hx-request" in request.headers:
        response = render(request, "problem_notice.html", status, problem=status, why=why)
        response.headers.update(AS_NOTICE)
        return response
    if "text/html" in request.headers.get("accept", ""):
        return render(request, "problem.html", status, problem=status, why=why)
    return JSONResponse({"detail": why}, status)
