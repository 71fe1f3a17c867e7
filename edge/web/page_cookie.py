"""The cookie that a browser keeps in place of a token: its name, its place, and what other pages put beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from edge.config.host_names import in_origin, is_address, name_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult

    from starlette.requests import HTTPConnection
    from starlette.responses import Response

MAX_COOKIES = 8  # of our name; a browser has one, or a few where somebody put others beside it
MAX_FOLDERS = 6  # of a path that are looked at
_PORT = re.compile(r":([0-9]{1,5})$")  # of a Host
_FOLDER = re.compile(r"[\w.~%-]+", re.ASCII)  # of a path, without what ends one in a cookie


class PageCookie:
    """A cookie that scripts cannot read, and that no page of another host can replace.

    A page of a sibling host (moodle.school.example) can set a cookie for the domain that both share, of any name and
    path, and browsers send it as if it were ours. Under https at `/` the prefix `__Host-` has browsers refuse that.
    Below a path there is no such prefix: `__Secure-` keeps off pages without TLS only. So cookies that are not ours are
    taken away, which is safe: we never set one with a domain.

    Args:
        public: Where a proxy shows the page; None: it is asked directly, or by a proxy that we do not know of.
    """

    def __init__(self, public: SplitResult | None) -> None:
        self._public = public

    def name(self, connection: HTTPConnection) -> str:
        """It has the port that the browser asks: cookies know none, and pages of one host overwrote each other's.

        With a public address that, and the path: a proxy may ask under another port, or show two pages at one.
        """
        path = "" if self._public is None else self._public.path
        port = _PORT.search(self._host(connection))
        word = "-".join(["edge", *(port.groups() if port else ()), *re.findall("[A-Za-z0-9]+", path)])
        if self._public is None or self._public.scheme != "https":
            return word
        return f"__Host-{word}" if path == "/" else f"__Secure-{word}"

    def values(self, connection: HTTPConnection) -> list[str]:
        """Those that were shown under our name, that of the page's own folder first; all, for `MAX_COOKIES` to bound.

        Ours are plain words; Python's reader takes seconds for some that are quoted.
        """
        shown = connection.headers.get("cookie", "")
        found = re.findall(rf"(?:^|;)[ \t]*{self.name(connection)}=([^;]*)", shown)
        return [value.strip() for value in reversed(found)]  # browsers send long paths first

    def give(self, answer: Response, connection: HTTPConnection, value: str) -> None:
        """Have the browser keep it."""
        # Lax: a link from the school's own site opens the page, and nothing changes by being asked for with GET.
        answer.set_cookie(self.name(connection), value, httponly=True, samesite="lax", **self._place())

    def take_back(self, answer: Response, connection: HTTPConnection) -> None:
        """Have the browser forget it, and what stands beside it: else that would open the page from now on."""
        answer.delete_cookie(self.name(connection), **self._place())
        self.take_others_away(answer, connection)

    def take_others_away(self, answer: Response, connection: HTTPConnection) -> None:
        """Have the browser forget all of our name that come with this request, but for the page's own."""
        name = self.name(connection)
        if name.startswith("__Host-"):  # there are none
            return
        own = "/" if self._public is None else self._public.path
        secure = name.startswith("__Secure-")
        for path in _paths(own + connection.scope["raw_path"].decode("latin-1").removeprefix("/")):
            if path.startswith(own) and path != own:  # as a link has set it for a folder below
                answer.delete_cookie(name, path, secure=secure)
            for domain in _domains(name_in(self._host(connection))):
                answer.delete_cookie(name, path, domain, secure=secure)

    def _host(self, connection: HTTPConnection) -> str:
        """Name and port, as the browser asks."""
        return connection.headers.get("host", "") if self._public is None else in_origin(self._public)

    def _place(self) -> dict[str, Any]:
        """Where the cookie goes: without a public address to the folder of the page, as the browser sees it."""
        if self._public is None:
            return {"path": None}
        return {"path": self._public.path, "secure": self._public.scheme == "https"}


def _paths(asked: str) -> Iterator[str]:
    """All that a cookie may have that comes with a request for this path; `/a/` and `/a` are two."""
    yield "/"
    path = ""
    for folder in asked.split("/")[1 : MAX_FOLDERS + 1]:
        if not _FOLDER.fullmatch(folder):
            return
        path = f"{path}/{folder}"
        yield path
        yield f"{path}/"


def _domains(host: str) -> Iterator[str]:
    """Those that a cookie may have that comes to this host; browsers keep none for an address, or for all of `.org`."""
    labels = host.split(".")
    if len(labels) > 1 and not is_address(host):
        for first in range(max(0, len(labels) - 5), len(labels) - 1):
            yield ".".join(labels[first:])
