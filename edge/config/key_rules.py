"""What the schema says of each key of the configuration, and of each item of a list in it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any

from edge.config.schema import Config

Rule = dict[str, Any]
"""The JSON Schema of one key, or of one item of a list; empty where nothing is known."""


@functools.cache
def _root() -> Rule:
    return Config.model_json_schema()


def rule_of(key: Iterable[str]) -> Rule:
    """The rule of one key, named from the top: ("privacy", "schedule", "0", "from")."""
    return functools.reduce(below, key, _root())


def is_text(rule: Rule) -> bool:
    """Whether a key holds text."""
    return any(part.get("type") == "string" for part in _parts(rule))


def is_number(rule: Rule) -> bool:
    """Whether a key holds a number."""
    return any(part.get("type") in ("integer", "number") for part in _parts(rule))


def names_below(rule: Rule) -> list[str]:
    """The keys of a section, or of all sections, in order; none where it is no section."""
    return [name for part in _parts(rule) for name in part.get("properties", ())]


def below(rule: Rule, name: str) -> Rule:
    """The rule of a key of a section, or of an item of a list."""
    found: Rule
    for part in _parts(rule):
        if found := part.get("properties", {}).get(name) or (part.get("items", {}) if name.isdigit() else {}):
            return found
    return {}


def _parts(rule: Rule) -> Iterator[Rule]:
    """The rule itself and all that it names or chooses from."""
    yield rule
    if reference := rule.get("$ref"):
        yield from _parts(_root()["$defs"][reference.rpartition("/")[2]])
    for key in ("anyOf", "allOf", "oneOf"):
        for each in rule.get(key, ()):
            yield from _parts(each)
