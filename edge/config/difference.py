"""What would change in a configuration file, without what is secret in it.

Secrets are found where the parser finds their values: a value may be folded over several lines, or written in escapes.
Comments are no values, and looked at line by line.
"""

from __future__ import annotations

import bisect
import difflib
import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

import yaml

from edge.config.address_redaction import HIDDEN, without_password, without_secret_parts
from edge.config.yaml_editor import LOADER
from edge.config.yaml_text import YAML_ERRORS

ADDRESSES = ("source", "broker")  # keys whose text may hold a password
SECRET_NAME = re.compile(r"(?!.*_file$).*(pass|pwd|token|secret|auth)", re.IGNORECASE)
MARK = "\0"  # which no YAML file has


class _Span(NamedTuple):
    """Characters of a text, from `begin` until before `end`, and what is shown in their place."""

    begin: int
    end: int
    shown: str


def difference(before: str, after: str, name: str) -> str:
    """A unified diff without passwords.

    Args:
        before: The text of the file.
        after: What it will be.
        name: What the file is called in it.
    """
    # Lines are compared as they are: one of which only the secret changes is shown as changed.
    old, new = ([f"{shown}{MARK}{line}" for shown, line in _lines(text)] for text in (before, after))
    lines = difflib.unified_diff(old, new, name, f"{name} (new)", lineterm="")
    return "".join(f"{line.partition(MARK)[0]}\n" for line in lines)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """What may be shown of each line, and the line."""
    text = text.removeprefix("\ufeff")
    lines = text.splitlines(keepends=True)
    begins = [0, *itertools.accumulate(map(len, lines))]
    try:
        spans = _secrets(text)
    except YAML_ERRORS:  # who knows then what is secret?
        spans = [_Span(0, len(text), HIDDEN)]
    within: dict[int, list[_Span]] = {}
    for span in spans:
        last = bisect.bisect_right(begins, span.end - 1)
        for number in range(bisect.bisect_right(begins, span.begin) - 1, last):
            within.setdefault(number, []).append(span)
    for number, line in enumerate(lines):
        bare = "".join(line.splitlines())
        yield _without(bare, begins[number], within.get(number, [])), bare


def _without(line: str, begin: int, spans: list[_Span]) -> str:
    """A line, which begins at a place of the text, without the spans in it."""
    shown, place = "", 0
    for span in spans:
        start = span.begin - begin if span.begin >= begin else len(line) - len(line.lstrip())
        shown += _unsecret(line[place:start]) + span.shown
        place = span.end - begin
    return shown + _unsecret(line[place:])


def _secrets(text: str) -> list[_Span]:
    """Every value that may be a password, or have one in it, in the order of the text. Raises what PyYAML does."""
    found: dict[int, _Span] = {}
    seen: set[tuple[int, str]] = set()
    below: list[tuple[yaml.Node | None, str]] = [(yaml.compose(text, LOADER), "")]
    while below:
        node, key = below.pop()
        if node is None or (id(node), key) in seen:
            continue
        seen.add((id(node), key))  # an alias stands for the same node, maybe behind another key
        if isinstance(node, yaml.MappingNode):
            for name, value in node.value:
                own = str(name.value) if isinstance(name, yaml.ScalarNode) else ""
                below += [(name, ""), (value, key if SECRET_NAME.match(key) else own)]
        elif isinstance(node, yaml.SequenceNode):
            below += [(each, key) for each in node.value]
        elif isinstance(node, yaml.ScalarNode) and (shown := _shown(node.value, key)) != node.value:
            begin, end = node.start_mark.index, node.end_mark.index
            if node.style in ("|", ">"):
                end -= 1  # the line break behind it
            one_line = shown.isprintable() and "\n" not in text[begin:end]
            found[begin] = _Span(begin, end, shown if one_line else HIDDEN)
    return [found[begin] for begin in sorted(found)]


def _shown(value: str, key: str) -> str:
    """What may be shown of a value behind a key."""
    if SECRET_NAME.match(key):
        return HIDDEN if value else value
    return without_password(value) if key in ADDRESSES or "://" in value or "gstreamer:" in value else value


def _unsecret(part: str) -> str:
    """What is no secret value, comments above all, without what may be a password in it."""
    if "gstreamer:" in part:
        return without_password(part)
    head, mark, address = part.partition("://")
    if mark:
        scheme = re.search(r"[a-z]*$", head)
        start = scheme.start() if scheme else len(head)
        return head[:start] + without_password(f"{head[start:]}{mark}{address}")
    code, mark, comment = part.partition("#")
    if "@" in comment:  # the rest of an address that began in another line
        comment = without_password(comment)
    part = without_secret_parts(f"{code}{mark}{comment}")
    return re.sub(r"\b((?:password|passwd|pwd|token)\s*[:=]\s*)\S.*", r"\1***", part)
