"""Replace a file and the secret that belongs to it: the secret of one is never beside another."""

from __future__ import annotations

from pathlib import Path

from edge.files.replace_file import StagedFile


def put_pair(file: StagedFile, secret: StagedFile) -> Path | None:
    """Put both into their places.

    One rename replaces one file, and the old file would send the new secret to the old recipient, or the new file the
    old secret to the new one. So the old secret goes first and the new one comes last: whoever is killed in between
    leaves a file without a secret.

    Args:
        file: Says to whom the secret goes.
        secret: The secret.

    Returns:
        The backup of the file, if there was one before.

    Raises:
        EdgeError: It cannot be done; both are as they were, or it says what is not.
    """
    file.back_up()  # what may fail comes before anything is another one
    kept = secret.withdraw()
    try:
        backup = file.put(backup=True)
    except BaseException:
        secret.put_back(kept)
        raise
    try:
        secret.put()
    except BaseException:
        file.put_back(backup)  # where this fails, the old secret stays away from the new file
        secret.put_back(kept)
        raise
    secret.discard_withdrawn()
    return backup
