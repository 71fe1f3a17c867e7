"""The broker over HTTP: give its password, try it for real, and see which rooms are there already."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.routing import BaseRoute

from edge.config.schema import Config
from edge.daemon.broker_check import check_broker, rooms_at
from edge.daemon.paths import broker_settings
from edge.errors import CredentialsError, EdgeError
from edge.text import Sentence
from edge.vision.model_set import ModelSet
from edge.web.setup.config_file import ConfigFile
from edge.web.setup.json_requests import BadRequestError, Json, check_revision, get_route, member, post_route
from edge.web.shared import told


class BrokerTrial:
    """Tries the broker of the draft, one try at a time: two of one name would push each other out.

    Args:
        file: What is set up.
        models: The models in use, named in what is announced to Home Assistant.
    """

    def __init__(self, file: ConfigFile, models: Callable[[], ModelSet]) -> None:
        self._file = file
        self._models = models
        self._busy = threading.Lock()

    def password(self, body: Json) -> Json:
        """Keep a password until it is saved; null forgets it.

        Raises EdgeError: it cannot be one, or not for that; or the draft is another one than the page shows.
        """
        if "password" not in body or not isinstance(body["password"], str | None):
            raise BadRequestError("password has to be text, or null")
        revision = member(body, "revision", int)
        if body["password"] is None:
            self._file.forget_password(revision)
        else:
            self._file.give_password(body["password"], revision, member(body, "recipient", dict))
        return {"password": "given" if self._file.password_given else "none"}

    def attempt(self, body: Json) -> Json:
        """The checks of `edge check` for the broker, with the draft, and the name of the room.

        Raises EdgeError: the draft is another one than the page shows.
        """
        config, wrong = self._file.draft.tentative("mqtt", "device", "homeassistant")
        check_revision(body, self._file.draft)
        if config is None:
            return {"checks": [_check("failed", str(wrong))]}
        with self._alone():
            checks = []
            if self._file.password_given and not config.mqtt.username:
                checks.append(
                    _check(
                        "warning",
                        Sentence("a password without a user name is not sent"),
                        Sentence("fill in the user name"),
                    )
                )
            try:
                checks.append(_check("ok", check_broker(config, self._models(), self._file.password_for(config))))
                checks.append(self._name_check(config))
            except CredentialsError as error:
                checks.append(_check("failed", _refused(config, error), self._credentials_remedy(config)))
            except EdgeError as error:
                checks.append(_check("failed", *error.told))
            return {"checks": checks}

    def rooms(self) -> Json:
        """The other rooms at the broker of the draft, and what the try says of the name. Raises EdgeError."""
        config, wrong = self._file.draft.tentative("mqtt", "device")
        if config is None:
            raise EdgeError(str(wrong))
        with self._alone():
            others = self._others(config)
            return {"rooms": sorted(others), "name": _name(config.device.name, others)}

    def _others(self, config: Config) -> set[str]:
        """The rooms that are not this device. Raises EdgeError."""
        others, name = rooms_at(config, self._file.password_for(config)), config.device.name
        # Where the broker keeps no window (MQTT 3.1.1): a file that was saved under this name was used with it.
        ours = self._file.saved_before and name == self._file.draft.saved_value("device.name")
        return others - {name} if ours else others

    def _name_check(self, config: Config) -> Json:
        """Whether another room has the name of this one."""
        try:
            return _name(config.device.name, self._others(config))
        except EdgeError as error:  # a device need not be allowed to see others
            unseen = Sentence("the names of other rooms cannot be seen: {problem}", {"problem": error.problem})
            return _check("warning", unseen, Sentence("make sure that no other room has this name"))

    def _credentials_remedy(self, config: Config) -> Sentence:
        """What to do on this page, which shows neither the keys nor the file of the password."""
        if not config.mqtt.username:
            return Sentence("fill in user name and password above, then try again")
        if self._file.password_for(config) is None and broker_settings(config).password is None:
            return Sentence("fill in the password above, then try again")
        return Sentence(
            "check the user name, type the password again, then try again. If each user of this broker is for one "
            "device alone (docs/scale.md), only the device's own service can come, and all may be well: then try in a "
            "terminal, edge check --set mqtt.username={user}-check",
            {"user": config.mqtt.username},
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._busy.acquire(blocking=False):
            raise EdgeError(Sentence("the broker is being tried already"), Sentence("wait until that has ended"))
        try:
            yield
        finally:
            self._busy.release()


def connect_routes(trial: BrokerTrial) -> list[BaseRoute]:
    """The routes."""
    return [
        post_route("/api/connect/password", trial.password),
        post_route("/api/connect/try", trial.attempt),
        get_route("/api/connect/rooms", trial.rooms),
    ]


def _refused(config: Config, error: CredentialsError) -> Sentence:
    """What a broker says that lets nobody in as that user, with all that may be behind it: it does not tell which."""
    values = {"broker": config.mqtt.broker, "reason": error.problem.rpartition(": ")[2]}
    if not config.mqtt.username:
        return Sentence("the broker {broker} lets nobody in without a user name ({reason})", values)
    return Sentence(
        "the broker {broker} does not let {user} in ({reason}): the user name or the password is wrong, or the user "
        "has no rights there, or is for another client id",
        {**values, "user": config.mqtt.username},
    )


def _name(name: str, others: set[str]) -> Json:
    """What to say of a name beside these rooms."""
    if name in others:
        taken = Sentence("a room called {name} is at this broker already", {"name": name})
        return _check("warning", taken, Sentence("choose another name, unless that is this device"))
    free = Sentence("no other room is called {name}; other rooms: {count}", {"name": name, "count": len(others)})
    return _check("ok", free)


def _check(status: str, text: object, remedy: object = "") -> Json:
    return {"status": status, "text": told(text), "remedy": told(remedy)}
