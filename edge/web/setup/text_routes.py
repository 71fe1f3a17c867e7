"""What the page says and gives away as text, over HTTP: its languages, the notice to print, the support file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from edge.languages import catalogue
from edge.support.support_file import support_file, support_name, unit_of
from edge.web.setup.notice import notice

if TYPE_CHECKING:
    from edge.config.schema import Config
    from edge.web.setup.config_file import ConfigFile


def text_routes(file: ConfigFile) -> list[BaseRoute]:
    """The routes."""
    return [
        Route("/api/texts", texts),
        Route("/notice", _about(file, lambda config, request: HTMLResponse(notice(config, _language(request))))),
        Route("/api/support", _about(file, lambda config, _request: _support(config, file))),
    ]


def texts(request: Request) -> Response:
    """All texts in one language: `?language=` takes a list of tags in order of preference."""
    return JSONResponse(catalogue.for_page(_language(request)))


def _about(file: ConfigFile, answer: Callable[[Config, Request], Response]) -> Callable[[Request], Response]:
    """A page about the draft as it is, complete or not."""

    def endpoint(request: Request) -> Response:
        config, wrong = file.draft.tentative()
        if config is None:
            return PlainTextResponse(f"{wrong}\n", 422)
        return answer(config, request)

    return endpoint


def _support(config: Config, file: ConfigFile) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{support_name(config).encode("ascii", "replace").decode()}"'
    }
    return Response(
        support_file(config, (), unit_of(file.path)), media_type="text/plain; charset=utf-8", headers=headers
    )


def _language(request: Request) -> str:
    return request.query_params.get("language", "")
