"""What all pages share: the files of `static/`, their texts in every language, and how a server says a sentence."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from edge.languages import catalogue
from edge.text import Sentence

FOLDER = Path(__file__).parent / "static"


class Revalidated(StaticFiles):
    """Files that a browser may keep if it asks every time whether they are still the same."""

    def file_response(self, *args: Any, **options: Any) -> Response:  # noqa: ANN401 - as StaticFiles has it
        """As StaticFiles."""
        answer = super().file_response(*args, **options)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def shared_routes() -> list[BaseRoute]:
    """Where a page finds them; its scripts import `shared/texts.js`."""
    return [Route("/api/texts", texts), Mount("/shared", Revalidated(directory=FOLDER))]


def texts(request: Request) -> Response:
    """All texts in one language: `?language=` takes a list of tags in order of preference."""
    return Response(_texts(catalogue.choose(language_of(request))), media_type="application/json")


@lru_cache
def _texts(language: str) -> bytes:
    """As they are sent; of the languages that there are."""
    return bytes(JSONResponse(catalogue.for_page(language)).body)


def told(text: object) -> dict[str, Any] | str:
    """Text as it is; a sentence so that the page can say it in another language."""
    return text.as_json() if isinstance(text, Sentence) else str(text)


def language_of(request: Request) -> str:
    """What was asked for: a list of tags, maybe empty."""
    return request.query_params.get("language", "")
