"""The configuration file that is set up: its draft, the password beside it, and how both are saved."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.cameras.certificates import check_certificate_file
from edge.config.broker_url import BrokerUrl
from edge.config.difference import difference
from edge.config.draft import Draft, StaleDraftError
from edge.config.hand_over import HandOver
from edge.config.loader import MAX_BYTES
from edge.config.schema import Config
from edge.config.value_check import RefusedChangeError
from edge.config.yaml_editor import edited
from edge.daemon.broker_check import settings_with
from edge.daemon.paths import broker_settings
from edge.errors import ConfigError, EdgeError
from edge.files.bounded_read import read_file
from edge.files.home import expand_home
from edge.files.own_file import read_own_file
from edge.files.replace_file import staged_file
from edge.files.replace_pair import put_pair
from edge.files.secret_file import MAX_PASSWORD_BYTES
from edge.files.shipped import shipped
from edge.mqtt.client_factory import check_tls_files
from edge.text import Sentence
from edge.vision.model_set import ModelChoice, ModelSet

PASSWORD_KEY = "mqtt.password_file"  # noqa: S105 - a key
RECIPIENT = ("mqtt.broker", "mqtt.embedded_port", "mqtt.ca_file", "mqtt.username")
"""Keys that say to whom the password is shown, and as whose."""
SETTLED = 0.5  # seconds without a change after which a file is taken to be written to its end
Place = tuple[BrokerUrl | str, int, str | None, str | None]
"""To whom: the broker, and who vouches for it."""


class StalePasswordError(StaleDraftError):
    """A password was typed beside another broker or user than the draft has."""

    def __init__(self) -> None:
        EdgeError.__init__(
            self,
            Sentence("the password was typed for another broker or user than is set now"),
            Sentence("look at broker and user, and type it again"),
        )


@dataclass(frozen=True)
class Saved:
    """What was saved.

    Attributes:
        path: The configuration.
        backup: What it was before, if there was one.
    """

    path: Path
    backup: Path | None


class ConfigFile:
    """One configuration file and what somebody changes in it. All methods may be called from any thread.

    Args:
        path: Where it is, or will be saved; it need not exist.
        overrides: `--set` texts.
        environment: Where `EDGE_SECTION__KEY` variables are looked up.
        found: Whether nobody named it: then it has to be ours.

    Raises:
        ConfigError: It is there, and nothing can be read in it, or it is somebody else's.
    """

    def __init__(
        self, path: Path, overrides: Iterable[str], environment: Mapping[str, str], *, found: bool = False
    ) -> None:
        self.path = path
        self._found = found
        self._lock = threading.RLock()
        self._template = read_file(shipped("config.yaml"), MAX_BYTES).decode()
        self._known = self._read()  # what the draft changes; None: there is no file yet
        self._coming: bytes | None = None  # what somebody else has written, or only begun to
        self._coming_since = 0.0  # monotonic
        self._password: str | None = None
        self._given_at: Place | None = None  # the broker and user of the draft when the password was given
        self._overtaken = False  # somebody else has changed the file, and whoever saves has not been told yet
        self.draft = Draft(self._before, path, overrides, environment)

    @property
    def saved_before(self) -> bool:
        """Whether there is a file yet."""
        return self._known is not None

    @property
    def saved(self) -> bytes:
        """The file, as it was read."""
        return self._known or b""

    @property
    def password_given(self) -> bool:
        """Whether a password waits to be saved."""
        return self._password is not None

    def password_for(self, config: Config) -> str | None:
        """The password to try a broker with. Whoever uses the page may name any broker, and must not learn it so.

        Args:
            config: Which broker, and as which user.

        Returns:
            The one that waits to be saved; None: the one that is stored, if any is.

        Raises:
            RefusedChangeError: It was given, or is stored, for another broker or user.
            ConfigError: The one that is stored cannot be read.
        """
        with self._lock:
            password, place = self._password, self._given_at
        if password is None:
            saved, _ = self.draft.saved(*RECIPIENT)
            place = None if saved is None else _place(saved)
        sent = bool(config.mqtt.username) and (password is not None or broker_settings(config).password is not None)
        if sent and _place(config) != place:
            raise RefusedChangeError(
                PASSWORD_KEY,
                Sentence("the password is for another broker or user, and goes to no other"),
                Sentence("type it again"),
            )
        return password

    def give_password(self, password: str, revision: int, recipient: Mapping[str, object]) -> None:
        """Keep a password in memory until it is saved, for the broker and the user of the draft.

        Args:
            password: As it was typed.
            revision: Of the draft that was in sight.
            recipient: What stood beside the password while it was typed: every key of `RECIPIENT`, as `Draft.shown`
                has it. The revision alone would not do: a page follows others' changes while somebody types.

        Raises:
            RefusedChangeError: It can be none.
            StaleDraftError: The draft, or its password, is another one by now; nothing is kept.
        """
        if not password or len(password.encode(errors="replace")) > MAX_PASSWORD_BYTES:
            raise RefusedChangeError(PASSWORD_KEY, Sentence("a password has 1 to 4096 bytes"))
        if not password.isprintable():
            raise RefusedChangeError(
                PASSWORD_KEY, Sentence("the password has a line break or another character that cannot be typed")
            )
        with self._lock:
            shown = self.draft.shown()
            draft, _ = self.draft.tentative(*RECIPIENT)
            if dict(recipient) != {key: shown[key] for key in RECIPIENT}:
                raise StalePasswordError
            self.draft.change_beside(revision)  # after all was read: it may be changed meanwhile
            self._password = password
            self._given_at = None if draft is None else _place(draft)

    def forget_password(self, revision: int) -> None:
        """Save none, and keep none in memory. Raises StaleDraftError as `give_password`."""
        with self._lock:
            self.draft.change_beside(revision)
            self._password = None

    def follow(self) -> bool:
        """Make the draft one for the file as it is now; whether that is another one, by somebody else's hand.

        Raises:
            ConfigError: The file cannot be read, or nothing in it; or its end, with a schedule, may be still to come.
        """
        with self._lock:
            now = self._read()
            if not now or now == self._known:  # editors may empty or remove it for a moment before they write
                self._coming = None
                return False
            if now != self._coming:
                self._coming, self._coming_since = now, time.monotonic()
            if time.monotonic() - self._coming_since < SETTLED:
                raise ConfigError(f"{self.path} is just being changed", "it is followed in a moment")
            self._rebase(now)
            self._overtaken = True
            return True

    def difference(self) -> str:
        """What saving would change, as a unified diff; in a new file, against the shipped one. Raises ConfigError."""
        with self._lock:
            return difference(self._before.decode(), self._after(self._password_keys()), self.path.name)

    def save(self, revision: int) -> Saved:
        """Write the configuration, and the password that was given into a file of its own.

        Raises:
            StaleDraftError: The draft is not at that revision any more.
            ConfigError: The daemon could not start with it; nothing is changed.
            EdgeError: It cannot be written, or somebody else has changed the file; nothing is changed, or it says what.
        """
        with self._lock:
            keys = self._password_keys()
            after = self._checked(revision, keys)
            with staged_file(self.path, after, 0o600) as config:  # a camera's address may hold a password
                if self._password is None:
                    backup = config.put(backup=True)
                else:
                    password = Path(expand_home(keys[PASSWORD_KEY]))
                    with staged_file(password, f"{self._password}\n".encode(), 0o600, private=True) as secret:
                        backup = put_pair(config, secret)
            self._password = None
            self._rebase(after)
            return Saved(self.path, backup)

    def result(self, revision: int, *, restart: bool) -> HandOver:
        """What root is to install; the service finds its password without being told where. Raises as `save`."""
        with self._lock:
            keys = {} if self._password is None else {PASSWORD_KEY: None}
            after = self._checked(revision, keys)
            return HandOver(after, self.saved, self._password, restart)

    def _checked(self, revision: int, more: Mapping[str, str | None]) -> bytes:
        """The new content, with which the daemon could start."""
        self._check_unchanged()
        self.draft.check(revision)
        after = self._after(more).encode()
        config = self.draft.config_of(after)  # the very bytes: somebody else may change the draft meanwhile
        self.draft.check(revision)
        check_tls_files(settings_with(config, self.password_for(config), ""))
        check_certificate_file(config.camera.ca_file)
        ModelSet.load(ModelChoice.of(config))
        return after

    def _password_keys(self) -> dict[str, str]:
        """What the configuration has to say so that the daemon finds the password that was given."""
        if self._password is None:
            return {}
        file = self.draft.value(PASSWORD_KEY)
        if file is None:
            return {PASSWORD_KEY: str(Path(os.path.realpath(self.path)).with_suffix(".mqtt-password"))}
        if file != self.draft.saved_value(PASSWORD_KEY):  # a page must not have us write wherever it likes
            raise RefusedChangeError(
                PASSWORD_KEY,
                Sentence("a password and another file for it are given at once"),
                Sentence("give one of them"),
            )
        return {PASSWORD_KEY: str(file)}

    def _after(self, more: Mapping[str, str | None]) -> str:
        before = self._before.decode()
        return edited(before, self.draft.edits.and_also(more), self._template, self.path)

    @property
    def _before(self) -> bytes:
        return self._template.encode() if self._known is None else self._known

    def _read(self) -> bytes | None:
        try:
            return (read_own_file if self._found else read_file)(self.path, MAX_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read", error.strerror or str(error)) from None

    def _check_unchanged(self) -> None:
        """Raises EdgeError where the file is not what the draft was made for; from then on it is made for that."""
        now = self._read()
        if now != self._known or self._overtaken:
            self._rebase(now)
            self._overtaken = False
            raise EdgeError(
                Sentence("{file} was changed by somebody else meanwhile; nothing was saved", {"file": str(self.path)}),
                Sentence("look at the difference again, which now has their changes in it, and save once more"),
            )

    def _rebase(self, data: bytes | None) -> None:
        before, self._known = self._known, data
        try:
            self.draft.rebase(self._before)
        except ConfigError:
            self._known = before
            raise


def _place(config: Config) -> Place:
    mqtt = config.mqtt
    broker = mqtt.broker if mqtt.broker == "embedded" else BrokerUrl.parse(mqtt.broker)
    return broker, mqtt.embedded_port, mqtt.ca_file, mqtt.username
