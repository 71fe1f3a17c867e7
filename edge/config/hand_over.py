"""How a page that runs as the service's user hands a configuration to root: a folder, and root's distrust of it.

The page writes files into a folder of its own. Root takes them only if they are small regular files of that user in
that very folder, reads the configuration as the daemon would, and writes to two places that it knows itself.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.config.address_redaction import without_password
from edge.config.document import Document, parse_document
from edge.config.loader import MAX_BYTES, override, usable
from edge.config.schema import Config
from edge.errors import ConfigError, EdgeError
from edge.files.bounded_read import open_regular
from edge.files.open_folder import open_folder
from edge.files.replace_file import staged_file
from edge.files.replace_pair import put_pair
from edge.files.secret_file import MAX_PASSWORD_BYTES

CONFIG, PASSWORD, BEFORE, RESTART = "config.yaml", "password", "before.sha256", "restart"


@dataclass(frozen=True)
class HandOver:
    """What was set up.

    Attributes:
        config: The content of the configuration file.
        before: What it was made from.
        password: For the broker; None: the one that is there stays.
        restart: Whether the service may be restarted or started.
    """

    config: bytes
    before: bytes
    password: str | None = None
    restart: bool = False

    def __repr__(self) -> str:
        return f"HandOver({len(self.config)} bytes)"


def hand_over(folder: Path, result: HandOver) -> None:
    """Write it all, the configuration last. Raises EdgeError: it cannot be written."""
    files = {BEFORE: hashlib.sha256(result.before).hexdigest().encode()}
    if result.password is not None:
        files[PASSWORD] = f"{result.password}\n".encode()
    if result.restart:
        files[RESTART] = b""
    for name in (CONFIG, PASSWORD, RESTART):  # first what root looks for: half of another result is none
        (folder / name).unlink(missing_ok=True)
    for name, data in {**files, CONFIG: result.config}.items():
        with staged_file(folder / name, data, 0o600) as file:
            file.put()


def install(folder: Path, config: Path, password: Path, environment: Mapping[str, str]) -> list[str]:
    """Take over what lies in a folder, as root.

    Args:
        folder: Which the service's user may write; nothing in it is trusted.
        config: The configuration to replace.
        password: The file of the password.
        environment: As the service has it.

    Returns:
        What was done, in sentences.

    Raises:
        EdgeError: It is refused, or cannot be written; nothing is changed, or it says what.
    """
    try:
        with open_folder(folder, follow=False) as opened:
            data = _read(opened, CONFIG, MAX_BYTES)
            before = _read(opened, BEFORE, 64)
            secret = _read(opened, PASSWORD, MAX_PASSWORD_BYTES + 1)
    except OSError as error:
        raise _distrusted(str(folder), error.strerror or str(error)) from None
    if data is None:
        raise ConfigError(f"{folder} has no configuration in it", "save in the page first")
    settings = _check(parse_document(data, config), environment)
    present = config.read_bytes() if config.exists() else b""
    if before != hashlib.sha256(present).hexdigest().encode():
        raise EdgeError(
            f"{config} was changed by somebody else meanwhile; nothing was installed", "sudo edge setup shows it anew"
        )
    said = []
    with staged_file(config, data, 0o644) as file:
        if secret is None:
            backup = file.put(backup=True)
        else:
            with staged_file(password, secret, 0o600, exact=True) as kept:
                backup = put_pair(file, kept)
            said.append(f"The password is in {password}, which only root can read.")
    said.insert(0, f"{config} is installed" + (f"; what it was before: {backup}" if backup else ""))
    if without_password(settings.camera.source) != settings.camera.source:
        said.append(
            f"Every user of this machine can read the camera's address in {config}. If it holds a password, or a path "
            f"that only you know, put it into {config.with_name('config.env')} instead, as EDGE_CAMERA__SOURCE=... "
            "(docs/install-pi.md)."
        )
    return said


def _check(document: Document, environment: Mapping[str, str]) -> Config:
    """As the daemon does at its start. Raises ConfigError."""
    override(document, (), environment)
    return usable(document)


def _read(folder: int, name: str, limit: int) -> bytes | None:
    """A file of the folder; None: there is none. Raises EdgeError: it is not a plain file of the folder's owner."""
    try:
        descriptor = open_regular(name, folder=folder, follow=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _distrusted(name, error.strerror or str(error)) from None
    try:
        status = os.fstat(descriptor)
        if status.st_nlink != 1 or status.st_uid != os.fstat(folder).st_uid:
            raise _distrusted(name, "another user's file")
        data = b""
        while len(data) <= limit and (more := os.read(descriptor, limit + 1 - len(data))):
            data += more
        if len(data) > limit:
            raise _distrusted(name, f"over {limit:,} bytes")
        return data
    finally:
        os.close(descriptor)


def _distrusted(name: str, reason: str) -> EdgeError:
    return EdgeError(f"what the page handed over is refused: {name}: {reason}", "nothing was changed")
