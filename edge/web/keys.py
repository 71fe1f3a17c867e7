"""What opens a page: one token for everything, or a file with the tokens of single people."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Protocol

from edge.daemon import audit
from edge.errors import ConfigError
from edge.text import printable
from edge.web.access_list import MOST_SHOWN, Grant, cookie_value, digest, read_access
from edge.web.cookie_sums import CookieSums
from edge.web.visitors import Visitor

logger = logging.getLogger(__name__)

Signature = tuple[int, ...]

AT_ONCE = 20_000  # bytes, about 100 tokens: what is larger is read beside the answers, which it would hold up
ANOTHER_ZONE = timedelta(days=1)  # tokens may be made where the day begins earlier


class Keys(Protocol):
    """What a gate asks."""

    def visitor(self, word: str) -> Visitor | None:
        """Who shows this word as a token, now; None: nobody who may look."""

    def cookie(self, word: str) -> str:
        """What a browser keeps in place of a token that is good.

        Browsers send a cookie to every port of a host: whoever listens on another one must not learn the token.
        """

    def visitor_with_cookie(self, value: str) -> Visitor | None:
        """Who shows this value as a cookie, now; None: nobody who may look."""


class OneToken:
    """A token that opens everything.

    Args:
        token: The token.
        cookie: What a browser keeps in its place; None: one that follows from it, and so is good after a restart too.
    """

    def __init__(self, token: str, cookie: str | None = None) -> None:
        self._token = token
        self._cookie = cookie_value(token) if cookie is None else cookie

    def visitor(self, word: str) -> Visitor | None:
        """See `Keys`."""
        return Visitor("") if _same(word, self._token) else None

    def cookie(self, word: str) -> str:
        """See `Keys`."""
        del word
        return self._cookie

    def visitor_with_cookie(self, value: str) -> Visitor | None:
        """See `Keys`."""
        return Visitor("") if _same(value, self._cookie) else None


class AccessFile:
    """The tokens of a file, which is read again when it has changed.

    A file that cannot be used any more changes nothing: those who were let in before still are, and nobody else. The
    same holds while a large one is being read, which takes a second or two.

    Args:
        path: Written by `edge access`.
        today: The day, by this machine's clock and time zone.

    Raises:
        ConfigError: It cannot be used at the start.
    """

    def __init__(self, path: Path, today: Callable[[], date] = date.today) -> None:
        self._path = path
        self._today = today
        self._signature = _signature(path)
        self._grants = read_access(path)
        self._reader: threading.Thread | None = None
        self._behind = False  # whether the log has said that the clock is
        _warn_of_unknown(self._grants, path)
        # There are no more entries than tokens that were once good, and those of revoked ones stand for no grant.
        self._cookies = CookieSums(path)
        self._cookies.start({grant.sha256 for grant in self._grants})

    def visitor(self, word: str) -> Visitor | None:
        """See `Keys`."""
        return self._whose(digest(word), lambda grant: grant.sha256)

    def cookie(self, word: str) -> str:
        """See `Keys`."""
        value = cookie_value(word)
        self._cookies.keep(digest(word), digest(value))
        return value

    def visitor_with_cookie(self, value: str) -> Visitor | None:
        """See `Keys`."""
        return self._whose(digest(value), lambda grant: self._cookies.of(grant.sha256))

    def _whose(self, shown: str, kept: Callable[[Grant], str]) -> Visitor | None:
        self._follow()
        # All are compared, whichever is right: the time that this takes tells nothing.
        found = [grant for grant in self._grants if secrets.compare_digest(kept(grant), shown)]
        return found[0].visitor if found and self._good(found[0]) else None

    def _good(self, grant: Grant) -> bool:
        """As `Grant.good`; that it has not expired a clock that is behind the newest of the list cannot tell."""
        if grant.unknown:
            return False
        if grant.expires is None:
            return True
        today, made = self._today(), max(each.made for each in self._grants)
        if today >= made - ANOTHER_ZONE:
            return grant.good(today)
        if not self._behind:
            self._behind = True
            logger.warning(
                "the clock says %s, but %s has a token that was made on %s: until the clock is set, no token is good "
                "that expires", today, self._path, made,
            )  # fmt: skip
        return False

    def _follow(self) -> None:
        if self._reader is not None and self._reader.is_alive():
            return
        signature = _signature(self._path)
        if signature == self._signature:
            return
        if signature[-1:] <= (AT_ONCE,):
            self._read(signature)
        else:
            self._reader = threading.Thread(target=self._read, args=(signature,), name="access", daemon=True)
            self._reader.start()

    def _read(self, signature: Signature) -> None:
        try:
            grants = read_access(self._path)
        except ConfigError as error:
            logger.error("%s; those who had access before still have it, and nobody else", error)
        else:
            _tell(self._grants, grants, self._path)
            _warn_of_unknown(grants, self._path)
            self._grants = grants
        self._signature = signature


def _same(shown: str, kept: str) -> bool:
    return secrets.compare_digest(shown.encode(errors="replace"), kept.encode())


def _signature(path: Path) -> Signature:
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


def _warn_of_unknown(grants: list[Grant], path: Path) -> None:
    for grant in [grant for grant in grants if grant.unknown][:MOST_SHOWN]:
        logger.warning(
            "%s: %s has %s, which this version does not know: that token opens nothing here. Correct it, or take the "
            "version that wrote it", path, printable(grant.name), printable(", ".join(grant.unknown), 80),
        )  # fmt: skip


def _tell(before: list[Grant], after: list[Grant], path: Path) -> None:
    """One line in the journal: whose access has changed. Who looked at what is not logged."""
    old, new = set(before), set(after)
    added = [grant.name for grant in after if grant not in old]
    revoked = [grant.name for grant in before if grant not in new]
    if added or revoked:
        audit.record("access", str(path), datetime.now(timezone.utc), made=added, revoked=revoked)
