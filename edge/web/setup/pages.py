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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from edge.web.setup.preview_session import PreviewSession

FOLDER = Path(__file__).parent / "static"
WAIT = 1.0  # seconds that a question waits for a picture


def routes(session: PreviewSession, room: dict[str, Any], more: Sequence[BaseRoute] = ()) -> list[BaseRoute]:
    """The routes of the page.

    Args:
        session: Who takes the pictures.
        room: What never changes, for JSON: name, source, whether there are emotions, labels, least size of a face.
        more: Further routes of the page.
    """

    def newest(request: Request) -> Response:
        """The newest picture that the browser has not seen: it asks again once it has drawn one, so none queue up."""
        after = request.query_params.get("after", "0")
        if not re.fullmatch(r"\d{1,12}", after):
            return PlainTextResponse("after is the number of a picture\n", 400)
        shot, problem = session.newest(int(after), WAIT)
        if shot is None:
            return _packed({"problem": problem}, b"")
        return _packed({"number": shot.number, "problem": problem, **shot.about}, shot.jpeg)

    def about_room(_request: Request) -> Response:
        return Response(json.dumps(room), media_type="application/json")

    return [
        Route("/newest", newest),
        Route("/room", about_room),
        *more,
        Mount("/", StaticFiles(directory=FOLDER, html=True)),
    ]


def _packed(about: dict[str, Any], jpeg: bytes) -> Response:
    """JSON and JPEG in one answer, so that boxes are never drawn on another picture: length of the JSON, both parts."""
    head = json.dumps(about).encode()
    return Response(struct.pack(">I", len(head)) + head + jpeg, media_type="application/octet-stream")
