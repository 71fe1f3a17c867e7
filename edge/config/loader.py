"""Read `config.yaml`, apply overrides, and explain every mistake at once: file, line, key, found, allowed."""

from __future__ import annotations

import contextlib
import copy
import difflib
import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from edge.config.address_redaction import without_password
from edge.config.key_rules import is_text, names_below, rule_of
from edge.config.schema import Config
from edge.config.yaml_text import NULLS, YAML_ERRORS, construct, load
from edge.errors import ConfigError
from edge.files.bounded_read import read_file
from edge.files.numbers import MISTAKEN
from edge.files.own_file import read_own_file
from edge.files.shipped import shipped
from edge.files.yaml_size import check_size
from edge.text import printable

ENVIRONMENT_PREFIX = "EDGE_"
MAX_BYTES = 1_000_000
MAX_ITEMS = 100  # of a list, whose lines are known
MOST_SHOWN = 50  # mistakes of one error
MOST_MISTAKES = 1000  # that are looked for
LONGEST_KEY = 100  # characters of one part; the longest of ours has 21

Key = tuple[str, ...]


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong.

    Attributes:
        place: Where it was found: `config.yaml:12`, `--set ...`, `environment ...`.
        key: The dotted key that it is about; empty: no key at all.
        problem: What is wrong; `str` puts place and key before it.
        remedy: What to write instead; may be empty.
        joint: Several keys together are wrong; `problem` names them.
    """

    place: str
    key: str
    problem: str
    remedy: str = ""
    joint: bool = False

    def __str__(self) -> str:
        name = f"{_named(self.key)}: " if self.key and not self.joint else ""
        return f"{self.place}: {name}{self.problem}{f'; {self.remedy}' if self.remedy else ''}"


@dataclass
class Document:
    """The values found, and for every key where it was found ("config.yaml:12", "--set", ...)."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Key, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def place(self, key: Key) -> str:
        """Where a key stands, or the nearest section around it."""
        while key and key not in self.places:
            key = key[:-1]
        return self.places.get(key, "configuration")


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
    file: Path | FoundConfig | None, overrides: Iterable[str] = (), environment: Mapping[str, str] | None = None
) -> Config:
    """Read and validate the configuration.

    Args:
        file: The YAML file, or what was found; None: the defaults, as of an empty file.
        overrides: `section.key=value` texts (--set); they win over the environment, which wins over the file.
        environment: Where `EDGE_SECTION__KEY` variables are looked up.

    Raises:
        ConfigError: Lists every mistake, one per line.
    """
    if isinstance(file, FoundConfig):
        document = parse_document(file.data, file.path)
    else:
        document = Document() if file is None else read_document(file)
    override(document, overrides, environment or {})
    return usable(document)


def usable(document: Document) -> Config:
    """The configuration in a document without a mistake. Raises ConfigError: it has some."""
    config = validate(document)
    if config is None or document.mistakes:
        raise unusable(document.mistakes)
    return config


def unusable(mistakes: Iterable[Mistake]) -> ConfigError:
    """All that is wrong, as one error to be raised."""
    lines = [str(mistake) for mistake in mistakes]
    title = "the configuration has an error" if len(lines) == 1 else f"the configuration has {len(lines)} errors"
    if len(lines) > MOST_SHOWN:
        lines = [*lines[:MOST_SHOWN], "and others"]
    return ConfigError("\n  ".join([f"{title}:", *lines]))


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
            document.mistakes.append(Mistake(f"--set {_named(each)}", "", "write section.key=value"))
            continue
        _override(document, tuple(dotted.strip().split(".")), text, f"--set {_named(dotted.strip())}")
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
        if isinstance(values.get(name), list):  # one wrong item takes all of its list along
            last = name
            break
        values = values.get(name, {})
    return values.pop(last, None) is not None


def read_document(path: Path) -> Document:
    """What a file says. Raises ConfigError: it cannot be read, or is not YAML."""
    try:
        data = read_file(path, MAX_BYTES)
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist", "name the configuration with --config FILE") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    return parse_document(data, path)


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{path} cannot be read", error.strerror or str(error))


def parse_document(data: bytes, path: Path) -> Document:
    """What the content of a file says; `path` is named in errors. Raises ConfigError: it is not YAML."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text", "save it as UTF-8") from None
    try:
        document = _parse(text, path)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line} is not valid YAML", f"{error.problem or error}") from None
    except YAML_ERRORS as error:
        raise ConfigError(f"{path} is not valid YAML", " ".join(str(error).split())) from None
    # An empty section (`deployment:` with nothing below) means its defaults.
    # A copy of each: sections that share an anchor must not share an override.
    document.values = {key: {} if value is None else copy.copy(value) for key, value in document.values.items()}
    return document


def _parse(text: str, path: Path) -> Document:
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        document = Document(places={(): str(path)})
        if root is None:
            return document
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(f"{path}:1 is not a list of sections", "write `section: {key: value}`")
        check_size(root, path)
        _mark(root, (), path, document)
        document.values = construct(loader, root, rule_of(()))
        return document
    finally:
        loader.dispose()


def _mark(node: yaml.MappingNode, above: Key, path: Path, document: Document) -> None:
    for name, value in node.value:
        key = (*above, str(name.value))
        place = f"{path}:{name.start_mark.line + 1}"
        if len(key[-1]) > LONGEST_KEY:
            raise ConfigError(f"{place}: a key has {len(key[-1]):,} characters", "is it a configuration of edge?")
        if len(document.mistakes) > MOST_MISTAKES:
            raise unusable(document.mistakes)
        if key in document.places:
            twice = f"written twice (first at {document.places[key]})"
            document.mistakes.append(Mistake(place, ".".join(key), twice))
        document.places[key] = place
        if isinstance(value, yaml.MappingNode) and len(key) < 4:
            _mark(value, key, path, document)
        if isinstance(value, yaml.SequenceNode) and len(key) < 3:
            for number, item in enumerate(value.value[:MAX_ITEMS]):
                below = (*key, str(number))
                document.places[below] = f"{path}:{item.start_mark.line + 1}"
                if isinstance(item, yaml.MappingNode):
                    _mark(item, below, path, document)


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


def explain(document: Document, detail: Mapping[str, Any]) -> Mistake:
    """What one pydantic error means."""
    key: Key = tuple(str(part) for part in detail["loc"])
    where, name = document.place(key), ".".join(key)
    if detail["type"] == "extra_forbidden":
        names = names_below(rule_of(key[:-1]))
        near = difflib.get_close_matches(key[-1], names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"allowed here: {', '.join(names)}"
        return Mistake(where, name, "unknown key", hint)
    if detail["type"] == "missing":
        return Mistake(where, name, "is missing", f"allowed: {_allowed(key)}")
    if detail["type"] == "value_error":
        text = str(detail["ctx"]["error"])
        found = f"found {_shown(detail['input'])}; " if isinstance(detail["input"], str) else ""
        if not name and (about := re.search(r"[a-z_]+\.[a-z_]+", text)):  # a rule that joins two sections
            return Mistake(document.place(tuple(about[0].split("."))), about[0], text, joint=True)
        return Mistake(where, name, f"{found}{text}" if name else text)
    remedy = f"allowed: {_allowed(key)}"
    if detail["type"] == MISTAKEN and re.match(r"[-+]?0\d", str(detail["input"])):
        remedy = f"leave the zero in front out; {remedy}"
    return Mistake(where, name, f"found {_shown(detail['input'])}", remedy)


def _named(key: str) -> str:
    """A key as somebody wrote it, fit for an error: it may be an address in the wrong place."""
    return printable(without_password(key), 80)


def _shown(value: object) -> str:
    # A short form by construction: the whole one of a file full of anchors might never end.
    shorten = reprlib.Repr()
    shorten.maxlevel, shorten.maxstring, shorten.maxother, shorten.maxlong = 2, 200, 80, 40
    try:
        text = without_password(shorten.repr(without_password(value) if isinstance(value, str) else value))
    except ValueError:  # Python refuses to write out integers of thousands of digits
        text = f"a {type(value).__name__} that is too long to show"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _allowed(key: Key) -> str:
    """What a key may hold, from its own declaration."""
    rule = rule_of(key)
    if not rule:
        return "nothing"
    kinds = [part for part in rule.get("anyOf", ()) if part.get("type") != "null"]
    rule = {**rule, **kinds[0]} if kinds else rule  # null leaves the key out
    if names := names_below(rule):
        return f"a section with the keys {', '.join(names)}"
    if choices := rule.get("enum"):
        kind = ", ".join(map(str, choices))
    else:
        named = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "array": "a list"}
        kind = named.get(rule.get("type", ""), "text")
    low, high = rule.get("minimum", rule.get("exclusiveMinimum")), rule.get("maximum")
    if low is not None and high is not None:
        kind += f" {'from' if 'minimum' in rule else 'above'} {low:g} to {high:g}"
    description = rule.get("description")
    return f"{kind} ({description})" if description else kind
