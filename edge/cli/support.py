"""`edge support`: one file to attach to a question, without secrets and without figures about people."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import add_config_arguments, read_config
from edge.cli.check import run_checks
from edge.config.loader import MAX_BYTES, find_config
from edge.errors import EXIT_OK, ConfigError, EdgeError
from edge.files.bounded_read import read_file
from edge.support.support_file import support_file, support_name, unit_of

if TYPE_CHECKING:
    import argparse

    from edge.config.schema import Config

EXAMPLES = """examples:
  edge support                                  writes edge-support-ROOM-TIME.txt here
  edge support --output -                       prints it
  sudo edge support > support.txt               of the service, with its log

Read the file before you attach it to a question.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    parser.add_argument("--output", metavar="FILE", help="a new file; - prints it (default: a name with room and time)")
    parser.add_argument("--unit", help="service whose log is wanted (default: the one that reads this configuration)")
    parser.add_argument("--no-checks", action="store_true", help="leave out the checks, which open the camera")


def main(args: argparse.Namespace) -> int:
    """Collect, and write one file; what is there already is never written over."""
    config = _config(args)
    if args.output not in (None, "-"):
        _refuse(Path(args.output))
    checks = [] if args.no_checks and config is not None else run_checks(args)
    raw = b"" if config is not None else _raw(args.config)
    content = support_file(config, checks, args.unit or unit_of(args.config), raw=raw)
    if args.output == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return EXIT_OK
    path = Path(args.output or support_name(config))
    _write(path, content)
    print(f"{path}: {max(1, round(len(content) / 1000))} kB. Read it, then attach it to your question.")
    return EXIT_OK


def _config(args: argparse.Namespace) -> Config | None:
    """None where it is not valid: that is just when somebody has a question. The check of it says what is wrong."""
    try:
        return read_config(args)
    except ConfigError:
        return None


def _raw(named: Path | None) -> bytes:
    """What can be read of a configuration that is not valid."""
    with contextlib.suppress(OSError, ConfigError):
        if named is not None:
            return read_file(named, MAX_BYTES)
        if (found := find_config()) is not None:
            return found.data
    return b""


def _refuse(path: Path) -> None:
    if os.path.lexists(path):
        raise EdgeError(f"{path} is there already", "choose another name with --output")


def _write(path: Path, content: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise EdgeError(f"{path} is there already", "choose another name with --output") from None
    except OSError as error:
        raise EdgeError(f"{path} cannot be written ({error.strerror})", "choose a folder with --output") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise EdgeError(f"{path} cannot be written ({error.strerror})", "make room, or choose another disk") from None
