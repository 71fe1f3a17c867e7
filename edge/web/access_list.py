"""Who may look: the tokens of single people, each with its rooms and its role, in a file without the tokens themselves.

Scalars of the file are the characters that were typed: a room 0123 stays that.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from edge.errors import ConfigError
from edge.files.bounded_read import read_file
from edge.files.lock_file import locked
from edge.files.replace_file import staged_file
from edge.text import printable
from edge.web.visitors import Role, Visitor

EVERY_ROOM = "*"
MAX_BYTES = 1_000_000
MOST_GRANTS = 2000
MOST_SHOWN = 5  # mistakes of one error
TOKEN_BYTES = 24  # 192 bits, 32 characters
LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # libyaml's, where PyYAML has it, is several times as fast
YAML_ERRORS = (yaml.YAMLError, ValueError, RecursionError)
HEAD = """\
# Who may open the pages: written by `edge access`, read again by `edge dashboard` whenever it changes.
# Tokens are not in here, only their SHA-256: a lost one cannot be found again. Make another.
"""
Text = Annotated[str, Field(min_length=1, max_length=64)]
Read = Callable[[Path, int], bytes]  # of a file, at most so many bytes


class Grant(BaseModel):
    """What the bearer of one token may see.

    Attributes:
        name: Whose it is.
        role: What of the rooms.
        rooms: Names, or patterns with `*` and `?`.
        made: On which day.
        expires: The last day on which it is good; None: good until it is revoked.
        sha256: Of the token, in hexadecimal digits.
        cookie_sha256: Left out when the list is written: only builds between two versions had it.
    """

    # Version 0.2.0 refuses the whole list for a key that it does not know: add none while it may still be in use.
    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, str | list[str]]

    name: Text
    role: Role
    rooms: Annotated[tuple[Text, ...], Field(min_length=1, max_length=500)]
    made: date
    expires: date | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    cookie_sha256: Annotated[str | None, Field(exclude=True)] = None

    @property
    def unknown(self) -> list[str]:
        """Keys that this version does not know, as one that is newer may have written them."""
        return sorted(self.__pydantic_extra__)

    @property
    def visitor(self) -> Visitor:
        """Who shows the token."""
        return Visitor(self.name, self.role, None if EVERY_ROOM in self.rooms else self.rooms)

    def good(self, today: date) -> bool:
        """Whether it has not expired, and is understood: what we do not know may be a restriction."""
        return not self.unknown and (self.expires is None or today <= self.expires)


_GRANTS = TypeAdapter(list[Grant])


def digest(token: str) -> str:
    """What is kept of a token. A random one of 192 bits needs no salt and no slow hash: nobody can guess it."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def cookie_value(token: str) -> str:
    """What a browser keeps in place of a token: it tells nothing of a random one, and is no token itself."""
    return hmac.digest(token.encode(errors="replace"), b"cookie of edge dashboard", "sha256").hex()


def read_access(path: Path, read: Read = read_file) -> list[Grant]:
    """The grants of a file.

    Args:
        path: Its name.
        read: How it is read: `read_file`, or, if nobody named it, `read_own_file`.

    Raises:
        ConfigError: It cannot be read, or something in it is wrong; says what, and what to do.
    """
    try:
        # Nothing but text: YAML itself would take a room 0123 for a number.
        content = yaml.load(read(path, MAX_BYTES), Loader=LOADER)  # noqa: S506 - makes only text
    except OSError as error:
        make = f"make the first token: edge access add NAME --role reader --rooms 'room-1,b2-*' --file {path}"
        raise ConfigError(
            f"the list of tokens {path} cannot be read ({error.strerror or error})",
            make if isinstance(error, FileNotFoundError) else "name a list of edge access that this user may read",
        ) from None
    except YAML_ERRORS as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        place = path if line is None else f"{path}:{line + 1}"
        raise ConfigError(f"{place} is not YAML", "write it with edge access") from None
    try:
        grants = _GRANTS.validate_python(content)
    except ValidationError as error:
        raise ConfigError("; ".join(_mistakes(path, error)), "write it with edge access") from None
    names = Counter(grant.name for grant in grants)
    if len(grants) > MOST_GRANTS:
        raise ConfigError(f"{path} holds {len(grants)} tokens", f"keep at most {MOST_GRANTS}")
    if twice := sorted(name for name, number in names.items() if number > 1):
        raise ConfigError(f"{path}: {printable(twice[0])!r} stands there twice", "give each token its own name")
    return grants


def add_grant(
    path: Path,
    name: str,
    role: Role,
    rooms: Sequence[str],
    made: date,
    expires: date | None,
    read: Read = read_file,
) -> str:
    """Make a token and write down what it opens; a file that is not there is made, and read as `read_access` does.

    Returns:
        The token, which is kept nowhere.

    Raises:
        ConfigError: There is one of this name, or a value cannot be taken.
        EdgeError: The file cannot be written.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with locked(path):  # two commands at once would undo each other: a revoked token would come back
        grants = read_access(path, read) if path.exists() else []
        if any(grant.name == name for grant in grants):
            raise ConfigError(
                f"{path} has a token of {printable(name)!r} already",
                f"take another name, or revoke it first: edge access revoke {printable(name)}",
            )
        if not re.fullmatch(r"[^\W_]([\w .'@+-]*\w)?", name) or len(name) > 64:
            raise ConfigError(
                f"{printable(name)!r} is no name for a token",
                "1 to 64 letters, digits, spaces and . ' @ + - _, such as: smith",
            )
        try:
            grant = Grant(name=name, role=role, rooms=tuple(rooms), made=made, expires=expires, sha256=digest(token))
        except ValidationError as error:
            raise ConfigError("; ".join(_mistakes(path, error)), "1 to 500 rooms of 1 to 64 characters") from None
        _write(path, [*grants, grant])
    return token


def revoke_grant(path: Path, name: str, read: Read = read_file) -> None:
    """Take a token out of the file, read as `read_access` does; it opens nothing any more.

    Raises:
        ConfigError: There is none of this name, or the file cannot be read.
        EdgeError: The file cannot be written.
    """
    with locked(path):
        grants = read_access(path, read)
        left = [grant for grant in grants if grant.name != name]
        if len(left) == len(grants):
            known = ", ".join(printable(grant.name) for grant in grants[:20]) or "no token"
            raise ConfigError(f"{path} has no token of {printable(name)!r}", f"it has: {known}")
        _write(path, left)


def _write(path: Path, grants: Sequence[Grant]) -> None:
    rows = [grant.model_dump(mode="json", exclude_none=True) for grant in grants]
    text = yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=120) if rows else "[]\n"
    with staged_file(path, f"{HEAD}{text}".encode(), 0o600, private=True) as staged:
        staged.put()


def _mistakes(path: Path, error: ValidationError) -> Iterator[str]:
    for mistake in error.errors(include_url=False)[:MOST_SHOWN]:
        number, *keys = mistake["loc"] or (0,)
        place = f"token {number + 1}: " if isinstance(number, int) else f"{number}: "
        key = "".join(f"{each}: " for each in keys)
        yield f"{path}: {place}{key}{mistake['msg']} (found {printable(str(mistake['input']), 40)!r})"
