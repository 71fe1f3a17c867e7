"""`edge pause`: close the camera of the daemon on this machine, until `edge resume`."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from edge.cli import add_config_arguments, read_config
from edge.clock import stamp
from edge.pause import Pause, PauseFile
from edge.settings import pause_path

if TYPE_CHECKING:
    import argparse

EXAMPLES = """examples:
  edge pause
  edge pause --by "Mrs Doe"
  edge resume
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    parser.add_argument("--by", default="somebody at the device", help="who pauses; shown to every subscriber")


def main(args: argparse.Namespace) -> int:
    """Make the file that the daemon looks for; it also holds when no daemon runs yet."""
    path = pause_path(read_config(args))
    if (pause := PauseFile(path).load()) is None:
        PauseFile(path).store(Pause("".join(c for c in args.by if c.isprintable())[:80], _now()))
        print("paused: the camera is closed within a second, and stays so until: edge resume")
    else:
        print(f"paused already, since {pause.since}, by {pause.by}")
    return 0


def _now() -> str:
    return stamp(datetime.now(timezone.utc))
