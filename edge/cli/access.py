"""`edge access`: make, list and revoke the tokens with which single people see their rooms on the dashboard."""

from __future__ import annotations

import argparse
import functools
import sys
from datetime import date
from pathlib import Path

from edge.errors import EXIT_OK, ConfigError
from edge.files.bounded_read import read_file
from edge.files.own_file import read_own_file
from edge.text import printable
from edge.web.access_list import EVERY_ROOM, Grant, Read, add_grant, read_access, revoke_grant

EXAMPLES = """examples:
  edge access add smith --role reader --rooms 'room-1,b2-*' --expires 2027-07-31
  edge access add head --role all --rooms '*'
  edge access add caretaker --role technician --rooms '*'
  edge access list
  edge access revoke smith                               acts within seconds, without a restart

Roles: a reader sees the figures of the rooms, a technician how their devices are and no figure about people, all both.
"""

DEFAULT = Path("access.yaml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="make a token, and show it once")
    add.add_argument("name", metavar="NAME", help="whose it is")
    add.add_argument("--role", required=True, choices=("reader", "technician", "all"), help="what of the rooms")
    add.add_argument("--rooms", required=True, metavar="LIST", help="such as 'room-1,b2-*'; '*': every room")
    add.add_argument("--expires", type=_day, metavar="2027-07-31", help="last day on which it is good (default: none)")
    revoke = actions.add_parser("revoke", help="a token opens nothing any more")
    revoke.add_argument("name", metavar="NAME", help="whose it is")
    for action in (add, revoke, actions.add_parser("list", help="show whose tokens there are")):
        action.add_argument(
            "--file",
            type=Path,
            metavar="FILE",
            help=f"the list of tokens (default: {DEFAULT}, unless it is another user's)",
        )


def main(args: argparse.Namespace) -> int:
    """Change the file, or show it."""
    named = args.file is not None
    path = args.file if named else DEFAULT
    read = read_file if named else functools.partial(read_own_file, option="--file")
    if args.action == "add":
        _add(args, path, read)
    elif args.action == "revoke":
        revoke_grant(path, args.name, read)
        print(f"revoked {printable(args.name)}: pages that are open close within seconds")
    else:
        _print_list(read_access(path, read), path)
    return EXIT_OK


def _add(args: argparse.Namespace, path: Path, read: Read) -> None:
    rooms = [room.strip() for room in args.rooms.split(",")]
    today = date.today()  # noqa: DTZ011 - days of this machine, as people here count them
    if args.expires is not None and args.expires < today:
        raise ConfigError(f"--expires {args.expires} has passed", "name a day to come")
    token = add_grant(path, args.name, args.role, rooms, today, args.expires, read)
    until = f", until {args.expires}" if args.expires else ""
    print(f"{printable(args.name)}: {args.role} of {_named(rooms)}{until}. Its token, shown only now:", file=sys.stderr)
    print(token)


def _print_list(grants: list[Grant], path: Path) -> None:
    if not grants:
        print(f"{path} opens nothing to anybody")
    width = max((len(printable(grant.name)) for grant in grants), default=0)
    today = date.today()  # noqa: DTZ011 - see above
    for grant in grants:
        until = f"until {grant.expires}" if grant.expires else "without end"
        note = "" if grant.good(today) else " (EXPIRED)"
        if grant.unknown:
            note = f" (OPENS NOTHING: this version does not know {printable(', '.join(grant.unknown), 80)})"
        print(
            f"{printable(grant.name):{width}}  {grant.role:10}  made {grant.made}, {until}{note}  {_named(grant.rooms)}"
        )


def _named(rooms: list[str] | tuple[str, ...]) -> str:
    return "every room" if EVERY_ROOM in rooms else ", ".join(printable(room) for room in rooms)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a day such as 2027-07-31") from None
