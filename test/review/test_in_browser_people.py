"""Who may use the page in a browser, and two people who do at the same time."""

import re
import time

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("mcap", reason="mcap is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from browser import press, shows_item
from made_records import add_item
from playwright.sync_api import expect

from damage_perception.records.item_record import Judgement
from damage_perception.review.security import SESSION_S

pytest_plugins = ["browser"]
pytestmark = pytest.mark.slow

UNSEEN, DAMAGED, GOOD = Judgement.UNSEEN, Judgement.DAMAGED, Judgement.GOOD
PAGES = ("/", "/queue", "/queue/item/1", "/item/1/mark", "/booth", "/products", "/numbers")
OUT_OF_DATE = "the page is out of date: load it again"


def said(store):
    """What was said of each item, by whom, from the first that was added."""
    rows = store.index.query("SELECT judgement, judged_by FROM items ORDER BY key")
    return [(Judgement(judgement), by) for judgement, by in rows]


def test_a_person_signs_in_and_out(visitor, site, store):
    add_item(store, 1)
    berta = visitor()
    page = berta.page
    page.goto(site.login)
    expect(page.get_by_label("Access token")).to_have_value(site.token)
    page.get_by_label("Your name").fill(" Berta  Maier ")
    press(page, "Sign in")
    shows_item(page, 1)
    expect(page.locator("header .person")).to_have_text("Berta Maier")
    press(page, "Sign out")
    page.wait_for_url("**/login")
    expect(page.get_by_label("Your name")).to_have_value("Berta Maier")
    expect(page.get_by_label("Access token")).to_be_focused()
    page.go_back()
    berta.open("/queue")
    page.wait_for_url("**/login")


def test_the_token_is_no_longer_in_the_address_once_somebody_is_signed_in(visitor, site):
    page = visitor().page
    page.goto(site.login)
    page.get_by_label("Your name").fill("Anna")
    page.keyboard.press("Enter")
    page.wait_for_url("**/queue")
    assert site.token not in page.url and site.token not in page.content()


@pytest.mark.parametrize(
    ("token", "name", "words"),
    [("wrong", "Anna", "That is not the token."), ("{}", "   ", "Your name is needed.")],
    ids=["token", "name"],
)
def test_what_is_wrong_at_the_login_is_said(visitor, site, token, name, words):
    stranger = visitor()
    page = stranger.open("/login")
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Access token").fill(token.format(site.token))
    press(page, "Sign in")
    expect(page.get_by_role("alert").first).to_have_text(words)
    stranger.open("/queue")
    page.wait_for_url("**/login")
    stranger.expect_fault("Failed to load resource")


def test_an_empty_token_is_not_even_sent(visitor):
    page = visitor().open("/login")
    page.get_by_label("Your name").fill("Anna")
    press(page, "Sign in")
    assert page.get_by_label("Access token").evaluate("field => field.validity.valueMissing")
    expect(page).to_have_url(re.compile("/login$"))


@pytest.mark.parametrize("cookie", ["none", "expired", "forged", "other token"])
def test_strangers_come_to_the_login_and_nowhere_else(visitor, site, store, cookie):
    add_item(store, 1)
    stranger = visitor()
    now_s = time.time()
    made = site.cookie("Anna", now_s)
    if cookie == "expired":
        made = site.cookie("Anna", now_s - SESSION_S - 1)
    elif cookie == "forged":
        payload, _, signature = made["value"].partition(".")
        made["value"] = f"{payload.replace('416e6e61', '4265726e')}.{signature}"
        assert payload not in made["value"]
    elif cookie == "other token":
        made["value"] = type(site.app.state.access)().open_session("Anna", now_s)
    if cookie != "none":
        stranger.context.add_cookies([made])
    for path in PAGES if cookie == "none" else PAGES[:1]:
        page = stranger.open(path)
        expect(page).to_have_url(f"{site.address}/login")
        assert page.locator("header.bar").count() == 0 and "item-0001" not in page.content()


@pytest.mark.parametrize("field", ["header", "meta"])
def test_what_comes_without_the_token_of_the_page_is_refused_and_said(anna, store, field):
    add_item(store, 1)
    if field == "header":
        page = anna.open("/queue")
        page.evaluate("() => document.body.removeAttribute('hx-headers')")
        press(page, "Confirm")
        expect(page.locator("#notice")).to_have_text(OUT_OF_DATE)
        shows_item(page, 1)
    else:
        page = anna.open("/item/1/mark")
        page.evaluate("() => document.querySelector('meta[name=csrf-token]').content = ''")
        press(page, "Save")
        expect(page.locator("#mark [role=status]")).to_contain_text("Not saved")
    assert said(store) == [(UNSEEN, "")] and store.index.shapes(1) == []
    page.reload()
    press(page, "Confirm" if field == "header" else "Save")
    expect(page.locator("h1")).to_have_text("All items are judged")
    assert said(store) == [(DAMAGED, "Anna")]
    anna.expect_fault("403")


def test_a_form_without_the_token_of_the_page_is_refused_and_said(anna, site):
    page = anna.open("/queue")
    page.evaluate("() => document.querySelector('form input[name=csrf]').remove()")
    press(page, "Sign out")
    expect(page.locator("body")).to_contain_text(OUT_OF_DATE)
    anna.open("/queue")
    expect(page.locator("header .person")).to_have_text("Anna")
    anna.expect_fault("Failed to load resource")


def test_whose_session_ends_signs_in_and_goes_on(anna, site, store):
    add_item(store, 1)
    page = anna.open("/queue")
    shows_item(page, 1)
    anna.context.clear_cookies()
    press(page, "Confirm")
    page.wait_for_url("**/login")
    assert said(store) == [(UNSEEN, "")]
    page.get_by_label("Your name").fill("Anna")
    page.get_by_label("Access token").fill(site.token)
    page.keyboard.press("Enter")
    shows_item(page, 1)
    press(page, "Confirm")
    expect(page.locator("h1")).to_have_text("All items are judged")
    assert said(store) == [(DAMAGED, "Anna")]
    anna.forgive("401")


def test_whoever_comes_second_is_told_and_gets_the_next_item(visitor, store):
    for number in (1, 2, 3):
        add_item(store, number)
    anna, berta = visitor("Anna"), visitor("Berta")
    for one in (anna, berta):
        shows_item(one.open("/queue"), 3)
    press(anna.page, "Confirm")
    shows_item(anna.page, 2)
    press(berta.page, "False alarm")
    expect(berta.page.locator("#notice")).to_contain_text("Anna has judged item-0003 meanwhile")
    shows_item(berta.page, 2)
    expect(berta.page).to_have_url(anna.page.url)
    assert said(store) == [(UNSEEN, ""), (UNSEEN, ""), (DAMAGED, "Anna")]
    # The same button pressed at once again would be a double press.
    berta.page.wait_for_timeout(400)
    press(berta.page, "False alarm")
    shows_item(berta.page, 1)
    press(anna.page, "Skip")
    expect(anna.page.locator("#notice")).to_contain_text("Berta has judged item-0002 meanwhile")
    shows_item(anna.page, 1)
    assert said(store) == [(UNSEEN, ""), (GOOD, "Berta"), (DAMAGED, "Anna")]
    anna.expect_fault("409")
    berta.expect_fault("409")


def test_undo_takes_back_what_the_person_said_and_nothing_else(visitor, store):
    for number in (1, 2):
        add_item(store, number)
    anna, berta = visitor("Anna"), visitor("Berta")
    press(anna.open("/queue"), "Confirm")
    shows_item(anna.page, 1)
    press(berta.open("/queue"), "False alarm")
    expect(berta.page.locator("h1")).to_have_text("All items are judged")
    press(anna.page, "Undo")
    shows_item(anna.page, 2)
    assert said(store) == [(GOOD, "Berta"), (UNSEEN, "")]


def test_marks_are_not_lost_where_somebody_else_judged_meanwhile(visitor, store):
    add_item(store, 1)
    anna, berta = visitor("Anna"), visitor("Berta")
    page = anna.open("/item/1/mark")
    page.wait_for_selector("#mark .mark")
    press(berta.open("/queue"), "False alarm")
    expect(berta.page.locator("h1")).to_have_text("All items are judged")
    press(page, "Save")
    expect(page.locator("#mark [role=status]")).to_contain_text("Berta has judged")
    assert page.locator("#mark .mark").count() == 1
    assert said(store) == [(GOOD, "Berta")] and store.index.shapes(1) == []
    page.reload()
    press(page, "Save")
    page.wait_for_url("**/queue")
    assert said(store) == [(DAMAGED, "Anna")] and len(store.index.shapes(1)) == 1
    anna.expect_fault("409")


def test_the_language_is_switched_everywhere_and_stays(visitor, store):
    add_item(store, 1)
    anna = visitor("Anna")
    page = anna.open("/queue/item/1")
    press(page, "Deutsch")
    press(page, "Bestätigen")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("h1")).to_have_text("Alles geprüft")
    for path in ("/numbers?span=week", "/products", "/booth"):
        anna.open(path)
        expect(page.locator("html")).to_have_attribute("lang", "de")
    anna.open("/numbers?span=week")
    page.keyboard.press("F8")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page).to_have_url(re.compile(r"span=week"))
    page.keyboard.press("F9")
    page.wait_for_url("**/login")
