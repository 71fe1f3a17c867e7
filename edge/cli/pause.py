"""`edge pause`: close the camera of the daemon on this machine, until `edge resume`."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import add_config_arguments, program, read_config
from edge.cli.running import not_reloaded, running_pauses
from edge.contract.causes import AT_THE_DEVICE
from edge.contract.timestamps import format_timestamp
from edge.daemon import kept_pause
from edge.daemon.daemon_lock import DaemonLock, Flag, is_held
from edge.daemon.former_name import adopt_former_files
from edge.daemon.paths import pause_path
from edge.daemon.pause_store import ClosedStore, Pause, PauseStore
from edge.errors import EXIT_FAILED, EXIT_OK, ConfigError, EdgeError
from edge.text import plain_lines, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

EXAMPLES = """examples:
  edge pause
  edge pause --by "Mrs Doe"
  edge resume
"""

DAEMON_SECONDS = 2.0  # a daemon that could not say that it runs, as the disk was full, does so with its next look
TO_BE_SURE = f"end it {kept_pause.HOW_TO_END}, or correct this first"
NOBODY = "edge is not running here, or runs as another user or with another configuration; the next one starts paused"
NOT_STORED = f"nothing is paused: make room on the disk, or end edge {kept_pause.HOW_TO_END}"
ANSWER_SECONDS = 10.0  # a driver lets go of its camera when its last read has ended


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    parser.add_argument("--by", metavar="NAME", default=AT_THE_DEVICE, help="who pauses; subscribers see it meanwhile")


def main(args: argparse.Namespace) -> int:
    """Make the file that the daemon looks for, and wait until it says that the camera is closed.

    The file also holds when no daemon runs yet. Where the disk does not take it, the daemon is told by a lock.
    """
    try:
        config = read_config(args, "taken")  # no pause is refused for that: if the file is cut, nobody confirms it
        path = pause_path(config)
    except ConfigError as mistake:
        if not (running := running_pauses(args)):
            problem = f"nothing is paused, and the camera of a daemon may be open: {TO_BE_SURE}"
            raise ConfigError(problem, mistake) from None
        print(f"edge: {plain_lines(str(mistake))}", file=sys.stderr)  # the daemon has not accepted that
        return _pause(running, args.by)
    adopt_former_files(config)
    if not (running := not_reloaded(path, args)):
        return _pause([path], args.by)
    status = _pause(running, args.by)
    try:
        _keep(path, args.by)  # the next start is under this name
    except EdgeError as error:
        problem = f"the next start would not be paused: {error.problem}"
        raise EdgeError(problem, "make room on the disk, and pause again") from None
    return status


def _pause(paths: Sequence[Path], by: str) -> int:
    """Pause all, whatever becomes of one, and then wait for each. Raises EdgeError: the first that cannot be kept."""
    kept: list[tuple[Path, Pause, str]] = []
    problems: list[EdgeError] = []
    for path in paths:
        try:
            kept.append((path, *_keep(path, by)))
        except EdgeError as error:
            problems.append(error)
    status = max([_wait(*each) for each in kept], default=EXIT_OK)
    for problem in problems[1:]:
        print(f"edge: {problem}", file=sys.stderr)
    if problems:
        raise problems[0]
    return status


def _wait(path: Path, pause: Pause, done: str) -> int:
    """Until the daemon says that the camera is closed."""
    began = time.monotonic()
    while not (ClosedStore(path).confirms(pause) and _may_run(path)):
        waited = time.monotonic() - began
        if waited > DAEMON_SECONDS and not is_held(path, Flag.RUNS):
            # Under another user, configuration or $STATE_DIRECTORY a daemon keeps its files elsewhere, and would go on.
            return _unconfirmed(path, NOBODY)
        if waited > ANSWER_SECONDS:
            return _unconfirmed(
                path, f"the daemon has not closed the camera within {ANSWER_SECONDS:.0f} s: see its log"
            )
        time.sleep(0.05)
    print(f"{done}: the daemon has closed the camera, and keeps it closed until: {program()} resume")
    return EXIT_OK


def _keep(path: Path, by: str) -> tuple[Pause, str]:
    """The pause that is in this file from now on, and what has been done."""
    if (pause := PauseStore(path).load()) is not None:
        return pause, f"paused already, since {pause.since}, by {pause.by}"
    pause = Pause(printable(by, 80, replacement=""), format_timestamp(datetime.now(timezone.utc)))
    _store(path, pause)
    return pause, "paused"


def _unconfirmed(path: Path, reason: str) -> int:
    foreign = PauseStore(path).foreign
    if not foreign:
        print(f"the pause is written to {path}, and holds until: {program()} resume", file=sys.stderr)
    if foreign := foreign or ClosedStore(path).foreign or DaemonLock(path).foreign:
        reason = f"{foreign}: {kept_pause.NO_FOLDER}"
    print(f"edge: nobody has confirmed that the camera is closed: {reason}", file=sys.stderr)
    return EXIT_FAILED


def _may_run(path: Path) -> bool:
    """Whether a daemon keeps its pause here, as far as this user can tell: an ended one's confirmation says nothing."""
    try:
        DaemonLock(path).check()
    except EdgeError:
        return True
    return is_held(path, Flag.RUNS)


def _store(path: Path, pause: Pause) -> None:
    try:
        PauseStore(path).store(pause)
    except EdgeError as error:
        paused = "is paused already"
        if not is_held(path, Flag.UNSTORED):
            if not is_held(path, Flag.RUNS):
                raise EdgeError(str(error), NOT_STORED) from None
            _ask(path, error)
            paused = "has closed the camera"
        problem = f"the daemon {paused}, but not for longer than until a restart: {error}"
        raise EdgeError(problem, kept_pause.REMEDY) from None


def _ask(path: Path, error: EdgeError) -> None:
    """Have a daemon that runs pause without a file. Raises EdgeError: it does not say that the camera is closed."""
    lock = DaemonLock(path)
    if not lock.ask(Flag.PAUSE, lambda: lock.is_held(Flag.CLOSED), ANSWER_SECONDS):
        problem = f"{error}, and the daemon has not closed the camera within {ANSWER_SECONDS:.0f} s"
        raise EdgeError(problem, f"end it {kept_pause.HOW_TO_END}") from None
