"""The command line: one file per command, and here what they share."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import itertools
import logging
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge import __version__
from edge.cli.encoding import as_typed
from edge.errors import EXIT_FAILED, EXIT_OK, EdgeError
from edge.files.opencv_environment import set_opencv_environment
from edge.files.shipped import shipped
from edge.text import plain_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import SupportsWrite

    from edge.config.loader import CutShort
    from edge.config.schema import Config

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_WAY = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)  # to what a person has named
NO_FILES = (errno.EMFILE, errno.ENFILE)  # no file descriptor is left, in this process or on this machine

COMMANDS = {
    "run": "count faces and emotions in front of the camera, and publish the numbers",
    "check": "test configuration, models, camera and broker; say how to fix what fails",
    "image": "find faces and emotions in image files",
    "bench": "measure how fast this machine is, stage by stage, on scenes of 1 to 100 faces or your own clip",
    "setup": "web page that sets this device up, from the camera to config.yaml; publishes nothing",
    "preview": "the same as setup",
    "watch": "show what one or many devices publish, live",
    "dashboard": "web page of one room, a lesson or a school, from MQTT",
    "access": "who may see which rooms on the dashboard: make, list and revoke tokens",
    "announce": "announce all rooms of a broker to Home Assistant, so that no room needs the right to",
    "record": "store every window once, in an SQLite file or a PostgreSQL database",
    "report": "report a lesson, a day or a week from a recording, as HTML, PNG or CSV",
    "export": "export windows of a recording as Parquet files, one for each day, for research",
    "delete": "delete a room, a day or a lesson from a recording, and show what was deleted",
    "pause": "close the camera of the daemon on this machine until `edge resume`",
    "resume": "end a pause",
    "masks": "show what is blacked out; confirm it after the camera was turned",
    "support": "write one file to attach to a question, without secrets and figures about people",
    "unregister": "remove this device from Home Assistant, or all its retained messages from the broker",
    "version": "print the version; with --verbose also models and packages, with sha256 and licences",
    "schema": "print the JSON Schemas of the configuration and of every payload, and an AsyncAPI document",
}

EXAMPLES = """examples:
  edge run                                      with config.yaml
  edge run --set camera.source=file:clip.mp4 --set window.seconds=5
  edge check                                    after installing
  edge watch                                    live bars in the terminal, beside a running edge run

exit codes:
  0 done   1 failed   2 wrong usage   66 no camera or input   69 embedded broker failed
  75 another program has a pin or a file that is needed   77 broker refused access
  78 the configuration or a model needs a change   130 Ctrl-C
"""


def run_command_line(arguments: list[str], begin: Callable[[], None] = lambda: None) -> int:
    """Parse and run; every expected error becomes one line on stderr.

    Args:
        arguments: Of the command line, without the program.
        begin: Called once the command is imported, before it runs.

    Returns:
        The exit status.
    """
    set_opencv_environment()  # before a command imports cv2
    status = EXIT_OK
    try:
        try:
            args = parse(arguments)
        except SystemExit:
            sys.stdout.flush()  # of --help: what fails here is explained below, and by nobody later
            raise
        main: Callable[[argparse.Namespace], int] = args.main
        begin()
        status = main(args)
        sys.stdout.flush()
        return status  # noqa: TRY300 - a disk that is full may be noticed only now
    except EdgeError as error:
        print(f"edge: {plain_lines(str(error))}", file=sys.stderr)  # it may quote a file
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        print_nowhere()  # `edge schema | head`: the reader has seen enough
        return status
    except OSError as error:
        if not (words := _in_words(error)):
            raise
        with contextlib.suppress(OSError):  # no file descriptor is left
            print_nowhere()
        print(f"edge: {plain_lines(words)}", file=sys.stderr)
        return EXIT_FAILED


def _in_words(error: OSError) -> str:
    """What has failed and what to do; empty: it is to be shown whole."""
    if error.errno in NO_FILES:
        return f"{error.strerror}: end what holds so many, or raise the limit (ulimit -n)"
    if error.filename is not None:
        remedy = "name another path, or start it as a user who may use that one"
        return f"{error.filename} cannot be used ({error.strerror}): {remedy}" if error.errno in NO_WAY else ""
    if error.errno == errno.EIO:
        return f"a disk fails, or what the output goes to ({error.strerror})"
    return f"the output cannot be written ({error.strerror}): make room on the disk" if error.errno in NO_ROOM else ""


def print_nowhere() -> None:
    """Have nothing flushed into a closed pipe any more: Python would end with 120 if that failed at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def program() -> str:
    """How the user calls us: `./run` sets it."""
    return os.environ.get("EDGE_COMMAND", "edge")


def as_called(text: str) -> str:
    """Commands, which stand behind two spaces or a colon and a space, as the user has to type them."""
    return re.sub(r"(?<=  |: )edge (?=[a-z])", lambda _: f"{program()} ", text)


class _Parser(argparse.ArgumentParser):
    """One whose help fails where the output does: since Python 3.11.7 argparse hides that of its own."""

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        (file or sys.stdout).write(self.format_help())


class _Version(argparse.Action):
    """As argparse's own, but for the same fault."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"edge {__version__}\n")
        parser.exit()


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read a command line; `main` of the result carries the command out. Exits with 2 where it makes no sense."""
    parser = _Parser(
        prog=program(),
        description="Counts faces in a room, and what they show; publishes only numbers, over MQTT.",
        epilog=as_called(EXAMPLES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        # Only the command that is run is imported: `edge watch` needs no TFLite, `edge run` no tables.
        if name in arguments[:1]:
            module = importlib.import_module(f"edge.cli.{name}")
            command = commands.add_parser(
                name,
                help=summary,
                description=f"{summary[0].upper()}{summary[1:]}.",
                epilog=as_called(module.EXAMPLES),
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
            module.add_arguments(command)
            command.set_defaults(main=module.main)
        else:
            commands.add_parser(name, help=summary)
    for option in itertools.takewhile(lambda argument: argument != "--", arguments):
        name, _, value = option.partition("=")
        if name.startswith("-") and value == "--":  # argparse takes it for nothing, not even for text
            parser.error(f"argument {name}: expected a value, not --")
    return parser.parse_args(arguments)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """--config and --set, for the commands that read the configuration."""
    default = f"./config.yaml, else the shipped one, {shipped('config.yaml')}".replace("%", "%%")
    parser.add_argument("--config", type=Path, metavar="FILE", help=f"configuration (default: {default})")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key, such as window.seconds=5; also as EDGE_WINDOW__SECONDS=5 in the environment",
    )


def config_file(args: argparse.Namespace) -> Path:
    """The configuration file that the arguments name, else the one that is looked for first; it need not be there."""
    return args.config or Path("config.yaml")


def read_config(args: argparse.Namespace, cut: CutShort = "warned") -> Config:
    """The configuration that the arguments name; `cut`: as load_config. Raises ConfigError."""
    from edge.config.loader import find_config, load_config  # noqa: PLC0415 - `edge image` starts without it

    return load_config(args.config or find_config(), args.set, environment(), cut=cut)


def read_place(args: argparse.Namespace) -> Config:
    """As `read_config`, but for a file with mistakes as well: see load_place."""
    from edge.config.loader import find_config, load_place  # noqa: PLC0415 - as above

    return load_place(lambda: args.config or find_config(), args.set, environment())


def environment() -> dict[str, str]:
    """The environment, in the encoding of the terminal."""
    return {name: as_typed(value) for name, value in os.environ.items()}


def set_up_logging(level: int = logging.INFO) -> None:
    """Log lines to stderr; under systemd the journal has its own clock and level."""
    journal = "JOURNAL_STREAM" in os.environ
    pattern = "%(levelname)s %(message)s" if journal else "%(asctime)s %(levelname)-7s %(message)s"
    logging.basicConfig(level=level, format=pattern, datefmt="%H:%M:%S", stream=sys.stderr)
    # Lines that programs read, too: nothing but JSON in them.
    plain = logging.StreamHandler(sys.stderr)
    plain.setFormatter(logging.Formatter("%(message)s"))
    audit = logging.getLogger("edge.audit")
    audit.handlers, audit.propagate = [plain], False
    audit.setLevel(logging.INFO)  # also where little else is logged
