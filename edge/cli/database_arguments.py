"""Which recording: a SQLite file, or a school in a PostgreSQL database."""

from __future__ import annotations

import argparse
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

from edge.errors import ConfigError
from edge.files.secret_file import read_secret
from edge.recording.postgres.address import SCHOOL_PATTERN, PostgresAddress, is_address
from edge.recording.recorded import Recorded
from edge.recording.stores import Target
from edge.text import plain_lines

CREDENTIAL = "database-password"  # of systemd: LoadCredential=database-password:...


def add_database_arguments(
    parser: argparse.ArgumentParser, option: str, meaning: str, *, required: bool = True
) -> None:
    """--database and --password-file, and which school is meant.

    Args:
        parser: Of the command.
        option: What names the school.
        meaning: Of --database, for --help.
        required: Whether there has to be one.
    """
    parser.add_argument(
        "--database", type=_target, required=required, metavar="FILE", help=f"{meaning}; or postgresql://user@host/name"
    )
    parser.add_argument(
        option, dest="of_school", type=_school, metavar="NAME", help="with postgresql://: whose windows these are"
    )
    parser.add_argument(
        "--password-file", type=Path, metavar="FILE",
        help=f"of the user of the database (default: systemd's credential {CREDENTIAL}, PGPASSFILE or ~/.pgpass)",
    )  # fmt: skip


def named_database(args: argparse.Namespace, *, default_school: bool = False) -> Target:
    """What `add_database_arguments` declared, with its password.

    Args:
        args: The arguments.
        default_school: Whether the only school is meant where none is named.

    Raises:
        ConfigError: Options do not go together, or the password cannot be read.
    """
    target: Target = args.database
    if isinstance(target, Path):
        if args.of_school or args.password_file:
            raise ConfigError(
                f"{target} is a file, which has no password and no schools",
                "name a school and its password with --database postgresql://user@host/name",
            )
        return target
    if not args.of_school and not default_school:
        raise ConfigError(f"{target} may hold many schools", "name this one: --school NAME")
    return replace(target, school=args.of_school or "", password=_password(args.password_file))


def tell_caveat(recording: Recorded) -> None:
    """Say on stderr what may be missing from a recording that is open. Raises EdgeError: it cannot be read."""
    if caveat := recording.caveat:
        print(f"edge: {plain_lines(caveat)}", file=sys.stderr)


def _password(path: Path | None) -> str | None:
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if path is None and credentials and (Path(credentials) / CREDENTIAL).exists():
        path = Path(credentials) / CREDENTIAL
    return None if path is None else read_secret(path, "--password-file")


def _target(text: str) -> Target:
    if not is_address(text):
        # As a file it would be made, with the password in its name.
        if re.match(r"\s*[\w.+-]+:/", text) or re.search(r"(password|pwd)\s*=", text, re.IGNORECASE):
            raise argparse.ArgumentTypeError("neither a file nor a postgresql://user@host/name without a password")
        return Path(text)
    try:
        return PostgresAddress.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _school(text: str) -> str:
    if not re.fullmatch(SCHOOL_PATTERN, text):
        raise argparse.ArgumentTypeError("a school has 1 to 64 characters, without control characters")
    return text
