"""What the page gives away as text, over HTTP: the notice to print, the support file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from edge.errors import EdgeError
from edge.support.daemon_words import at_broker
from edge.support.support_file import support_file, unit_of
from edge.web.setup.json_requests import OUR_SCRIPT
from edge.web.setup.notice import notice
from edge.web.shared import language_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge.config.schema import Config
    from edge.web.setup.config_file import ConfigFile


def text_routes(file: ConfigFile) -> list[BaseRoute]:
    """The routes."""

    def support(_request: Request) -> Response:
        config, _ = file.draft.tentative()
        broker = {} if config is None else at_broker_of(config)
        content = support_file(config, (), unit_of(file.path), raw=file.saved, broker=broker)
        return Response(content, media_type="text/plain; charset=utf-8")

    def at_broker_of(config: Config) -> Mapping[str, object]:
        try:
            return at_broker(config, file.password_for(config))
        except EdgeError as error:
            return {"not asked": str(error)}

    def printed_notice(request: Request) -> Response:
        config, wrong = file.draft.tentative()
        if config is None:
            return PlainTextResponse(f"{wrong}\n", 422)
        return HTMLResponse(notice(config, language_of(request)))

    return [Route("/notice", printed_notice), Route("/api/support", support, middleware=OUR_SCRIPT)]
