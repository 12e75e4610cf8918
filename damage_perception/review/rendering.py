"""Pages from templates, in the language that the person chose."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from fastapi import Request
from fastapi.templating import Jinja2Templates
from starlette.responses import Response

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


def render(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page, or a part of one.

    Templates have ``t("page.name", **values)``, the text of a key in the person's language.
    """
    lines = texts(language_of(request))

    def translate(key: str, **fields: Any) -> str:
        return lines[key].format(**fields)

    context = {"t": translate, "language": language_of(request), **values}
    return _TEMPLATES.TemplateResponse(request, template, context, status_code=status)
