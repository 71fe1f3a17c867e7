"""`edge resume`: end a pause of the daemon on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.cli import add_config_arguments, read_config
from edge.pause import PauseFile
from edge.settings import pause_path

if TYPE_CHECKING:
    import argparse

EXAMPLES = """examples:
  edge resume
  edge resume --config /etc/edge/config.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Remove the file that holds the pause; a running daemon opens its camera within a second."""
    file = PauseFile(pause_path(read_config(args)))
    if (pause := file.load()) is None:
        print("it was not paused")
    else:
        file.clear()
        print(f"resumed; it was paused since {pause.since} by {pause.by}")
    return 0
