"""Pages from templates, in the language that the person chose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from math import isnan
from pathlib import Path
from typing import Any, Final

import yaml
from fastapi import Request
from fastapi.templating import Jinja2Templates
from markupsafe import Markup
from starlette.responses import Response

from damage_perception.kinds import KINDS, NONE
from damage_perception.review.guard import CSRF_FIELD
from damage_perception.review.security import session_of

FOLDER: Final = Path(__file__).parent
LANGUAGES: Final = ("en", "de")
LANGUAGE_COOKIE: Final = "language"
_TEMPLATES: Final = Jinja2Templates(FOLDER / "templates")


@cache
def texts(language: str) -> Mapping[str, str]:
    """All texts of a language by their keys, ``page.name``; a file ``page.language.yaml`` each."""
    found: dict[str, str] = {}
    for path in sorted((FOLDER / "languages").glob(f"*.{language}.yaml")):
        lines: Mapping[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
        page = path.name.partition(".")[0]
        found |= {f"{page}.{name}": line for name, line in lines.items()}
    return found


def language_of(request: Request) -> str:
    """The language that the person chose, otherwise the browser's, otherwise English."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    wanted = [chosen, *request.headers.get("accept-language", "").split(",")]
    known = [word.strip()[:2] for word in wanted if word.strip()[:2] in LANGUAGES]
    return known[0] if known else LANGUAGES[0]


def translator(request: Request) -> Callable[..., str]:
    """``t("page.name", **values)``: the text of a key in the person's language."""
    lines = texts(language_of(request))

    def translate(key: str, **fields: Any) -> str:
        return lines[key].format(**fields)

    return translate


def render(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page, or a part of one.

    Beside ``values`` templates have

    t("page.name", **values)  the text of a key in the person's language
    kind_name(kind)           of damage, in words
    number(value, digits)     with as many decimals; a dash where it is NaN
    clock(time_ns)            date and time of the cell
    csrf_token()              that requests which change something bring along
    csrf_field()              the same as a hidden field of a form
    person                    who is signed in; empty where nobody is
    """
    session = session_of(request)
    language = language_of(request)
    translate = translator(request)
    token = session.csrf if session else ""

    def kind_name(kind: str) -> str:
        # A newer node may report kinds that this version has no words for.
        return translate(f"base.kind_{kind}") if kind in (NONE, *KINDS) else kind

    def number(value: float, digits: int = 0) -> str:
        text = "-" if isnan(value) else f"{value:.{digits}f}"
        return text.replace(".", translate("base.decimal_point"))

    def clock(time_ns: int) -> str:
        return datetime.fromtimestamp(time_ns / 1e9).strftime(translate("base.clock"))

    def csrf_field() -> Markup:
        return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, token)

    context = {
        "t": translate,
        "language": language,
        "languages": LANGUAGES,
        "kind_name": kind_name,
        "number": number,
        "clock": clock,
        "csrf_token": lambda: token,
        "csrf_field": csrf_field,
        "person": session.name if session else "",
        **values,
    }
    return _TEMPLATES.TemplateResponse(request, template, context, status_code=status)
