"""Every key of the configuration, dotted: what it is by default, and what nested values say of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from edge.config.document import Document
from edge.config.key_rules import names_below, rule_of
from edge.config.schema import Config


@cache
def keys() -> tuple[str, ...]:
    """Every key of the schema, dotted."""
    return tuple(
        f"{section}.{name}" if name else section
        for section in names_below(rule_of(()))
        for name in names_below(rule_of((section,))) or [""]
    )


@cache
def defaults() -> dict[str, Any]:
    """Every key with its default, as plain data."""
    dumped = Config().model_dump(mode="json", by_alias=True)
    return {key: found_in(dumped, key, None) for key in keys()}


def found_in(values: Mapping[str, Any], key: str, default: Any) -> Any:  # noqa: ANN401
    """What nested values say of a dotted key, else the default."""
    section, _, name = key.rpartition(".")
    holder: Any = values.get(section, {}) if section else values
    return holder.get(name, default) if isinstance(holder, dict) else default


def unknown_keys(document: Document) -> set[str]:
    """Keys that a file has and the schema has not."""
    known = set(keys())
    sections = {key.rpartition(".")[0] for key in known} - {""}
    found: set[str] = set()
    for name, value in document.values.items():
        if name in sections and isinstance(value, dict):
            found |= {f"{name}.{key}" for key in value} - known
        elif name not in known | sections:
            found.add(str(name))
    return found
