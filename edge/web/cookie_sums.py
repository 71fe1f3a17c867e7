"""What a dashboard knows of cookies after a restart: SHA-256 of each, beside the list of tokens, never a cookie itself.

They are in a file of their own because version 0.2.0 refuses a list with keys that it does not know. The dashboard
alone writes it, when somebody signs in: so it has cookies of tokens that 0.2.0 made as well.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection
from pathlib import Path

from edge.errors import EdgeError
from edge.files.bounded_read import read_opened
from edge.files.private_file import open_private
from edge.files.replace_file import staged_file

MAX_BYTES = 1_000_000
LINE = re.compile(rb"^([0-9a-f]{64}) ([0-9a-f]{64})$", re.MULTILINE)

logger = logging.getLogger(__name__)


class CookieSums:
    """The sums of the cookies that were given out, by the sum of their token, kept in `.NAME.cookies`.

    Where that file cannot be used, which is said once, they are known until the program ends.

    Args:
        access: The list of tokens; a symbolic link is followed.
    """

    def __init__(self, access: Path) -> None:
        target = Path(os.path.realpath(access))
        self._path = target.with_name(f".{target.name}.cookies")
        self._sums: dict[str, str] = {}
        self._usable = True

    def start(self, tokens: Collection[str]) -> None:
        """Read the file, and take out of it what belongs to none of these sums of tokens."""
        try:
            content = read_opened(open_private(self._path, make=False), MAX_BYTES)
            found = {token.decode(): cookie.decode() for token, cookie in LINE.findall(content)}
            self._sums = {token: cookie for token, cookie in found.items() if token in tokens}
            kept = "".join(f"{token} {cookie}\n" for token, cookie in self._sums.items()).encode()
            if kept != content:
                with staged_file(self._path, kept, 0o600, private=True) as staged:
                    staged.put()
        except FileNotFoundError:
            return
        except (OSError, EdgeError) as error:
            self._give_up(error)

    def of(self, token: str) -> str:
        """The sum of the cookie of a token, by the sum of that; empty: nobody has signed in with it."""
        return self._sums.get(token, "")

    def keep(self, token: str, cookie: str) -> None:
        """Know this sum of a cookie of the token with that sum."""
        if self._sums.get(token) == cookie:
            return
        self._sums[token] = cookie
        if not self._usable:
            return
        try:
            descriptor = open_private(self._path)
            try:
                os.write(descriptor, f"{token} {cookie}\n".encode())  # a part of a line is left out when it is read
            finally:
                os.close(descriptor)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError | EdgeError) -> None:
        self._usable = False
        reason = error.strerror if isinstance(error, OSError) else error
        logger.warning(
            "%s cannot be used (%s): whoever signs in is asked for the token again after a restart. Let this user "
            "write there, or remove the file", self._path, reason,
        )  # fmt: skip
