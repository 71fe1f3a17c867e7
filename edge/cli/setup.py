"""`edge setup`: a page that sets a device up, from the camera to a valid `config.yaml`. It publishes nothing."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import add_config_arguments, config_file, environment, program, read_config, set_up_logging
from edge.cli.page import add_page_arguments, from_elsewhere, print_address
from edge.errors import EXIT_OK, pages_missing
from edge.files.presence import is_there
from edge.hardware.private_memory import REMEDY, swap_problem

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = """examples:
  edge setup                                    then open the address that it prints
  edge setup --config room-204.yaml             a file of its own, which need not exist yet
  edge setup --set camera.source=sample:25      the sample room, without a camera
  edge setup --export                           what differs from the defaults, for other devices
  ssh -L 8787:127.0.0.1:8787 pi@room-204        on your laptop, to open that address there
  edge setup --host 0.0.0.0 --token-file token

The page shows pictures of people. Stop the service first (sudo systemctl stop edge): it cannot share its camera.
edge preview is the same command.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    add_page_arguments(
        parser, 8787, "file with the access token (default: a new token each time, printed with the address)"
    )
    parser.add_argument(
        "--export", action="store_true", help="print what differs from the defaults, as YAML, and show no page"
    )
    # For the `edge` command of an installed device, which runs the page as the service's user and the rest as root.
    parser.add_argument("--hand-over", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--install-from", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--password-to", type=Path, metavar="FILE", help=argparse.SUPPRESS)


def main(args: argparse.Namespace) -> int:
    """Show the page until Ctrl-C, or until nobody has looked for ten minutes."""
    set_up_logging(logging.WARNING)
    if args.install_from:
        return _install(args)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the camera is closed, and the lamp goes out
    try:
        from edge.config.host_names import is_loopback  # noqa: PLC0415
        from edge.web import server  # noqa: PLC0415 - these need the libraries for pages
        from edge.web.keys import OneToken  # noqa: PLC0415
        from edge.web.setup.config_file import ConfigFile  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise pages_missing("setup", error.name) from None
    file = ConfigFile(config_file(args), args.set, environment(), found=args.config is None)
    if args.export:
        from edge.config.yaml_editor import as_yaml  # noqa: PLC0415

        read_config(args)  # other devices get nothing of a file that is wrong or not there
        print(as_yaml(file.draft.differing()), end="")
        return EXIT_OK
    given = server.read_token(args.token_file) if args.token_file else None
    server.check_binding(args.host, guarded=given is not None)
    token = given or secrets.token_urlsafe(16)
    hosts = () if is_loopback(args.host) else None

    from edge.web.setup.page import SetupPage  # noqa: PLC0415 - slow to load; a wrong --host is said at once

    page = SetupPage(file, program(), args.hand_over, tell=lambda sentence: print(sentence, flush=True))

    def started(port: int, stop: Callable[[], None]) -> None:
        _tell(file.path, page.problem)
        print_address(args.host, port, token, secret=given is not None)
        if is_loopback(args.host):
            print(from_elsewhere(port, "" if args.hand_over else os.environ.get("USER", "")))
        print("Ctrl-C ends it, and so do ten minutes in which nobody uses it.", flush=True)
        page.start(stop)

    try:
        # What browsers keep ends with this page, whatever the token opens elsewhere or the next time.
        keys = OneToken(token, cookie=secrets.token_urlsafe(32))
        app = server.application(page.routes(), keys=keys, hosts=hosts)
        server.serve(app, args.host, args.port, started)
    finally:
        page.stop()
    return EXIT_OK


def _install(args: argparse.Namespace) -> int:
    """What root does once the page has ended."""
    from edge.config.hand_over import install  # noqa: PLC0415

    for sentence in install(args.install_from, config_file(args), args.password_to, environment()):
        print(sentence, flush=True)
    return EXIT_OK


def _tell(path: Path, problem: str) -> None:
    if problem:
        print(problem)
    print(f"This page changes {path}{'' if is_there(path) else ', which does not exist yet'}.")
    print("It publishes nothing itself; a daemon that runs goes on with the settings that it has.")
    if swapped := swap_problem():
        print(f"{swapped[0].upper()}{swapped[1:]}: {REMEDY}.")
    print("Anyone with this address sees pictures of people, and can change the settings:")
