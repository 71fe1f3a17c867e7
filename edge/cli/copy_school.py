"""`edge record --copy-from`: a school moves from its file into a database."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from edge.cli import set_up_logging
from edge.errors import EXIT_OK, ConfigError
from edge.recording.location import IfCopy
from edge.recording.stores import Target, psycopg_wanted
from edge.text import counted


def copy_from(path: Path, target: Target, prefix: str, if_copy: IfCopy | None) -> int:
    """Copy, and say what was new.

    Args:
        path: The file.
        target: The database.
        prefix: The first level of the topics.
        if_copy: As of `SchoolFile`.

    Raises:
        ConfigError, DiskError: The file or the database cannot be used; what was copied stays.
    """
    if isinstance(target, Path):
        raise ConfigError(
            f"--copy-from copies into a database, and {target} is a file",
            "copy the file itself: cp, beside a stopped recorder",
        )
    with psycopg_wanted():
        from edge.recording.postgres.copying import SchoolFile, copy_school  # noqa: PLC0415 - needs psycopg
        from edge.recording.postgres.taking_store import TakingStore  # noqa: PLC0415
    set_up_logging()
    file, store = SchoolFile(path, prefix, if_copy), TakingStore(target, prefix)
    try:
        file.start()
        store.start()
        done = copy_school(file, store, datetime.now(timezone.utc))
    finally:
        file.stop()
        store.stop()
    damaged = f"; {done.damaged:,} damaged ones were left out" if done.damaged else ""
    print(
        f"{path}: {counted(done.windows, 'window')}, {done.new:,} of them new in {target}, "
        f"school {target.school}{damaged}"
    )
    return EXIT_OK
