"""The gate before every page: what is refused, who is let in, and what every answer carries."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from edge.config.host_names import in_origin, is_loopback, name_in
from edge.web.page_cookie import MAX_COOKIES, PageCookie
from edge.web.seats import Owner
from edge.web.token_page import Problem, token_page
from edge.web.turns import Turns
from edge.web.visitors import VISITOR, visitor_of
from edge.web.wrong_tokens import WrongTokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from edge.web.keys import Keys
    from edge.web.visitors import Visitor

MAX_URL = 2048  # bytes of path and query
MAX_HEAD = 16384  # bytes of a request before its body; cookies of all that has the same name come with it
MAX_BODY = 65536  # bytes, of the routes that take one at all
MAX_FIELDS = 50  # of a query; each costs more than its bytes
FORM = "application/x-www-form-urlencoded"  # only the gate takes these: pages send JSON
MAX_FORM = 1024  # bytes: a token of 256 characters, each of them escaped
MAX_FORM_FIELDS = 4
FORM_SECONDS = 10.0  # within which a form has to arrive
STILL_SECONDS = 2.0  # after which it is asked again whether an answer that goes on may go on

SENTENCES: dict[Problem | None, str] = {
    None: "Open the whole address that was printed when this page started: it ends in ?token=...",
    "wrong": "This token is not the right one.",
    "two": "Cookies with the tokens of two people were shown, so neither counts. Load the page again; if that does not "
    "help, delete the cookies of this site.",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # others learn nothing; "no-referrer" would take their Origin from our own forms
    "X-Content-Type-Options": "nosniff",
}
"""On every answer that does not set its own."""


CONNECTION = "edge.connection"  # in a scope
_ASK_AGAIN = "edge.ask_again"  # who the visitor is now, by what was shown
_TRICKS = re.compile(rb"%(2e|2f|5c|[01][0-9a-f]|7f)|[\\\x00-\x20\x7f]|//|/\.\.?(/|$)", re.IGNORECASE)


class Gate:
    """Lets through what is small, straight, asked under a known name, and by somebody with a token.

    Args:
        app: What is behind it.
        keys: The tokens; None: everybody may look.
        hosts: Names that are allowed beside those of this machine; None: any.
        public_url: Where a proxy shows the page; its cookie then goes only there, and with https only encrypted.
    """

    def __init__(
        self, app: ASGIApp, *, keys: Keys | None, hosts: Sequence[str] | None, public_url: str | None = None
    ) -> None:
        self._app = app
        self._keys = keys
        self._hosts = None if hosts is None else {host.lower() for host in hosts}
        public = None if public_url is None else urlsplit(public_url)
        self._cookie = PageCookie(public)
        self._public_url = public_url
        self._origin = None if public is None else f"{public.scheme}://{in_origin(public)}"
        self._wrong = WrongTokens()
        self._turns = Turns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or have it answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            answer = await self._answer(scope, receive)
        except ClientDisconnect:  # in the middle of a form
            return
        known = answer is None or VISITOR in scope
        owner = Owner("visitor", visitor_of(HTTPConnection(scope)).name) if known else None
        scope[CONNECTION].shown(owner)
        if not await self._turns.take(owner, scope[CONNECTION]):
            return
        if answer is not None:
            await answer(scope, receive, send_with_headers)
            return
        with self._only_while_let_in(scope):
            await self._app(scope, receive, send_with_headers)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        """What is said instead of the page; the visitor stands in the scope if the right token was shown."""
        answer = self._refusal(scope)
        if answer is None and self._keys is not None:
            answer = await self._form(scope, receive) or await self._stranger(scope, self._keys)
        return answer

    def _refusal(self, scope: Scope) -> Response | None:  # noqa: PLR0911 - one sentence for each reason
        """Why a request is not looked at any further."""
        connection = HTTPConnection(scope)
        if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_URL:
            return _say("This address is too long.", 414)
        if scope["query_string"].count(b"&") >= MAX_FIELDS:
            return _say("This address asks for too much.", 414)
        # h11 lets pass what came at once.
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEAD:
            return _say("This request is too large.", 431)
        if _TRICKS.search(scope["raw_path"]):
            return _say("There is no such page.", 404)
        if not self._known(connection.headers.get("host", "")):
            return _say("Open this page under the address that was printed when it started.", 421)
        if self._from_another_site(connection):
            remedy = "Behind a web server a dashboard needs --public-url"
            if self._public_url is not None:
                remedy = f"Sign in and out at {self._public_url}"
            return _say(f"Another site's page asks for this one. {remedy}.", 403)
        # Without a length a body could go on for ever; h11 holds everybody to the length they give.
        if "transfer-encoding" in connection.headers or int(connection.headers.get("content-length", "0")) > MAX_BODY:
            return _say("This request is too large.", 413)
        return None

    def _known(self, host: str) -> bool:
        name = name_in(host)
        return self._hosts is None or is_loopback(name) or name in self._hosts

    def _from_another_site(self, connection: HTTPConnection) -> bool:
        """Whether another site's page has its visitor's browser ask for us: no link that somebody follows."""
        headers = connection.headers
        if connection.scope["method"] in ("GET", "HEAD"):  # nothing changes by them, and a proxy may change our name
            return headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate"
        origin = headers.get("origin")  # None: a program, or an old browser; "null": any site can have that said
        if origin is None:
            return headers.get("sec-fetch-site") == "cross-site"
        host = headers.get("host", "").lower()
        # Whoever sits on the way writes pages of the same name without TLS: the scheme counts where it is known.
        ours = (f"http://{host}", f"https://{host}") if self._origin is None else (self._origin,)
        return origin.lower() not in ours

    async def _form(self, scope: Scope, receive: Receive) -> Response | None:
        """What the field for the token, or the button to sign out, has sent; None: it was neither."""
        connection = HTTPConnection(scope)
        kind = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] != "POST" or kind != FORM:
            return None
        if int(connection.headers.get("content-length", "0")) > MAX_FORM:
            return _say("This request is too large.", 413)
        try:
            body = await asyncio.wait_for(Request(scope, receive).body(), FORM_SECONDS)
            fields = parse_qs(body.decode("latin-1"), max_num_fields=MAX_FORM_FIELDS)
        except asyncio.TimeoutError:
            return _say("This request took too long.", 408)
        except ValueError:
            return _say("This form has too many fields.", 400)
        if "sign_out" in fields:
            answer = self._back(scope)
            self._cookie.take_back(answer, connection)
            return answer
        return await self._take(scope, fields.get("token", [""])[0].strip())

    async def _stranger(self, scope: Scope, keys: Keys) -> Response | None:
        """Nothing for those who show a right token; for others an answer."""
        connection = HTTPConnection(scope)
        scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        linked = [value for name, value in query if name == "token"]
        whose: Callable[[str], Visitor | None]
        if scheme.lower() == "bearer":
            shown, linked, whose = [bearer.strip()], [], keys.visitor
        else:
            shown, whose = self._cookie.values(connection), keys.visitor_with_cookie
        too_many = len(shown) > MAX_COOKIES
        good = {} if too_many else {whose(word): word for word in shown}
        good.pop(None, None)
        if too_many or len(good) > 1:  # whose is the browser? Nobody is shown another one's rooms, or signed in as them
            answer = _ask_for_token(connection, "two")
            self._cookie.take_others_away(answer, connection)
            return answer
        for visitor, word in good.items():
            scope[VISITOR], scope[_ASK_AGAIN] = visitor, partial(whose, word)
            # Who is signed in stays so: another site's link must not make them somebody else.
            return self._back(scope) if linked else None
        if linked:
            return await self._take(scope, linked[0])
        return await self._refuse(connection) if shown else _ask_for_token(connection)

    async def _take(self, scope: Scope, word: str) -> Response:
        """Give the browser a cookie for a right token, and take it out of its address bar and history."""
        connection, keys = HTTPConnection(scope), self._keys
        visitor = None if keys is None else keys.visitor(word)
        if keys is None or visitor is None:
            return await self._refuse(connection)
        scope[VISITOR] = visitor
        answer = self._back(scope)
        self._cookie.give(answer, connection, keys.cookie(word))
        return answer

    def _back(self, scope: Scope) -> Response:
        """To the same page, without a token in its address; the browser keeps what stands behind the #."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        query = [pair for pair in query if pair[0] != "token"]
        # Relative: a proxy may serve us under a path that we do not know.
        page = "./" + scope["raw_path"].decode("latin-1").rpartition("/")[2]
        return RedirectResponse(f"{page}?{urlencode(query)}" if query else page, 303)

    async def _refuse(self, connection: HTTPConnection) -> Response:
        await self._wrong.refuse(connection.client.host if connection.client else "?")
        return _ask_for_token(connection, "wrong")

    @contextlib.contextmanager
    def _only_while_let_in(self, scope: Scope) -> Iterator[None]:
        """Cut an answer that goes on, such as events, once its token is revoked, has expired or shows less."""
        visitor = scope.get(VISITOR)
        if visitor is None:
            yield
            return
        loop, connection, ask_again = asyncio.get_running_loop(), scope[CONNECTION], scope[_ASK_AGAIN]

        def check() -> None:
            if ask_again() == visitor:
                timers.append(loop.call_later(STILL_SECONDS, check))
            else:
                connection.end()

        timers = deque([loop.call_later(STILL_SECONDS, check)], maxlen=1)
        try:
            yield
        finally:
            timers[0].cancel()


def _ask_for_token(connection: HTTPConnection, problem: Problem | None = None) -> Response:
    """A page for people, a sentence for programs."""
    if "text/html" in connection.headers.get("accept", ""):
        return token_page(connection.headers.get("accept-language", ""), problem)
    return _say(SENTENCES[problem], 403)


def _say(sentence: str, status: int) -> Response:
    return PlainTextResponse(f"{sentence}\n", status)
