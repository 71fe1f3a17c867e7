"""`edge resume`: end a pause of the daemon on this machine, a scheduled one before its time."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from edge.cli import add_config_arguments, read_config
from edge.contract.timestamps import format_timestamp
from edge.daemon import mask_guard
from edge.daemon.former_name import adopt_former_files
from edge.daemon.paths import masks_path, pause_path
from edge.daemon.pause_store import Override, OverrideStore, PauseStore
from edge.text import printable
from edge.timing.clock import clock_synced
from edge.timing.schedule import in_words

if TYPE_CHECKING:
    import argparse

EXAMPLES = """examples:
  edge resume
  edge resume --config /etc/edge/config.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    parser.add_argument("--by", default="a person at the device", help="who ends a scheduled pause; for the journal")


def main(args: argparse.Namespace) -> int:
    """Remove the file that holds the pause; a running daemon opens its camera within a second."""
    config = read_config(args)
    adopt_former_files(config)
    path, now = pause_path(config), datetime.now(timezone.utc)
    pause, until = PauseStore(path).load(), config.privacy.weekly.until(now)
    if pause is not None:
        PauseStore(path).clear()
        print(f"resumed; it was paused since {pause.since} by {pause.by}")
    if until is not None:
        by = printable(args.by, 80, replacement="")
        OverrideStore(path).store(Override(by, format_timestamp(now), format_timestamp(until)))
        print(f"the scheduled pause, which would last until {in_words(until, now)}, is over")
    if pause is None and until is None:
        print("it was not paused")
    if config.privacy.schedule and not config.privacy.trust_clock and not clock_synced():
        print(
            "the clock of this machine is not set: a daemon with a schedule keeps the camera closed until it was set "
            "once (by NTP), or with privacy.trust_clock: true"
        )
    if config.camera.masks and (problem := mask_guard.problem(masks_path(config), config.camera)):
        print(f"the camera stays closed all the same: {problem}; {mask_guard.REMEDY}")
    return 0
