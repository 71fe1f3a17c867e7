"""Read `config.yaml`, apply overrides, and validate it: every mistake at once."""

from __future__ import annotations

import contextlib
import copy
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from edge.config.document import Document, Key, Mistake, cut_short, parse_document, shown_key, unusable
from edge.config.explanation import explain
from edge.config.key_rules import is_text, names_below, rule_of
from edge.config.schema import Config
from edge.config.yaml_text import NULLS, YAML_ERRORS, load
from edge.errors import ConfigError
from edge.files.bounded_read import read_file
from edge.files.own_file import read_own_file
from edge.files.shipped import shipped

logger = logging.getLogger(__name__)

ENVIRONMENT_PREFIX = "EDGE_"
MAX_BYTES = 1_000_000

# What becomes of a file that may have been cut short while it was saved. Of an empty one nothing is left to warn of:
# it is refused unless it is taken.
CutShort = Literal["refused", "warned", "taken"]


class FoundConfig(NamedTuple):
    """A configuration that nobody named, as it was read: who reads its path again may find another one."""

    path: Path
    data: bytes


def find_config() -> FoundConfig | None:
    """`config.yaml` in the current folder, else the one that comes with the program; None: there is neither.

    Raises:
        ConfigError: It cannot be read; or that in the current folder is somebody else's: it would have our files sent
            anywhere.
    """
    for path, read in ((Path("config.yaml"), read_own_file), (shipped("config.yaml"), read_file)):
        try:
            return FoundConfig(path, read(path, MAX_BYTES))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _unreadable(path, error) from None
    return None


def load_config(
    file: Path | FoundConfig | None,
    overrides: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
    *,
    cut: CutShort = "warned",
) -> Config:
    """Read and validate the configuration.

    Args:
        file: The YAML file, or what was found; None: the defaults.
        overrides: `section.key=value` texts (--set); they win over the environment, which wins over the file.
        environment: Where `EDGE_SECTION__KEY` variables are looked up.
        cut: What becomes of a file that may have been cut short.

    Raises:
        ConfigError: Lists every mistake, one per line.
    """
    if file is None:
        document = Document()
    else:
        path, data = file if isinstance(file, FoundConfig) else (file, _content(file))
        document = parse_document(data, path)
        if cut != "taken" and (mistake := cut_short(data, path)):
            if cut == "refused" or not data.strip():
                document.mistakes.append(mistake)
            else:
                logger.warning("%s", mistake)
    override(document, overrides, environment or {})
    return usable(document)


def load_place(
    find: Callable[[], Path | FoundConfig | None], overrides: Iterable[str], environment: Mapping[str, str]
) -> Config:
    """Only `device` and `outbox` of a configuration, as far as they can be read: to find what runs, never to run it.

    Args:
        find: Says which file; it may raise ConfigError.
        overrides: As load_config.
        environment: As load_config.
    """
    document = Document()
    with contextlib.suppress(ConfigError):
        if (file := find()) is not None:
            path, data = file if isinstance(file, FoundConfig) else (file, _content(file))
            document = parse_document(data, path)
    override(document, overrides, environment)
    document.values = {name: document.values[name] for name in ("device", "outbox") if name in document.values}
    return validate(document) or Config()


def usable(document: Document) -> Config:
    """The configuration in a document without a mistake. Raises ConfigError: it has some."""
    config = validate(document)
    if config is None or document.mistakes:
        raise unusable(document.mistakes)
    return config


def override(document: Document, overrides: Iterable[str], environment: Mapping[str, str]) -> set[str]:
    """Put `--set` and the environment over what a file says, as `load_config` does; returns the keys concerned."""
    given: set[str] = set()
    for name, text in sorted(environment.items()):
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        section, _, rest = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("_")
        if "__" not in name and section in Config.model_fields and rest:
            meant = f"{ENVIRONMENT_PREFIX}{section}__{rest}".upper()
            document.mistakes.append(
                Mistake(f"environment {name}", "", f"write {meant}, with two underscores after the section")
            )
        elif "__" in name or (section in Config.model_fields and not names_below(rule_of((section,)))):
            key = tuple(name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"))
            _override(document, key, text, f"environment {name}")
            given.add(".".join(key))
    for each in overrides:
        dotted, equals, text = each.partition("=")
        if not equals:
            document.mistakes.append(Mistake(f"--set {shown_key(each)}", "", "write section.key=value"))
            continue
        _override(document, tuple(dotted.strip().split(".")), text, f"--set {shown_key(dotted.strip())}")
        given.add(dotted.strip())
    return given


def validate(document: Document) -> Config | None:
    """The configuration, None where nothing can be made of it; `document.mistakes` gains what is wrong.

    With mistakes it is what remains without the wrong keys: to show something, never to run.
    """
    values = copy.deepcopy(document.values)
    while True:
        try:
            return Config.model_validate(values)
        except ValidationError as error:
            found: list[dict[str, Any]] = [dict(detail) for detail in error.errors()]
            document.mistakes += [explain(document, detail) for detail in found]
            # Rules that join several keys run only when each key is right: drop the wrong ones and look again.
            if not all(detail["loc"] and _drop(values, detail["loc"]) for detail in found):
                return None


def _drop(values: dict[str, Any], loc: tuple[Any, ...]) -> bool:
    """Remove what stands at a place; False if nothing does, or it was removed with its section."""
    *sections, last = loc
    for name in sections:
        below = values.get(name, {})
        if not isinstance(below, dict):  # one wrong item takes all of its list along
            last = name
            break
        values = below
    return values.pop(last, None) is not None


def _content(path: Path) -> bytes:
    try:
        return read_file(path, MAX_BYTES)
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist", "name another one, or make it: edge setup --config FILE") from None
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{path} cannot be read", error.strerror or str(error))


def _override(document: Document, key: Key, text: str, place: str) -> None:
    rule = rule_of(key)
    value: Any = text
    if is_text(rule):  # as it was typed: `ethics vote #17` has no comment in it
        value = None if text in NULLS else text
    else:
        with contextlib.suppress(*YAML_ERRORS):
            value = load(text, rule)
    section = document.values
    for depth, name in enumerate(key[:-1]):
        if name not in section:
            section[name] = {}
            document.places.setdefault(key[: depth + 1], place)
        below = section[name]
        if not isinstance(below, dict):
            document.mistakes.append(Mistake(place, "", f"{name} is not a section"))
            return
        section = below
    section[key[-1]] = value
    document.places[key] = place
