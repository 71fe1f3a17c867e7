"""`edge dashboard`: a page about one or many rooms for any browser, fed by MQTT and by what was recorded."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import set_up_logging
from edge.cli.database_arguments import add_database_arguments, named_database, tell_caveat
from edge.cli.numbers import real_number
from edge.cli.page import add_page_arguments, from_elsewhere, print_address, public_url
from edge.cli.recording_arguments import add_recording_arguments, kept_for, recording_task
from edge.cli.subscriber import add_broker_arguments, add_client_id_argument, subscriber_settings, tell_of_own_broker
from edge.errors import EXIT_OK, ConfigError, pages_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.mqtt.client_factory import BrokerSettings
    from edge.recording.recording_service import RecordingService
    from edge.recording.stores import Target
    from edge.web.dashboard.past import Past
    from edge.web.keys import Keys

EXAMPLES = """examples:
  edge dashboard                                        beside a running edge run: the broker of the configuration
  edge dashboard --broker mqtt://192.168.1.10:1883      every room of a school
  edge dashboard --database school.sqlite --timetable timetable.yaml     records, and shows every lesson of the past
  edge dashboard --database school.sqlite --show-only   shows what another edge record writes
  edge dashboard --database postgresql://edge_reader@db/edge --school north --show-only     a school of a district
  ssh -L 8080:127.0.0.1:8080 pi@room-204                on your laptop, to open http://127.0.0.1:8080/ there
  edge dashboard --host 0.0.0.0 --token-file token      for phones and other machines that know the token
  edge dashboard --host 0.0.0.0 --access-file access.yaml    each teacher sees the own rooms: edge access
"""

MOST_HOURS = 24.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_broker_arguments(parser)
    add_page_arguments(parser, 8080, "file with one token that opens everything; this or the next beyond this machine")
    parser.add_argument(
        "--access-file", type=Path, metavar="FILE", help="who may see which rooms: tokens that `edge access` made"
    )
    parser.add_argument(
        "--public-url",
        type=public_url,
        metavar="URL",
        help="where a proxy shows the page (https://school.example/rooms/): printed with a QR code; its cookie goes "
        "only there",
    )
    parser.add_argument(
        "--hours",
        type=real_number(0.1, MOST_HOURS),
        default=4.0,
        help="how long numbers are kept in memory (default: %(default)s)",
    )
    add_database_arguments(parser, "--school", "record into this SQLite file, and show what it holds", required=False)
    parser.add_argument("--timetable", type=Path, metavar="FILE", help="when lessons are; its time zone is used")
    parser.add_argument(
        "--show-only", action="store_true", help="another program (edge record) writes the --database: only read it"
    )
    add_client_id_argument(
        parser,
        "that the broker wants of this user (default: a new one each time); where this records, that of the durable "
        "session, as of edge record",
    )
    parser.add_argument(
        "--page-user",
        metavar="NAME",
        help="where this records, and the broker takes one id of each user: as whom the page itself connects, with the "
        "same password and the client id ID-page",
    )
    add_recording_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    set_up_logging(logging.WARNING)
    # Matrices of 45 minutes are small: more threads wait for each other longer than they calculate.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from edge.web import server  # noqa: PLC0415 - these need the libraries for pages
        from edge.web.dashboard.server import Dashboard  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise pages_missing("dashboard", error.name) from None
    from edge.config.host_names import is_loopback  # noqa: PLC0415
    from edge.daemon.sd_notify import Notifier  # noqa: PLC0415
    from edge.mqtt.subscription import Subscription  # noqa: PLC0415
    from edge.web.dashboard.school import School  # noqa: PLC0415 - slow to load; --help needs none of it

    token = server.read_token(args.token_file) if args.token_file else None
    keys = _keys(args.access_file, token)
    if args.public_url is not None and keys is None:
        raise ConfigError(
            f"--public-url {args.public_url} is for others, and nothing keeps anybody out",
            "give an --access-file as well (edge access), or a --token-file",
        )
    server.check_binding(args.host, guarded=keys is not None)
    records = args.database is not None and not args.show_only
    if args.page_user is not None and not (records and args.client_id):
        raise ConfigError("--page-user needs --database and --client-id", "a page that does not record has one user")
    settings, prefix, devices = subscriber_settings(args, "dashboard", None if records else args.client_id)
    target = None if args.database is None else named_database(args, default_school=args.show_only)
    notifier = Notifier.from_environment()

    def tell(text: str) -> bool:
        notifier.status(text)
        return False

    recorder, past = _recorder(args, target, settings, prefix, devices, tell), _past(args, target)
    school = School(prefix, args.hours, time.time)
    if args.page_user is not None:
        settings = replace(settings, username=args.page_user, client_id=f"{args.client_id}-page")
    dashboard = Dashboard(Subscription(settings, prefix, devices), school, past, recorder)

    def started(port: int, stop: Callable[[], None]) -> None:
        print(f"Rooms on {settings.url}:")
        print_address(args.host, port, token, secret=True, public=args.public_url)
        if is_loopback(args.host) and args.public_url is None:
            print(from_elsewhere(port, os.environ.get("USER", "") if sys.stdout.isatty() else ""))
        if records:
            print(f"Recording into {target}, kept for {kept_for(args)}.")
            tell_of_own_broker(settings)
        print("Ctrl-C ends it.", flush=True)
        dashboard.listening(stop)
        notifier.ready()

    hosts = () if keys is None else None  # a proxy before us may be asked under any name
    app = server.application(
        dashboard.routes(), keys=keys, hosts=hosts, public_url=args.public_url, lifespan=dashboard.lifespan
    )
    server.serve(app, args.host, args.port, started)
    if dashboard.failed is not None:
        raise dashboard.failed
    return EXIT_OK


def _keys(access_file: Path | None, token: str | None) -> Keys | None:
    """What opens the page; None: it is open to everybody who can reach it. Raises ConfigError."""
    from edge.web.keys import AccessFile, OneToken  # noqa: PLC0415

    if access_file is not None and token is not None:
        raise ConfigError("--access-file and --token-file exclude each other", "one token would open every room")
    if access_file is not None:
        return AccessFile(access_file)
    return None if token is None else OneToken(token)


def _recorder(
    args: argparse.Namespace, target: Target | None, settings: BrokerSettings, prefix: str, devices: Sequence[str],
    tell: Callable[[str], bool],
) -> RecordingService | None:  # fmt: skip
    """Who records; None: nobody. Raises ConfigError, DiskError, BusyError: file or database cannot be used now."""
    if target is None:
        for option in (
            "of_school",
            "password_file",
            "show_only",
            "timetable",
            "keep_days",
            "keep_windows_days",
            "keep_free",
            "if_copy",
        ):
            if getattr(args, option) not in (None, False):
                name = option.removeprefix("of_").replace("_", "-")
                raise ConfigError(f"--{name} needs --database", "name the file that is recorded into")
        return None
    if args.show_only:
        for option in ("keep_days", "keep_windows_days", "keep_free", "if_copy"):
            if getattr(args, option) is not None:
                name = option.replace("_", "-")
                raise ConfigError(
                    f"--{name} does nothing with --show-only", "give it to the program that writes the file"
                )
        return None
    from edge.recording.recording_service import RecordingService  # noqa: PLC0415 - --help needs none of it

    recorder = RecordingService(recording_task(args, target, settings, prefix, devices), tell, owner="edge dashboard")
    recorder.check()
    return recorder


def _past(args: argparse.Namespace, target: Target | None) -> Past | None:
    """What was recorded; None without a file or database. Raises EdgeError: it cannot be read."""
    if target is None:
        return None
    from edge.reporting.period import time_zone  # noqa: PLC0415 - --help needs none of it
    from edge.timing.timetable import Timetable  # noqa: PLC0415
    from edge.web.dashboard.past import Past  # noqa: PLC0415

    timetable = Timetable.read(args.timetable) if args.timetable else None
    past = Past(target, timetable, timetable.zone if timetable else time_zone(None))
    past.read(tell_caveat)  # it can be read
    return past
