"""The texts of the page over HTTP, in the best of the languages that a browser asks for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from edge.languages import catalogue


def text_routes() -> list[BaseRoute]:
    """The routes."""
    return [Route("/api/texts", texts)]


def texts(request: Request) -> Response:
    """All texts in one language: `?language=` takes a list of tags in order of preference."""
    return JSONResponse(catalogue.for_page(request.query_params.get("language", "")))
