"""What requests of the set-up page are asked for before anything answers or acts, and how a refusal is told."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from edge.config.draft import StaleDraftError
from edge.config.value_check import RefusedChangeError
from edge.errors import EdgeError
from edge.web.shared import told

if TYPE_CHECKING:
    from edge.config.draft import Draft

logger = logging.getLogger(__name__)

HEADER = "x-edge-setup"
"""A link, a picture or a page from elsewhere cannot send it without asking us first, and we allow nobody."""

Json = dict[str, Any]


def from_our_script(connection: HTTPConnection) -> bool:
    """Whether the script of our page asks. A cookie does not say so: browsers send it for every link and picture."""
    headers = connection.headers
    # Old browsers do not say from where; the header alone is enough for them.
    return headers.get(HEADER) == "1" and headers.get("sec-fetch-site", "same-origin") == "same-origin"


class _OurScript:
    """Refuses everybody but the script of our page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = from_our_script(HTTPConnection(scope))
        await (self._app if ours else _problem(NOT_OURS, OPEN_PAGE, status=403))(scope, receive, send)


NOT_OURS, OPEN_PAGE = "this request does not come from the page", "use the page that `edge setup` shows"
OUR_SCRIPT = [Middleware(_OurScript)]
"""For every route that tells of the room or acts: else any site's link could save a picture of it to the disk."""


class BadRequestError(EdgeError):
    """What was sent cannot be understood."""


def get_route(path: str, answer: Callable[[], Json]) -> Route:
    """A route that is asked for JSON; `answer` runs in a thread of its own and may take its time."""

    async def endpoint(_request: Request) -> Response:
        return await _answered(answer)

    return Route(path, endpoint, middleware=OUR_SCRIPT)


def post_route(path: str, answer: Callable[[Json], Json]) -> Route:
    """A route that acts on JSON; `answer` runs in a thread of its own, and raises EdgeError to refuse."""

    async def endpoint(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _problem("only JSON is taken here", OPEN_PAGE, status=403)
        body = await request.body()
        return await _answered(lambda: answer(_parsed(body)))

    return Route(path, endpoint, methods=["POST"], middleware=OUR_SCRIPT)


def member(body: Json, name: str, kinds: type | tuple[type, ...], default: Any = None) -> Any:  # noqa: ANN401
    """One part of a request. Raises BadRequestError: it is of another kind."""
    value = body.get(name, default)
    allowed = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        names = {bool: "true or false", int: "a whole number", str: "text", dict: "an object", list: "a list"}
        raise BadRequestError(f"{name} has to be {names.get(allowed[0], 'something else')}")
    return value


def check_revision(body: Json, draft: Draft) -> None:
    """Of every route that saves or tries what the page shows; call it after all of the draft was read.

    Where two people set up one device, nobody replaces what the other one has done without having seen it.

    Args:
        body: The request; `revision`: of the draft that the page shows.
        draft: What is set.

    Raises:
        StaleDraftError: The draft is another one by now.
        EdgeError: It has ended.
        BadRequestError: There is no revision.
    """
    draft.check(member(body, "revision", int))


async def _answered(answer: Callable[[], Json]) -> Response:
    try:
        return JSONResponse(await run_in_threadpool(answer))
    except StaleDraftError as error:
        return _problem(*error.told, status=409)
    except RefusedChangeError as error:
        return _problem(*error.told, key=error.key, status=422)
    except BadRequestError as error:
        return _problem(*error.told, status=400)
    except EdgeError as error:
        return _problem(*error.told, status=422)
    except Exception:
        # Whoever sets up a device sees a sentence; the terminal has the rest.
        logger.exception("the set-up page failed")
        return _problem("something failed inside edge", "please report what the terminal says", status=500)


def _problem(problem: object, remedy: object = "", *, key: str | None = None, status: int) -> Response:
    return JSONResponse({"problem": told(problem), "remedy": told(remedy), "key": key}, status)


def _parsed(body: bytes) -> Json:
    def refuse(name: str) -> float:
        raise BadRequestError(f"{name} is not a number")

    try:
        parsed = json.loads(body, parse_constant=refuse)
    except RecursionError:
        raise BadRequestError("too many lists stand in each other") from None
    except ValueError:  # no JSON, no UTF-8, or a number of thousands of digits
        raise BadRequestError("this is not JSON that can be read") from None
    if not isinstance(parsed, dict):
        raise BadRequestError("this has to be an object")
    return parsed
