"""The camera as somebody types it: the path of a film or a folder is enough, where it is one that the page may open.

Whoever has the token of the page could otherwise look at any picture and film that its user may read, and learn which
files there are: by a path, a pattern, a pipeline, or a device that is none.
"""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Mapping
from pathlib import Path

from edge.cameras.image_folder import SUFFIXES, picture_files
from edge.config.address_redaction import without_password
from edge.config.camera_source import SOURCE_PATTERN
from edge.config.draft import CA_FILE, Draft, StaleDraftError
from edge.config.value_check import RefusedChangeError
from edge.errors import EdgeError
from edge.files.home import expand_home
from edge.text import Sentence

KEY = "camera.source"
RECIPIENT = (CA_FILE,)
"""Keys beside an address that say who may answer at it, and so hears the password in it."""


class StaleAddressError(StaleDraftError):
    """An address was typed beside another `camera.ca_file` than the draft has."""

    def __init__(self) -> None:
        EdgeError.__init__(
            self,
            Sentence("the address was typed beside another camera.ca_file than is set now"),
            Sentence("look at what is said below the address, and open it again"),
        )


class TypedSource:
    """What may be chosen from the page: a live camera, the sample room, and what lies beside the configuration.

    Args:
        draft: What its file names already may be chosen again, whatever it is.
        config: The configuration file. Films and pictures lie below its folder.
    """

    def __init__(self, draft: Draft, config: Path) -> None:
        self._draft = draft
        self._config = config
        self._folder = Path(os.path.realpath(config.parent))

    def read(self, typed: str) -> str:
        """A `camera.source` for it: a path that is there gets `file:` or `images:`, and is whole, for the service.

        Returns:
            What is no path, as it was typed: whether it can be a source is checked elsewhere.

        Raises:
            RefusedChangeError: It may not be chosen from the page, or is a path, and nothing is there.
        """
        typed = typed.strip()
        known = {str(each) for each in (self._draft.value(KEY), self._draft.saved_value(KEY))}
        if typed in known | {without_password(each) for each in known}:
            return typed
        kind, _, rest = typed.partition(":")
        if not re.match(SOURCE_PATTERN, typed):
            return self._by_path(typed)
        if kind in ("file", "images"):
            path = self._whole(rest)
            if not _within(path, self._folder):
                raise self._elsewhere()
            if kind == "images":
                self._check_links(path)
            return f"{kind}:{path}"
        device = Path(typed)
        if (typed.startswith("/dev/") and not _within(device, Path("/dev"))) or (
            kind == "gstreamer" and not re.fullmatch(r"csi(:\d)?", rest)
        ):
            raise self._elsewhere()
        return typed

    def check_recipient(self, recipient: Mapping[str, object]) -> None:
        """Refuse an address for another recipient than the draft's. Whoever acts by it checks the revision afterwards.

        Args:
            recipient: What the page showed while it was typed: every key of `RECIPIENT`, as `Draft.shown` has it. The
                revision alone would not do: a page follows others' changes while somebody types.

        Raises:
            StaleAddressError: Somebody has changed that meanwhile.
        """
        shown = self._draft.shown()
        if dict(recipient) != {key: shown[key] for key in RECIPIENT}:
            raise StaleAddressError

    def _by_path(self, typed: str) -> str:
        if not typed.isprintable():
            return typed
        like_a_path = ":" not in typed and ("/" in typed or Path(typed).suffix or typed.startswith("~"))
        path = self._whole(typed)
        if not _within(path, self._folder):  # before anything there is looked at
            if like_a_path:
                raise self._elsewhere()
            return typed
        try:
            if path.is_dir():
                self._check_links(path)
                return f"images:{path}"
            if path.suffix.lower() in SUFFIXES and path.is_file():
                return f"images:{glob.escape(str(path))}"
            if path.is_file():
                return f"file:{path}"
        except OSError as error:  # too long
            raise RefusedChangeError(KEY, str(error)) from None
        if like_a_path:
            raise missing(str(path))
        return typed

    def _check_links(self, path: Path) -> None:
        """Raises RefusedChangeError: a picture of a folder is a link that leads elsewhere."""
        try:
            pictures = picture_files(str(path))
        except OSError:  # whoever opens it cannot read it either, and says so
            return
        for picture in pictures:
            if not _inside(picture, self._folder):
                raise RefusedChangeError(
                    KEY,
                    Sentence(
                        "{picture} is a link, and leads out of {folder}",
                        {"picture": str(picture), "folder": str(self._folder)},
                    ),
                    self._by_hand(),
                )

    def _whole(self, path: str) -> Path:
        try:
            return self._config.parent.absolute() / expand_home(path)
        except ValueError:  # no such user: nor is it told who there is
            raise self._elsewhere() from None

    def _elsewhere(self) -> RefusedChangeError:
        return RefusedChangeError(
            KEY,
            Sentence(
                "this page opens live cameras, the sample room, and films and pictures below {folder}",
                {"folder": str(self._folder)},
            ),
            self._by_hand(),
        )

    def _by_hand(self) -> Sentence:
        return Sentence("write any other camera.source into {file} by hand", {"file": str(self._config)})


def missing(path: str) -> RefusedChangeError:
    """What to say of a file that is not there."""
    return RefusedChangeError(
        KEY,
        Sentence("there is no file {path}", {"path": path}),
        Sentence("write the whole path of a film or of a folder of pictures on this device"),
    )


def _inside(path: str | Path, folder: Path) -> bool:
    """Whether what a path leads to lies below a folder."""
    return Path(os.path.realpath(path)).is_relative_to(folder)


def _within(path: Path, folder: Path) -> bool:
    """Whether a path, and all that it finds as a pattern, lies below a folder; what is outside is not looked at."""
    fixed = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), path.parts))
    try:
        if ".." in path.parts or not (_inside(fixed, folder) and _inside(path, folder)):
            return False
        return all(_inside(each, folder) for each in glob.iglob(str(path)))  # noqa: PTH207 - absolute
    except (OSError, ValueError):  # no name of a file
        return False
