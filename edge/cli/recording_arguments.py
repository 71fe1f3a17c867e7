"""What the commands that record share: into which file, as whom, and how long it is kept."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from edge.cli.numbers import whole_number
from edge.errors import ConfigError
from edge.mqtt.client_factory import BrokerSettings
from edge.recording.location import IfCopy
from edge.recording.recording_task import RecordingTask
from edge.recording.reserve import MB
from edge.recording.retention import DEFAULT_DAYS
from edge.recording.stores import Target

MOST_DAYS = 36500
MOST_MEGABYTES = 10_000_000


def add_recording_arguments(parser: argparse.ArgumentParser) -> None:
    """--keep-days, --keep-windows-days, --keep-free and --if-copy."""
    parser.add_argument(
        "--keep-days",
        type=days,
        metavar="N",
        help=f"delete what is older; all: keep it (default: {DEFAULT_DAYS}, a school year and the summer after it)",
    )
    parser.add_argument(
        "--keep-windows-days",
        type=days,
        metavar="N",
        help="delete windows that are older, and keep what five minutes of them add up to (default: as --keep-days)",
    )
    parser.add_argument(
        "--keep-free",
        type=_megabytes,
        metavar="MB",
        help="with a file: store nothing while its disk has fewer MB free (default: 500 where the broker is at "
        "127.0.0.1 or localhost, else 20; 5%% of the disk where that is less; 0: never mind)",
    )
    parser.add_argument(
        "--if-copy",
        choices=get_args(IfCopy),
        help="if the --database is a copy, as a restored backup: `continue` in place of the other one, which is gone "
        "for good; or begin a `new` session (default: say so, and end)",
    )


def recording_task(
    args: argparse.Namespace, target: Target, settings: BrokerSettings, prefix: str, devices: Sequence[str]
) -> RecordingTask:
    """What is to be recorded.

    Args:
        args: What `add_recording_arguments` and `add_client_id_argument` declared.
        target: Where it is kept.
        settings: The broker.
        prefix: The first level of the topics.
        devices: Whose, or `+` for all.

    Raises:
        ConfigError: Windows would be kept for longer than their sums, or a server's disk is to be watched.
    """
    if args.keep_days and args.keep_windows_days and args.keep_windows_days > args.keep_days:
        raise ConfigError(
            f"--keep-windows-days {args.keep_windows_days} is more than --keep-days {args.keep_days}",
            "windows are kept no longer than what they add up to",
        )
    if args.keep_free is not None and not isinstance(target, Path):
        raise ConfigError(f"--keep-free is for files, and {target} is on a server", "leave it out")
    return RecordingTask(
        target, settings, prefix, devices, args.client_id, args.keep_days, args.keep_windows_days,
        if_copy=args.if_copy, keep_free=args.keep_free,
    )  # fmt: skip


def kept_for(args: argparse.Namespace) -> str:
    """How long what is recorded is kept, in words."""
    return "good" if args.keep_days == 0 else f"{args.keep_days or DEFAULT_DAYS} days"


def days(text: str) -> int:
    """A number of days; 0: all are kept."""
    return 0 if text == "all" else whole_number(1, MOST_DAYS, "days or `all`")(text)


def _megabytes(text: str) -> int:
    """Bytes."""
    return whole_number(0, MOST_MEGABYTES, "MB")(text) * MB
