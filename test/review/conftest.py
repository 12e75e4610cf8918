"""The page on a store of its own, and a person who is signed in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from damage_perception.records.store import RecordStore

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from damage_perception.review.sharing import Shared


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    """An empty store."""
    return RecordStore(tmp_path / "records", create=True)


@pytest.fixture
def pages(store: RecordStore) -> Shared:
    """What the pages share: a store, and neither model nor gallery nor cameras."""
    pytest.importorskip("fastapi")
    from damage_perception.review.sharing import Shared

    return Shared(store, _no_inspector)


@pytest.fixture
def app(pages: Shared) -> FastAPI:
    """The page; its token is ``app.state.access.token``."""
    from damage_perception.review.app import make_app

    return make_app(pages)


@pytest.fixture
def signed_in(app: FastAPI) -> Callable[[str], TestClient]:
    """Gives the browser of a person: signed in, with the CSRF token in every request."""
    return partial(_sign_in, app)


@pytest.fixture
def client(signed_in: Callable[[str], TestClient]) -> TestClient:
    """Anna's browser."""
    return signed_in("Anna")


@pytest.fixture
def stranger(app: FastAPI) -> TestClient:
    """A browser of somebody who is not signed in, and follows no redirects."""
    from starlette.testclient import TestClient

    return TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)


def _sign_in(app: FastAPI, name: str) -> TestClient:
    """A browser of a person who signed in by the form."""
    from starlette.testclient import TestClient

    browser = TestClient(app, base_url="http://127.0.0.1")
    form = {"token": app.state.access.token, "name": name}
    answer = browser.post("/login", data=form, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    cookie = browser.cookies[app.state.access.cookie]
    session = app.state.access.session(cookie, 0.0)
    browser.headers["X-CSRF-Token"] = session.csrf
    return browser


def _no_inspector() -> NoReturn:
    raise AssertionError("no model is loaded here")
