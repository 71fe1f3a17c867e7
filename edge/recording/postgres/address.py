"""Where a PostgreSQL database is, and of which school it keeps the windows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

SCHEMES = ("postgresql", "postgres")
SCHOOL_PATTERN = r"[^\x00-\x1f\x7f]{1,64}"
SECRETS = ("password", "sslpassword")


def is_address(text: str) -> bool:
    """Whether a text names a database server rather than a file."""
    return text.partition("://")[0] in SCHEMES and "://" in text


@dataclass(frozen=True)
class PostgresAddress:
    """A school's place in a database.

    Attributes:
        url: `postgresql://user@host:port/name`, without a password.
        school: Whose windows; a database has any number of schools.
        password: None: whatever libpq finds (PGPASSFILE, ~/.pgpass), or none.
    """

    url: str
    school: str = ""
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> PostgresAddress:
        """Read a URL. Raises ValueError, with a sentence that does not repeat a password."""
        try:
            parts = urlsplit(text)
            query = parse_qs(parts.query, keep_blank_values=True)
            secret = parts.password is not None or any(name in query for name in SECRETS)
        except ValueError:
            raise ValueError("it must look like postgresql://user@host:5432/name") from None
        if secret:
            raise ValueError(
                "every user of this machine can see a password here: write it into a file, and name that with "
                "--password-file"
            )
        if parts.scheme not in SCHEMES or not re.fullmatch("/[^/]+", parts.path):
            raise ValueError("it must look like postgresql://user@host:5432/name")
        return cls(text)

    def __str__(self) -> str:
        """The address without its options."""
        return self.url.partition("?")[0]
