"""The daemon that was started with a configuration file, whatever that says by now: it keeps what it has accepted."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from edge.cli import config_file, read_place
from edge.config.schema import Config
from edge.daemon.daemon_lock import Flag, is_held, started_with
from edge.daemon.paths import pause_path
from edge.errors import ConfigError
from edge.files.ownership import why_not_ours

if TYPE_CHECKING:
    import argparse
    from pathlib import Path


def running_pauses(args: argparse.Namespace) -> list[Path]:
    """Where the daemons of this user keep their pause that were started with the file that the arguments name.

    There is more than one where `--set` told them apart. They are looked for where outboxes lie by default, and where
    the file would have its own now. What others put there is no daemon's.
    """
    mark = started_with(config_file(args))
    found: set[Path] = set()
    for config in (read_place(args), Config()):
        with contextlib.suppress(ConfigError, OSError):
            path = pause_path(config)
            locks = filter(_is_ours, path.parent.glob("*.lock"))
            found |= {path, *(lock.with_suffix(path.suffix) for lock in locks)}
    return sorted(path for path in found if is_held(path, Flag.RUNS) and is_held(path, mark))


def _is_ours(lock: Path) -> bool:
    with contextlib.suppress(OSError):  # it is gone
        return why_not_ours(lock, lock.lstat()) is None
    return False


def not_reloaded(path: Path, args: argparse.Namespace) -> list[Path]:
    """The same, where no daemon keeps its pause where the file has it now: they have not read that yet.

    Args:
        path: Where the file has it.
        args: With `--set` somebody may mean another daemon than those.
    """
    return [] if args.set or is_held(path, Flag.RUNS) else running_pauses(args)
