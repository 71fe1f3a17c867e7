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
HOMES = (("/", "home"), ("/", "root"))  # which `ProtectHome=yes` closes to services

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
        password = read_file(path, MAX_PASSWORD_BYTES).decode().rstrip("\r\n")
        if path.stat().st_mode & stat.S_IROTH:
            logger.warning("every user of this machine can read the password in %s: chmod o= %s", path, path)
        return password  # noqa: TRY300 - its rights may not be had either
    except OSError as error:
        reason, remedy = error.strerror or str(error), _remedy(path, error)
        if os.path.lexists(withdrawn(Path(os.path.realpath(path)))):
            remedy = "saving it was interrupted: give the password again in edge setup"
        raise ConfigError(f"{key} cannot be read ({reason})", remedy) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{key} is not UTF-8 text", "is it the right file?") from None


def _remedy(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "make the file that it names, with the password as its only line (chmod 600)"
    if not isinstance(error, PermissionError):
        return "name a file that has the password as its only line"
    if path.absolute().parts[:2] in HOMES:
        return "a service sees no home folder: keep the file elsewhere (docs/install-pi.md, The service)"
    return "let the user who runs this read the file that it names (chown, chmod)"
