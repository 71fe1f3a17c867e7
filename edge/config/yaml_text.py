"""YAML read by the schema: a scalar of a text key is the characters that were typed, not what YAML makes of them.

YAML 1.1 reads an unquoted 0123 as 83, 1.10 as 1.1, 12:30 as 750, and no as false. Only its null stays null. Under a key
for a number these characters stay text, too, unless they are a number to people: the schema then refuses them.
"""

from __future__ import annotations

from typing import Any

import yaml

from edge.config.key_rules import Rule, below, is_number, is_text
from edge.files.numbers import WRITTEN

# What PyYAML's constructors raise for a scalar that is not what its tag or its look says.
YAML_ERRORS = (yaml.YAMLError, ValueError, RecursionError, KeyError, AttributeError, TypeError, OverflowError)
NULLS = ("", "~", "null", "Null", "NULL")  # what YAML reads as null
_TAG = "tag:yaml.org,2002:"


def construct(loader: yaml.SafeLoader, node: yaml.Node | None, rule: Rule) -> Any:  # noqa: ANN401 - any YAML
    """The value of a node, with text as it was typed (see above); raises what PyYAML does."""
    return None if node is None else loader.construct_document(_Reader().read(node, rule))


def load(text: str, rule: Rule) -> Any:  # noqa: ANN401 - any YAML
    """The value of a YAML document; raises what PyYAML does."""
    loader = yaml.SafeLoader(text)
    try:
        return construct(loader, loader.get_single_node(), rule)
    finally:
        loader.dispose()


def former_reading(text: str) -> str:
    """What edge 0.1 took for the text of an unquoted scalar: a number in its usual spelling."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        if not isinstance(node, yaml.ScalarNode) or node.value != text:  # it cannot stand there without quotes
            return text
        value = yaml.safe_load(text)
    except YAML_ERRORS:
        return text
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else text


class _Reader:
    """Copies nodes; one that is reached twice by the same rule, through an alias, is copied once."""

    def __init__(self) -> None:
        self._copies: dict[tuple[int, int], yaml.Node] = {}

    def read(self, node: yaml.Node, rule: Rule) -> yaml.Node:
        if not rule:
            return node
        reached = (id(node), id(rule))
        if reached not in self._copies:
            self._copies[reached] = self._copy(node, rule)
        return self._copies[reached]

    def _copy(self, node: yaml.Node, rule: Rule) -> yaml.Node:
        marks = node.start_mark, node.end_mark
        if isinstance(node, yaml.ScalarNode) and node.tag != f"{_TAG}null":
            mistaken = is_number(rule) and not WRITTEN.fullmatch(node.value)
            return _as_text(node) if is_text(rule) or mistaken else node
        if isinstance(node, yaml.SequenceNode):
            items = [self.read(item, below(rule, "0")) for item in node.value]
            return yaml.SequenceNode(node.tag, items, *marks)
        if isinstance(node, yaml.MappingNode):
            return yaml.MappingNode(node.tag, [self._pair(name, value, rule) for name, value in node.value], *marks)
        return node

    def _pair(self, name: yaml.Node, value: yaml.Node, rule: Rule) -> tuple[yaml.Node, yaml.Node]:
        if name.tag == f"{_TAG}merge":  # `<<: *other`: keys of this very section
            if isinstance(value, yaml.SequenceNode):
                merged = [self.read(each, rule) for each in value.value]
                return name, yaml.SequenceNode(value.tag, merged, value.start_mark, value.end_mark)
            return name, self.read(value, rule)
        if isinstance(name, yaml.ScalarNode):
            return _as_text(name), self.read(value, below(rule, name.value))
        return name, value


def _as_text(node: yaml.ScalarNode) -> yaml.ScalarNode:
    if not node.tag.startswith(_TAG):  # a tag of somebody's own is refused, not ignored
        return node
    return yaml.ScalarNode(f"{_TAG}str", node.value, node.start_mark, node.end_mark, node.style)
