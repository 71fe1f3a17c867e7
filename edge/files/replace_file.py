"""Put new content into a file so that there is always a whole one: the old, or the new. With a backup of the old."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from edge.errors import EdgeError
from edge.files.fresh_names import fresh_name, remove_abandoned
from edge.files.open_folder import sync_folder
from edge.files.withdrawn import withdrawn
from edge.text import Sentence

BACKUPS = 5  # that are kept
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def staged_file(
    path: Path, data: bytes, mode: int, *, exact: bool = False, private: bool = False
) -> Iterator[StagedFile]:
    """New content, safely on the disk beside the file that it will replace; nothing is left behind in the end.

    Mode and owner are those of the file that is there; of a new one, the mode that is given, and the folder's owner.

    Args:
        path: The file; a symbolic link is followed.
        data: Its new content.
        mode: Of a new file.
        exact: Also of one that is there, and the owner is whoever runs this.
        private: Also of one that is there; its owner stays.

    Raises:
        EdgeError: It cannot be written; says why. What was there is as it was.
    """
    target = Path(os.path.realpath(path))
    fresh = fresh_name(target)
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _explained(error, path) from None
    staged = StagedFile(path, target, fresh)
    try:
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                if exact:
                    os.fchmod(file.fileno(), mode)
                else:
                    _set_rights(file.fileno(), target, mode)
                    if private:
                        os.fchmod(file.fileno(), mode)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _explained(error, path) from None
        yield staged
    finally:
        fresh.unlink(missing_ok=True)
        staged.forget_backup()


class StagedFile:
    """What `staged_file` has written; see there.

    Args:
        path: As the user named it.
        target: The file itself.
        temporary: Where the new content is.
    """

    def __init__(self, path: Path, target: Path, temporary: Path) -> None:
        self._path = path
        self._target = target
        self._temporary = temporary
        self._kept: Path | None = None

    def back_up(self) -> None:
        """Keep the old content as `NAME.bak-YYYYmmddTHHMMSS` once the new one is put, and the newest five of those.

        Raises:
            EdgeError: It cannot be done; everything is as it was.
        """
        try:
            if self._target.exists():
                self._kept = _link_backup(self._target)
        except OSError as error:
            raise _explained(error, self._path) from None

    def put(self, *, backup: bool = False) -> Path | None:
        """Put it into its place.

        Args:
            backup: Do `back_up` before, if that was not done.

        Returns:
            The backup, if one was made.

        Raises:
            EdgeError: It cannot be done; everything is as it was.
        """
        if backup and self._kept is None:
            self.back_up()
        try:
            self._temporary.replace(self._target)
        except OSError as error:
            self.forget_backup()
            raise _explained(error, self._path) from None
        kept, self._kept = self._kept, None
        with contextlib.suppress(OSError):  # it is done; that it survives a power cut is best effort from here on
            sync_folder(self._target.parent)
            _remove_old_backups(self._target)
            remove_abandoned(self._target)
        return kept

    def withdraw(self) -> Path | None:
        """Take away what is there, before `put` comes.

        Returns:
            Where it is now; None: nothing was there.

        Raises:
            EdgeError: It cannot be done; everything is as it was.
        """
        aside = withdrawn(self._target)
        try:
            self._target.replace(aside)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _explained(error, self._path) from None
        with contextlib.suppress(OSError):
            sync_folder(self._target.parent)
        return aside

    def put_back(self, kept: Path | None) -> None:
        """Undo `put` and `withdraw`.

        Args:
            kept: What they returned: where the old content is; None: there was none.

        Raises:
            EdgeError: It cannot be done; says where the old content is.
        """
        try:
            if kept is None:
                self._target.unlink(missing_ok=True)
            else:
                kept.replace(self._target)
            sync_folder(self._target.parent)
        except OSError as error:
            values = {"file": str(self._path), "reason": error.strerror or str(error), "kept": str(kept or "")}
            raise EdgeError(
                Sentence("{file} could not be put back ({reason}); what was there is in {kept}", values)
                if kept is not None
                else Sentence("{file} could not be removed again ({reason})", values),
                Sentence("check the disk, and save once more"),
            ) from None

    def discard_withdrawn(self) -> None:
        """Remove what was taken away, now or by somebody who was killed then."""
        with contextlib.suppress(OSError):
            withdrawn(self._target).unlink(missing_ok=True)

    def forget_backup(self) -> None:
        """Remove the backup of what has not been replaced."""
        if self._kept is not None:
            self._kept.unlink(missing_ok=True)
            self._kept = None


def _set_rights(descriptor: int, target: Path, mode: int) -> None:
    """As the old file has them: the daemon's user must still read it, and nobody else."""
    root = os.geteuid() == 0
    try:
        like = target.stat()
        mode = stat.S_IMODE(like.st_mode)
    except FileNotFoundError:
        like = target.parent.stat()
    if root or like.st_gid in os.getgroups():
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, like.st_uid if root else -1, like.st_gid)
    os.fchmod(descriptor, mode)


def _link_backup(target: Path) -> Path:
    """Another name for the old content: it takes no room, and keeps mode and owner; where that cannot be, a copy."""
    stem = f"{target.name}.bak-{datetime.now():%Y%m%dT%H%M%S}"  # noqa: DTZ005 - for a person, by this machine's clock
    same = [each.name.removeprefix(stem) for each in target.parent.iterdir() if each.name.startswith(stem)]
    number = max((int(name[1:] or 0) for name in same if re.fullmatch(r"(-\d{1,6})?", name)), default=-1) + 1
    backup = target.with_name(f"{stem}-{number}" if number else stem)  # several within a second
    try:
        backup.hardlink_to(target)
    except OSError:  # another user's file, or a file system without links
        shutil.copy2(target, backup)
    return backup


def _remove_old_backups(target: Path) -> None:
    pattern = re.compile(re.escape(target.name) + r"\.bak-\d{8}T\d{6}(-\d+)?")
    backups = sorted(each for each in target.parent.iterdir() if pattern.fullmatch(each.name))
    for old in backups[:-BACKUPS]:
        old.unlink(missing_ok=True)


def _explained(error: OSError, path: Path) -> EdgeError:
    reason = error.strerror or str(error)
    remedies = {
        errno.EACCES: Sentence("start it as the user who may write there"),
        errno.EPERM: Sentence("start it as the user who may write there"),
        errno.EROFS: Sentence("mount the disk so that it can be written"),
        errno.ENOENT: Sentence("make its folder first"),
        **dict.fromkeys(_FULL, Sentence("make room on the disk")),
    }
    values = {"file": str(path), "reason": reason}
    return EdgeError(
        Sentence("{file} cannot be written ({reason}); what was there is as it was", values),
        remedies.get(error.errno or 0, Sentence("check the disk")),
    )
