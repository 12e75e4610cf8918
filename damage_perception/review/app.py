"""The application: all pages, and what stands before them."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from damage_perception.review.pages import queue
from damage_perception.review.rendering import FOLDER
from damage_perception.review.sharing import Shared


def make_app(shared: Shared) -> FastAPI:
    """The page on what is shared."""
    app = FastAPI(title="damage-perception review", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.shared = shared
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    for page in (queue,):
        app.include_router(page.router)
    return app
