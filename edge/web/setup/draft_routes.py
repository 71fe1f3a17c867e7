"""The draft over HTTP: what is set, change it, what would be saved, save it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edge.config.address_redaction import without_secrets
from edge.config.keys import defaults
from edge.config.value_check import RefusedChangeError
from edge.config.yaml_editor import as_yaml
from edge.errors import ConfigError, EdgeError
from edge.text import Sentence
from edge.timing.clock import clock_synced
from edge.web.setup.config_file import PASSWORD_KEY, RECIPIENT, ConfigFile
from edge.web.setup.json_requests import OUR_SCRIPT, Json, get_route, member, post_route
from edge.web.setup.mask_confirmation import MaskConfirmation
from edge.web.setup.saving import Saving
from edge.web.setup.typed_source import KEY as SOURCE_KEY
from edge.web.setup.typed_source import TypedSource
from edge.web.shared import told


def draft_routes(
    file: ConfigFile,
    saving: Saving,
    masks: MaskConfirmation,
    typed: TypedSource,
    about: Callable[[], dict[str, Any]],
    changed: Callable[[], None],
) -> list[BaseRoute]:
    """The routes.

    Args:
        file: What is set up.
        saving: Where it is saved.
        masks: Whether they were looked at.
        typed: What camera somebody may choose.
        about: What else belongs to the state: `source`.
        changed: Called after every change.
    """

    def state() -> Json:
        draft = file.draft
        refused = _refused_password(file)
        password = "given" if file.password_given else "stored" if saving.password_stored() else "none"
        return {
            "revision": draft.revision,
            "values": draft.shown(),
            "defaults": defaults(),
            "mode_in_file": _mode_in_file(file),
            "overridden": draft.locked,
            "file": str(file.path),
            "can_restart": saving.installed,
            "password": "again" if refused else password,
            "masks_confirmed": masks.confirmed,
            "clock_synced": clock_synced(),
            "problems": [
                *(_problem(each.key, each.problem, each.remedy) for each in draft.mistakes()),
                *refused,
            ],
            **about(),
        }

    def change(body: Json) -> Json:
        values = member(body, "set", dict, {})
        if PASSWORD_KEY in values:  # else a page could have any file written to, or read and sent to a broker
            raise RefusedChangeError(
                PASSWORD_KEY,
                Sentence("the file of the password is not chosen from here"),
                Sentence("give the password itself; or name the file in config.yaml"),
            )
        if SOURCE_KEY in values:
            typed.check_recipient(member(body, "recipient", dict))
        if isinstance(source := values.get(SOURCE_KEY), str):
            values = {**values, SOURCE_KEY: typed.read(source)}
        file.draft.change(member(body, "revision", int), values, _names(member(body, "unset", list, [])))
        changed()
        return state()

    def save(body: Json) -> Json:
        saved = saving.save(member(body, "revision", int), restart=member(body, "restart", bool, default=False))
        try:
            masks.saved()
        except EdgeError as error:  # all else is done
            saved["next"] = f"{error}; edge masks --confirm does it"
        return saved

    def confirm_masks(body: Json) -> Json:
        masks.confirm(body)
        return state()

    def export(_request: Request) -> Response:
        return Response(as_yaml(without_secrets(file.draft.differing())), media_type="application/yaml")

    return [
        get_route("/api/state", state),
        post_route("/api/change", change),
        post_route("/api/masks/confirm", confirm_masks),
        get_route("/api/difference", lambda: {"difference": file.difference()}),
        post_route("/api/save", save),
        Route("/api/export", export, middleware=OUR_SCRIPT),
    ]


def _mode_in_file(file: ConfigFile) -> str | None:
    """What saving may change without anybody having chosen it; None: there is no file, or it does not decide."""
    decides = file.saved_before and "mode" not in file.draft.locked
    return str(file.draft.saved_value("mode"))[:100] if decides else None


def _refused_password(file: ConfigFile) -> list[Json]:
    """Why the password has to be typed again, as a problem of the draft; empty: it has not."""
    config, _ = file.draft.tentative(*RECIPIENT)
    try:
        if config is not None:
            file.password_for(config)
    except RefusedChangeError as error:
        problem, remedy = error.told
        return [_problem(error.key, problem, remedy)]
    except ConfigError:  # the trial says it
        pass
    return []


def _problem(key: str, problem: object, remedy: object) -> Json:
    return {"key": key, "problem": told(problem), "remedy": told(remedy)}


def _names(names: list[object]) -> list[str]:
    return [str(name) for name in names]
