"""What the browser may ask for: the page itself, and one picture after the other."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from edge.web.setup.json_requests import OUR_SCRIPT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from edge.web.setup.preview_screen import Screen

FOLDER = Path(__file__).parent / "static"
WAIT = 1.0  # seconds that a question waits for a picture


def routes(screen: Screen, more: Sequence[BaseRoute] = ()) -> list[BaseRoute]:
    """The routes of the page.

    Args:
        screen: What shows the pictures.
        more: Further routes of the page.
    """

    def newest(request: Request) -> Response:
        """The newest picture that the browser has not seen: it asks again once it has drawn one, so none queue up."""
        after = request.query_params.get("after", "0")
        if not re.fullmatch(r"\d{1,12}", after):
            return PlainTextResponse("after is the number of a picture\n", 400)
        shot, problem = screen.newest(int(after), WAIT)
        if shot is None:
            return _packed({"problem": problem}, b"")
        return _packed({"number": shot.number, "problem": problem, **shot.about}, shot.jpeg)

    return [
        Route("/newest", newest, middleware=OUR_SCRIPT),
        *more,
        Mount("/", StaticFiles(directory=FOLDER, html=True)),
    ]


def _packed(about: dict[str, Any], jpeg: bytes) -> Response:
    """JSON and JPEG in one answer, so that boxes are never drawn on another picture: length of the JSON, both parts."""
    head = json.dumps(about).encode()
    return Response(struct.pack(">I", len(head)) + head + jpeg, media_type="application/octet-stream")
