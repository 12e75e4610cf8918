"""Only people with the token use the page, and no other site does so in their name."""

import time

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from damage_perception.review import security
from damage_perception.review.app import make_app
from damage_perception.review.guard import MOST_BYTES
from damage_perception.review.security import SESSION_S, Access, FailedLogins

HOME = "http://127.0.0.1"


@pytest.fixture(autouse=True)
def no_delay(monkeypatch):
    monkeypatch.setattr(FailedLogins, "DELAY_S", 0.0)


def login(browser, token, name="Anna"):
    return browser.post("/login", data={"token": token, "name": name}, follow_redirects=False)


def test_the_address_with_the_token_fills_in_the_form(app, stranger):
    token = app.state.access.token
    assert f'value="{token}"' in stranger.get(f"/login?token={token}").text


def test_who_has_the_token_and_a_name_is_let_in(app, stranger):
    answer = login(stranger, app.state.access.token)
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue")
    assert "Anna" in stranger.get("/queue").text


@pytest.mark.parametrize("token", ["", "wrong", "grün", "\x00"])
def test_a_wrong_token_is_turned_away(stranger, token):
    answer = login(stranger, token)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert stranger.get("/queue").status_code == 303


@pytest.mark.parametrize("name", ["", "   ", "a\x07b"])
def test_judgements_need_a_name(app, stranger, name):
    answer = login(stranger, app.state.access.token, name)
    assert answer.status_code == 422 and "Your name is needed" in answer.text


def test_the_name_is_remembered(app, stranger):
    login(stranger, app.state.access.token, "  Zoë   Müller ")
    assert 'value="Zoë Müller"' in stranger.get("/login").text


def test_a_name_is_no_markup(app, stranger):
    login(stranger, app.state.access.token, "<script>alert(1)</script>")
    assert "<script>alert" not in stranger.get("/queue").text


def test_the_token_is_made_anew_for_every_page(pages):
    tokens = {make_app(pages).state.access.token for _ in range(3)}
    assert len(tokens) == 3 and all(len(token) >= 43 for token in tokens)
    assert not any(token in repr(Access()) for token in tokens)


@pytest.mark.parametrize("secure", [False, True])
def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(pages, secure):
    access = Access(secure=secure)
    answer = login(TestClient(make_app(pages, access), HOME), access.token)
    (cookie,) = [c for c in answer.headers.get_list("set-cookie") if c.startswith(access.cookie)]
    said = cookie.lower()
    assert "httponly" in said and "samesite=strict" in said and f"max-age={SESSION_S}" in said
    assert ("secure" in said) is secure


def test_a_session_ends_after_twelve_hours():
    access = Access()
    cookie = access.open_session("Anna", 1000.0)
    assert access.session(cookie, 1000.0 + 12 * 3600 - 1).name == "Anna"
    assert access.session(cookie, 1000.0 + 12 * 3600) is None


@pytest.mark.parametrize("cookie", ["", ".", "abc", "abc.def", "é.é", "W10=." + "0" * 64])
def test_a_cookie_that_nobody_signed_is_none(cookie):
    assert Access().session(cookie, 0.0) is None


def test_a_cookie_that_was_changed_is_none():
    access = Access()
    cookie = access.open_session("Anna", 0.0)
    payload, signature = cookie.split(".")
    other, _ = access.open_session("Berta", 0.0).split(".")
    assert access.session(f"{other}.{signature}", 1.0) is None
    assert access.session(f"{payload}.{signature[:-1]}", 1.0) is None
    assert Access().session(cookie, 1.0) is None


def test_pages_send_strangers_to_the_login(stranger):
    for path in ("/", "/queue", "/queue/item/1", "/nothing", "/item/1/image/front.jpg"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_scripts_of_strangers_get_401(stranger):
    htmx = stranger.get("/queue", headers={"HX-Request": "true"})
    assert (htmx.status_code, htmx.headers["hx-redirect"]) == (401, "/login")
    assert stranger.get("/queue", headers={"Accept": "application/json"}).status_code == 401
    assert stranger.put("/item/1/shapes", json=[]).status_code == 401
    fetched = stranger.get("/item/1/cloud/front", headers={"Sec-Fetch-Mode": "cors"})
    assert fetched.status_code == 401


def test_login_and_static_files_are_open(stranger):
    assert stranger.get("/login").status_code == 200
    assert stranger.get("/static/style.css").status_code == 200
    assert stranger.get("/loginx").status_code == 303
    assert stranger.get("/static/../app.py").status_code == 303
    assert stranger.get("/static/%2e%2e/app.py").status_code in (303, 404)


def test_who_signs_out_has_to_sign_in_again(client):
    assert client.post("/logout").url.path == "/login"
    assert client.get("/queue").url.path == "/login"


def test_changes_need_the_csrf_token(client):
    token = client.headers.pop("X-CSRF-Token")
    for answer in (
        client.post("/queue/undo"),
        client.post("/queue/undo", headers={"X-CSRF-Token": "0" * len(token)}),
        client.post("/queue/undo", headers={"X-CSRF-Token": b"\xfc"}),
        client.post("/queue/undo", data={"csrf": "0"}),
        client.put("/item/1/shapes", json={"csrf": token}),
        client.delete("/queue"),
    ):
        assert answer.status_code == 403, answer.request.method
    for answer in (
        client.post("/queue/undo", data={"csrf": token}),
        client.post("/queue/undo", data={"csrf": token}, files={"a": b"b"}),
        client.post("/queue/undo", headers={"X-CSRF-Token": token}),
    ):
        assert answer.status_code == 409, answer.text  # there is nothing to undo


def test_csrf_tokens_are_of_one_session(app, signed_in):
    anna, berta = signed_in("Anna"), signed_in("Berta")
    assert anna.headers["X-CSRF-Token"] != berta.headers["X-CSRF-Token"]
    berta.headers["X-CSRF-Token"] = anna.headers["X-CSRF-Token"]
    assert berta.post("/queue/undo").status_code == 403


def test_forms_carry_the_token(client):
    page = client.get("/queue").text
    token = client.headers["X-CSRF-Token"]
    assert f'<meta name="csrf-token" content="{token}">' in page
    assert f'<input type="hidden" name="csrf" value="{token}">' in page


def test_another_site_cannot_even_try_to_sign_in(app, stranger):
    stranger.headers["Sec-Fetch-Site"] = "cross-site"
    assert login(stranger, app.state.access.token).status_code == 403


def test_ten_failures_in_a_minute_are_too_many(app, stranger, monkeypatch):
    for _ in range(10):
        assert login(stranger, "wrong").status_code == 401
    answer = login(stranger, app.state.access.token)
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0
    later_s = time.monotonic() + 61
    monkeypatch.setattr(security.time, "monotonic", lambda: later_s)
    assert login(stranger, app.state.access.token).status_code == 303


def test_failures_of_one_address_do_not_lock_out_another(app):
    thief = TestClient(app, HOME, client=("10.0.0.66", 1), follow_redirects=False)
    for _ in range(11):
        last = login(thief, "wrong")
    assert last.status_code == 429
    anna = TestClient(app, HOME, client=("10.0.0.7", 1))
    assert login(anna, app.state.access.token).status_code == 303


def test_failed_logins_are_slowed_down(stranger, monkeypatch):
    monkeypatch.setattr(FailedLogins, "DELAY_S", 0.2)
    began_s = time.monotonic()
    login(stranger, "wrong")
    assert time.monotonic() - began_s >= 0.2


@pytest.mark.parametrize("path", ["/queue", "/login", "/nothing", "/static/style.css"])
def test_every_answer_says_what_a_browser_may_do_with_it(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "img-src 'self' blob: data:" in policy and "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == ("no-cache" if path.startswith("/static") else "no-store")


def test_a_fault_has_the_headers_too_and_tells_nothing(app, pages, client, monkeypatch):
    browser = TestClient(app, HOME, raise_server_exceptions=False, cookies=client.cookies)
    monkeypatch.setattr(pages.store.index, "waiting", lambda *_: 1 / 0)
    answer = browser.get("/queue", headers={"Accept": "text/html"})
    assert answer.status_code == 500 and "ZeroDivision" not in answer.text
    assert "Fault of the program" in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_foreign_host_names_are_turned_away(pages):
    app = make_app(pages, Access(hosts=("127.0.0.1", "cell-7.example")))
    for host, status in (
        ("127.0.0.1", 200),
        ("127.0.0.1:8087", 200),
        ("cell-7.example:8087", 200),
        ("evil.example", 400),
        ("evil.example:8087", 400),
        ("cell-7.example.evil.example", 400),
        ("", 400),
    ):
        answer = TestClient(app, HOME).get("/login", headers={"Host": host})
        assert answer.status_code == status, host


def test_large_requests_are_turned_away(client):
    at_most = b"x" * MOST_BYTES
    headers = {"Content-Type": "application/json"}
    assert client.post("/queue/undo", content=at_most, headers=headers).status_code == 409
    assert client.post("/queue/undo", content=at_most + b"x", headers=headers).status_code == 413
    # Only said to be large, and large without saying so.
    lying = {**headers, "Content-Length": str(MOST_BYTES + 1)}
    assert client.post("/queue/undo", content=b"x", headers=lying).status_code == 413
    chunks = (b"x" * 65536 for _ in range(MOST_BYTES // 65536 + 1))
    chunked = client.post("/queue/undo", content=chunks, headers=headers)
    assert "content-length" not in chunked.request.headers and chunked.status_code == 413


def test_a_large_login_is_turned_away(stranger):
    chunks = (b"x" * 65536 for _ in range(MOST_BYTES // 65536 + 1))
    assert stranger.post("/login", content=chunks).status_code == 413


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_language_stays_chosen(client, language):
    client.headers["HX-Request"] = "true"
    answer = client.post("/language", data={"language": language})
    assert answer.headers["hx-refresh"] == "true"
    del client.headers["HX-Request"]
    assert f'<html lang="{language}">' in client.get("/queue").text


def test_only_known_languages_are_chosen(client):
    assert client.post("/language", data={"language": "../../etc"}).status_code == 422
    assert client.get("/login?language=../../etc").status_code == 200


def test_strangers_choose_their_language_too(stranger):
    answer = stranger.get("/login?token=abc&language=de")
    assert answer.status_code == 303
    page = stranger.get(answer.headers["location"]).text
    assert "Zugangsschlüssel" in page and 'value="abc"' in page
