"""A password in a file of its own: on a command line, every user of the machine would see it."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from edge.errors import ConfigError
from edge.files.bounded_read import read_file
from edge.files.withdrawn import withdrawn

MAX_PASSWORD_BYTES = 4096

logger = logging.getLogger(__name__)


def read_secret(path: Path, key: str) -> str:
    """The password in a file, without the end of its line.

    Args:
        path: The file.
        key: What named it, for errors; the value is not repeated, because somebody may have written the password there.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        if path.stat().st_mode & stat.S_IROTH:
            logger.warning("every user of this machine can read the password in %s: chmod o= %s", path, path)
        return read_file(path, MAX_PASSWORD_BYTES).decode().rstrip("\r\n")
    except OSError as error:
        reason, remedy = error.strerror or str(error), "it names a file with the password"
        if os.path.lexists(withdrawn(Path(os.path.realpath(path)))):
            remedy = "saving it was interrupted: give the password again in edge setup"
        raise ConfigError(f"{key} cannot be read ({reason})", remedy) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{key} is not UTF-8 text", "is it the right file?") from None
