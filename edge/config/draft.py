"""A configuration that somebody is changing: values over those of a file, each checked, and what is still wrong."""

from __future__ import annotations

import copy
import json
import secrets
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.config.address_redaction import ADDRESSES, HIDDEN, SECRET, without_password, without_secrets
from edge.config.document import Document, Mistake, parse_document
from edge.config.keys import defaults, found_in, keys, unknown_keys
from edge.config.loader import override, usable, validate
from edge.config.schema import Config, DeploymentConfig
from edge.config.value_check import RefusedChangeError, check_value
from edge.errors import EdgeError
from edge.text import Sentence, mark

STAND_IN = "(not filled in yet)"
CA_FILE = "camera.ca_file"


class StaleDraftError(EdgeError):
    """Another browser, or whoever edits the file, has changed the draft meanwhile."""

    def __init__(self) -> None:
        super().__init__(
            Sentence("somebody else has changed these settings meanwhile, in another browser or in the file"),
            Sentence("look at them anew, and change again"),
        )


@dataclass(frozen=True)
class Edits:
    """What the draft changes in its file: dotted keys to set, and unknown keys to take out."""

    values: dict[str, Any]
    removed: tuple[str, ...] = ()

    def and_also(self, more: Mapping[str, Any]) -> Edits:
        """These and some more keys."""
        return Edits({**self.values, **more}, self.removed)


class Draft:
    """The draft of one configuration file. All methods may be called from any thread.

    Args:
        data: What the file holds, or a template for one that does not exist yet.
        path: Named in problems.
        overrides: `--set` texts; they stay above the draft.
        environment: Where `EDGE_SECTION__KEY` variables are looked up; they stay above the draft, too.

    Raises:
        ConfigError: Nothing can be read in it.
    """

    def __init__(
        self, data: bytes, path: Path, overrides: Iterable[str] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        self._lock = threading.RLock()
        self._path = path
        self._overrides = tuple(overrides)
        self._environment = dict(environment or {})
        self._changed: dict[str, Any] = {}
        self._removed: set[str] = set()
        self._typed: tuple[object, object] | None = None  # a source that was typed here, and the ca_file beside it
        self._ended = False
        # A page of a former `edge setup` may still be open: what it has seen is of none of ours.
        self.revision = secrets.randbits(48)
        """Another one after every change."""
        self.rebase(data)

    def rebase(self, data: bytes) -> None:
        """Go on with another content of the file: it was saved, or somebody else changed it. Raises ConfigError."""
        with self._lock:
            self._file = parse_document(data, self._path)
            above = Document()
            given = override(above, self._overrides, self._environment)
            self._locked = {key for key in keys() if key in given or key.partition(".")[0] in given}
            self._above = above
            self._changed = {key: value for key, value in self._changed.items() if value != self._in_file(key)}
            self._removed &= unknown_keys(self._file)
            if not {SECRET, CA_FILE} & set(self._changed):  # it was saved, or another one is in the file now
                self._typed = None
            self.revision += 1

    def change(self, revision: int, values: Mapping[str, Any], unset: Iterable[str] = ()) -> None:
        """Set some keys, and others back to their defaults; all or nothing. A key that is unknown is taken out.

        Raises:
            StaleDraftError: It is not at that revision any more.
            EdgeError: It has ended.
            RefusedChangeError: A value is impossible.
        """
        with self._lock:
            self.check(revision)
            new, removed, typed, whole = dict(self._changed), set(self._removed), self._typed, False
            for key in unset:
                if key in unknown_keys(self._file):
                    removed.add(key)
                else:
                    self._check_key(key)
                    new[key] = defaults()[key]
            for key, value in values.items():
                self._check_key(key)
                if key == SECRET and value == without_password(str(self._value(key))):
                    continue  # what we showed of it comes back: nothing was typed
                if key in ADDRESSES and HIDDEN in str(value):
                    raise RefusedChangeError(
                        key,
                        Sentence("what stands for *** is not shown, so it cannot come back from here"),
                        Sentence("write the whole address"),
                    )
                check_value(key, value)
                new[key] = value
                if key == SECRET:
                    whole = True
            if whole:
                typed = new[SECRET], new.get(CA_FILE, self._value(CA_FILE))
            new = {key: value for key, value in new.items() if value != self._in_file(key)}
            if (new, removed, typed) != (self._changed, self._removed, self._typed):
                self._changed, self._removed, self._typed = new, removed, typed
                self.revision += 1

    def check(self, revision: int) -> None:
        """Raises StaleDraftError: it is not at that revision any more; EdgeError: it has ended."""
        with self._lock:
            if self._ended:
                raise EdgeError(
                    Sentence("what was saved is being installed, and this page ends: nothing more is taken"),
                    Sentence("start it again to change more"),
                )
            if revision != self.revision:
                raise StaleDraftError

    def change_beside(self, revision: int) -> None:
        """What is saved with it, and is no key of it, is changed now, as the password. Raises as `check`."""
        with self._lock:
            self.check(revision)
            self.revision += 1

    def end(self, revision: int) -> None:
        """Nothing is changed or saved any more. Raises as `check`."""
        with self._lock:
            self.check(revision)
            self._ended = True

    def go_on(self) -> None:
        """It has not ended after all."""
        self._ended = False

    @property
    def edits(self) -> Edits:
        """What differs from the file."""
        with self._lock:
            return Edits(dict(self._changed), tuple(sorted(self._removed)))

    @property
    def locked(self) -> dict[str, str]:
        """Keys that `--set` or the environment decide, and where."""
        with self._lock:
            return {key: self._above.place(tuple(key.split("."))) for key in sorted(self._locked)}

    def value(self, key: str) -> Any:  # noqa: ANN401 - each key has its own
        """What a key says in the end; addresses with their passwords."""
        with self._lock:
            return self._value(key)

    def shown(self) -> dict[str, Any]:
        """Every key with what it says in the end, fit for JSON; an address is without its password."""
        with self._lock:
            values = {key: _plain(self._value(key)) for key in keys()}
        return without_secrets(values)

    def mistakes(self) -> list[Mistake]:
        """All that keeps the daemon from starting with it."""
        document = self._document()
        validate(document)
        return document.mistakes

    def config(self) -> Config:
        """The configuration as the daemon would have it now. Raises ConfigError."""
        return usable(self._document())

    def config_of(self, data: bytes) -> Config:
        """The configuration as the daemon would have it from a content of the file. Raises ConfigError."""
        document = parse_document(data, self._path)
        override(document, self._overrides, self._environment)
        self._keep_secret(document)
        return usable(document)

    def tentative(self, *needed: str) -> tuple[Config | None, Mistake | None]:
        """What something can be tried with before all is filled in, also who answers for it.

        Args:
            needed: Sections, or keys, in which nothing may be wrong.

        Returns:
            None, and why, where something is.
        """
        return _tentative(self._document(), needed)

    def saved(self, *needed: str) -> tuple[Config | None, Mistake | None]:
        """As `tentative`, of the file as it is, without the draft."""
        return _tentative(self._document(changed=False), needed)

    def for_pictures(self, source: str | None = None) -> tuple[Config | None, str]:
        """What a picture can be shown by: it is published nowhere, so nobody has to answer for the camera yet.

        Args:
            source: To be tried in place of the draft's, as somebody typed it.

        Returns:
            None, and why, where the camera is not clear: its masks might be missing.
        """
        with self._lock:
            other = source is not None and source != without_password(str(self._value(SECRET)))
            document = self._document(keep_secret=not other)
        config, wrong = _tentative(document, ("camera", "vision.count_area"))
        if config is None:
            return None, str(wrong)
        stand_in = DeploymentConfig(responsible=STAND_IN, legal_basis=STAND_IN)
        camera = config.camera.model_copy(update={"source": source} if other else {})
        return config.model_copy(update={"deployment": stand_in, "camera": camera}), ""

    def saved_value(self, key: str) -> Any:  # noqa: ANN401 - each key has its own
        """What the file says of a key, without the draft."""
        with self._lock:
            return self._in_file(key)

    def differing(self) -> dict[str, Any]:
        """Keys of the file with the draft in it that differ from the defaults, without what stands above the file."""
        with self._lock:
            return {
                key: value for key in keys() if (value := self._changed.get(key, self._in_file(key))) != defaults()[key]
            }

    def _check_key(self, key: str) -> None:
        if key not in keys():
            name = str(key)[:100]
            raise RefusedChangeError(name, Sentence("there is no key {key}", {"key": repr(name)}))
        if key in self._locked:
            place = self._above.place(tuple(key.split(".")))
            raise RefusedChangeError(
                key,
                Sentence("{key} is decided by {place}, which stands above the file", {"key": key, "place": place}),
                Sentence("start without it to change it here"),
            )

    def _keep_secret(self, document: Document) -> None:
        """Add a mistake where the hidden parts of the camera's address were written beside another `ca_file`.

        They are sent to whoever that lets answer. Whoever has the page cannot see them, and could so have them sent to
        a machine in the camera's place. Where no certificate was checked before, any `ca_file` is an improvement.
        """
        source, ca_file = (found_in(document.values, key, defaults()[key]) for key in (SECRET, CA_FILE))
        if source == without_password(str(source)):
            return
        for known, beside in filter(None, (self._typed, (self._without(SECRET), self._without(CA_FILE)))):
            if source == known and beside in (None, ca_file):
                return
        place = document.place(tuple(SECRET.split(".")))
        problem = mark(
            "what is not shown of the address was written for another camera.ca_file, and is not sent with this one"
        )
        document.mistakes.append(Mistake(place, SECRET, problem, mark("write the whole address")))

    def _document(self, *, changed: bool = True, keep_secret: bool = True) -> Document:
        """All layers: the file, the draft unless it is to be without, what stands above."""
        with self._lock:
            document = copy.deepcopy(self._file)
            for dotted in self._removed if changed else ():
                _take_out(document, tuple(dotted.split(".")))
            for dotted, value in self._changed.items() if changed else ():
                section, _, name = dotted.rpartition(".")
                holder = document.values.setdefault(section, {}) if section else document.values
                if isinstance(holder, dict):
                    holder[name] = copy.deepcopy(value)
                else:
                    document.values[section] = {name: copy.deepcopy(value)}
            override(document, self._overrides, self._environment)
            if keep_secret:
                self._keep_secret(document)
            return document

    def _value(self, key: str) -> Any:  # noqa: ANN401
        return self._without(key) if key in self._locked else self._changed.get(key, self._in_file(key))

    def _without(self, key: str) -> Any:  # noqa: ANN401
        """What a key says without the draft."""
        return found_in(self._above.values, key, defaults()[key]) if key in self._locked else self._in_file(key)

    def _in_file(self, key: str) -> Any:  # noqa: ANN401
        return found_in(self._file.values, key, defaults()[key])


def _tentative(document: Document, needed: tuple[str, ...]) -> tuple[Config | None, Mistake | None]:
    """See Draft.tentative."""
    written = document.values.get("deployment")
    document.values["deployment"] = {"responsible": STAND_IN, "legal_basis": STAND_IN}
    config = validate(document)
    dotted = tuple(f"{each}." for each in needed)
    wrong = [each for each in document.mistakes if f"{each.key}.".startswith(dotted)]
    if config is None or wrong:
        return None, (wrong or document.mistakes)[0]
    texts = written if isinstance(written, dict) else {}
    who, why = (str(texts.get(name) or "")[:1024] for name in ("responsible", "legal_basis"))
    return config.model_copy(update={"deployment": DeploymentConfig(responsible=who, legal_basis=why)}), None


def _take_out(document: Document, key: tuple[str, ...]) -> None:
    holder: Any = document.values if len(key) == 1 else document.values.get(key[0])
    if isinstance(holder, dict):
        holder.pop(key[-1], None)
    document.mistakes = [each for each in document.mistakes if each.key != ".".join(key)]


def _plain(value: Any) -> Any:  # noqa: ANN401
    """A value of a YAML file, fit for JSON: a date, a set or not-a-number becomes its text."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return str(value)[:100]
    return value
