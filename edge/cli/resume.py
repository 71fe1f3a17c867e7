"""`edge resume`: end a pause of the daemon on this machine, a scheduled one before its time."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from edge.cli import add_config_arguments, read_config
from edge.cli.running import not_reloaded
from edge.contract.causes import AT_THE_DEVICE
from edge.contract.timestamps import format_timestamp
from edge.daemon import mask_guard, unset_clock
from edge.daemon.daemon_lock import DaemonLock, Flag
from edge.daemon.former_name import adopt_former_files
from edge.daemon.paths import masks_path, pause_path
from edge.daemon.pause_store import Override, OverrideStore, PauseStore
from edge.errors import EXIT_FAILED, EXIT_OK
from edge.text import printable
from edge.timing.schedule import in_words

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

EXAMPLES = """examples:
  edge resume
  edge resume --config /etc/edge/config.yaml
"""

ANSWER_SECONDS = 10.0  # the daemon looks several times a second, but for moments in which it is busy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    parser.add_argument("--by", default=AT_THE_DEVICE, help="who ends a scheduled pause; for the journal")


def main(args: argparse.Namespace) -> int:
    """Rename the file that holds the pause; a running daemon opens its camera within a second.

    A pause without a file, which the disk has not taken, is ended by telling the daemon.
    """
    config = read_config(args)
    adopt_former_files(config)
    path, now = pause_path(config), datetime.now(timezone.utc)
    paths, until = [path, *not_reloaded(path, args)], config.privacy.weekly.until(now)
    ended = [_end(each) for each in paths]
    if None in ended:
        print(f"edge: the daemon has not ended its pause within {ANSWER_SECONDS:.0f} s: see its log", file=sys.stderr)
        return EXIT_FAILED
    if until is not None:
        by = printable(args.by, 80, replacement="")
        for each in paths:
            OverrideStore(each).store(Override(by, format_timestamp(now), format_timestamp(until)))
        print(f"the scheduled pause, which would last until {in_words(until, now)}, is over")
    if unset_clock.keeps_closed(config.privacy):
        print(f"the camera stays closed all the same: {unset_clock.PROBLEM}; {unset_clock.REMEDY}")
    elif until is None and not any(ended):
        DaemonLock(path).check()
        print("it was not paused")
    if config.camera.masks and (problem := mask_guard.problem(masks_path(config), config.camera)):
        print(f"the camera stays closed all the same: {problem}; {mask_guard.REMEDY}")
    return EXIT_OK


def _end(path: Path) -> bool | None:
    """End the pause that is kept here, and say so; False: there was none, None: the daemon has not ended it."""
    lock, store = DaemonLock(path), PauseStore(path)
    store.load()  # a user who may not look is told so, before anything is done
    unstored = lock.is_held(Flag.UNSTORED)
    # Before the file is looked at: it may just have been stored.
    ended = not unstored or lock.ask(Flag.RESUME, lambda: not lock.is_held(Flag.UNSTORED), ANSWER_SECONDS)
    if (pause := store.load()) is not None:
        store.resume()
        print(f"resumed; it was paused since {pause.since} by {pause.by}")
    elif unstored and ended:
        print("resumed; the daemon was paused, which it had not stored")
    return (pause is not None or unstored) if ended else None
