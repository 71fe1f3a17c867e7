"""Change keys of a `config.yaml`, and keep every other character of it: comments, order, quotes, anchors, columns.

PyYAML says where each value stands, and only that place is written anew: the round trip of a library (ruamel.yaml was
tried) also writes `null` as nothing, moves comments to another section and forgets anchors. The result is read by our
own loader, and used only if that finds exactly what was meant.
"""

from __future__ import annotations

import functools
import math
import re
from pathlib import Path
from typing import Any

import yaml
from yaml import CollectionNode, MappingNode, Node, ScalarNode, YAMLError

from edge.config.document import parse_document
from edge.config.draft import Edits
from edge.config.keys import defaults, found_in, keys, unknown_keys
from edge.errors import ConfigError
from edge.text import Sentence

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, which not every PyYAML has, is ten times as fast

DEFAULTS = "# all as shipped\n"  # an empty file would be refused


def edited(text: str, edits: Edits, template: str, path: Path) -> str:
    """The text of a configuration file with some keys changed.

    Args:
        text: What the file holds.
        edits: What is changed.
        template: The shipped file; a key that `text` does not have brings its comment along from there.
        path: The file, for errors.

    Raises:
        ConfigError: It is written in a way in which a key cannot be changed alone.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    lines = "\r\n" if "\r\n" in text else "\n"
    new = text.removeprefix(mark).replace("\r\n", "\n")
    try:
        for key, value in edits.values.items():
            new = _set(new, tuple(key.split(".")), value, _comment(template, key))
        for key in edits.removed:
            new = _remove(new, tuple(key.split(".")))
        if not new.strip():
            new = DEFAULTS
        if not new.endswith("\n"):
            new += "\n"  # the sign of a file that was not cut short
        new = mark + new.replace("\n", lines)
        _verify(text, new, edits, path)
    except (YAMLError, ValueError, AttributeError) as error:
        names = ", ".join([*edits.values, *edits.removed])
        values = {"file": str(path), "keys": names}
        raise ConfigError(
            Sentence("{file} is written in a way in which {keys} cannot be changed from here", values),
            Sentence("change it in the file by hand, and open this page again"),
        ) from error
    return new


def as_yaml(values: dict[str, Any]) -> str:
    """Dotted keys as the text of a configuration file, one polygon or pause in a line."""
    text = ""
    for key, value in values.items():
        text = _set(text, tuple(key.split(".")), value, "")
    return text or DEFAULTS


def _verify(before: str, after: str, edits: Edits, path: Path) -> None:
    """Raises ValueError unless our loader finds in the new text what was in the old one, and the edits."""
    old = parse_document(before.encode(), path)
    try:
        new = parse_document(after.encode(), path)
    except ConfigError as error:
        raise ValueError(error.problem) from None
    if unknown_keys(new) != unknown_keys(old) - set(edits.removed):
        raise ValueError("other keys have changed")
    for key in keys():
        default = defaults()[key]
        meant = edits.values.get(key, found_in(old.values, key, default))
        got = found_in(new.values, key, default)
        if got != meant and not (got != got and meant != meant):  # noqa: PLR0124 - not-a-number is never equal to itself
            raise ValueError(f"{key} would be {got!r}")


# Where a value stands


@functools.lru_cache(maxsize=4)  # the shipped file is asked for the comment of every key
def _compose(text: str) -> Node | None:
    root = yaml.compose(text, LOADER)
    if root is not None and not isinstance(root, MappingNode):
        raise ValueError("not a list of sections")
    return root


def _pair(section: Node | None, name: str) -> tuple[ScalarNode, Node] | None:
    for key, value in getattr(section, "value", None) or ():
        if isinstance(key, ScalarNode) and key.value == name:
            return key, value
    return None


def _end(node: Node) -> int:
    """Where the text of a node ends: the parser's mark of a block stands at what follows, after comments."""
    if isinstance(node, CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        if isinstance(last, tuple):
            return max(_end(last[0]), _end(last[1]) if _own(last) else _end(last[0]))
        return _end(last)
    end: int = node.end_mark.index
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        end -= 1  # its last line belongs to it with the line break
    return end


def _own(pair: tuple[Node, Node]) -> bool:
    """Whether the value stands behind its key, and is not an alias of something before it."""
    own: bool = pair[1].start_mark.index >= pair[0].end_mark.index
    return own


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def _comment(template: str, key: str) -> str:
    """The comment at the end of a key's line in the shipped file."""
    section, _, name = key.rpartition(".")
    root = _compose(template)
    holder = _pair(root, section) if section else None
    pair = _pair(holder[1] if holder else root, name)
    if pair is None:
        return ""
    end = _end(pair[1])
    found = re.match(r"\s+#[^\n]*", template[end : _line_end(template, end)])
    return found[0] if found else ""


# What is written there


def _inline(value: object) -> str:
    """A value in one line; also YAML 1.1 reads text as text."""
    style = '"' if isinstance(value, str) and not value.isprintable() else None
    listed = yaml.safe_dump([value], default_flow_style=True, width=math.inf, allow_unicode=True, default_style=style)
    return str(listed).strip()[1:-1]


def _lines(value: object) -> list[str]:
    """What stands below its key, an item in each line: polygons, pauses. Empty: the value stands behind its key."""
    if not isinstance(value, list) or not value:
        return []
    if all(
        isinstance(each, dict) or (isinstance(each, list) and any(isinstance(p, list) for p in each)) for each in value
    ):
        return [f"- {_inline(each)}" for each in value]
    return []


def _entry(name: str, value: object, indent: str, comment: str) -> str:
    """A new line of a block, with what stands below it."""
    below = _lines(value)
    if below:
        return "\n".join([f"{indent}{name}:{comment}", *(f"{indent}  {line}" for line in below)])
    return f"{indent}{name}: {_inline(value)}{comment}"


def _set(text: str, key: tuple[str, ...], value: object, comment: str) -> str:
    """Write a value behind its key, and the key where it belongs if it is not there."""
    root = _compose(text)
    pair = _pair(root, key[0])
    if len(key) == 1:
        return _replace(text, pair, value, 0) if pair else _append(text, _entry(key[0], value, "", comment))
    if pair is None:
        return _append(text, f"{key[0]}:\n{_entry(key[1], value, '  ', comment)}")
    if not _own(pair):
        raise ValueError("the section is an alias")
    section = pair[1]
    if isinstance(section, ScalarNode):  # `deployment:` with nothing, or null, behind it
        bare = text[: section.start_mark.index].rstrip(" ") + text[section.end_mark.index :]
        return _insert_line(bare, pair[0].end_mark.index, _entry(key[1], value, "  ", comment))
    if not isinstance(section, MappingNode):
        raise ValueError("the section is a list")  # noqa: TRY004 - our caller explains one kind of error
    return (_set_in_braces if section.flow_style else _set_in_block)(text, section, key[1], value, comment)


def _set_in_braces(text: str, section: MappingNode, name: str, value: object, _comment: str) -> str:
    pair = _pair(section, name)
    if pair is not None:
        return _splice(text, *_span(text, pair), _inline(value))
    end = section.end_mark.index - 1
    comma = ", " if section.value and not text[:end].rstrip().endswith(",") else ""
    return _splice(text, len(text[:end].rstrip()), end, f"{comma}{name}: {_inline(value)}")


def _set_in_block(text: str, section: MappingNode, name: str, value: object, comment: str) -> str:
    column = section.value[0][0].start_mark.column
    pair = _pair(section, name)
    if pair is not None:
        return _replace(text, pair, value, column)
    return _insert_line(text, _end(section), _entry(name, value, " " * column, comment))


def _span(text: str, pair: tuple[ScalarNode, Node]) -> tuple[int, int]:
    """Where a value's text begins and ends."""
    if _own(pair):
        return pair[1].start_mark.index, _end(pair[1])
    alias = re.compile(r"\s*:\s*(\*[^\s,\]}]+)").match(text, pair[0].end_mark.index)
    if alias is None:
        raise ValueError("a value is nowhere to be found")
    return alias.span(1)


def _replace(text: str, pair: tuple[ScalarNode, Node], value: object, column: int) -> str:
    """Another value behind a key of a block."""
    start, end = _span(text, pair)
    colon = text.index(":", pair[0].end_mark.index) + 1
    below, behind = _lines(value), "\n" not in text[colon:start]
    new = "\n".join(f"{' ' * column}  {line}" for line in below)
    if behind and not below:
        space = "" if text[colon:start].endswith(" ") else " "
        return _splice(text, start, end, f"{space}{_quoted_as(text[start:end], value)}", keep_column=True)
    if behind:
        return _insert_line(text[:start].rstrip(" ") + text[end:], colon, new)
    first = text.rindex("\n", 0, start) + 1  # the old value stands in lines of its own
    rest = _splice(text, first, min(_line_end(text, end) + 1, len(text)), f"{new}\n" if below else "")
    return rest if below else _splice(rest, colon, colon, f" {_inline(value)}")


def _quoted_as(old: str, value: object) -> str:
    """The new value in the quotes of the old one."""
    if isinstance(value, str) and value.isprintable() and old[:1] in ("'", '"'):
        return str(yaml.safe_dump(value, default_style=old[0], width=math.inf, allow_unicode=True)).rstrip("\n")
    return _inline(value)


def _splice(text: str, start: int, end: int, new: str, *, keep_column: bool = False) -> str:
    """Other characters between two places; a comment behind them stays in its column where there is room."""
    rest = text[end:]
    if keep_column and "\n" not in text[start:end] and (gap := re.match(r"( +)#", rest)):
        rest = " " * max(1, len(gap[1]) - (len(new) - (end - start))) + rest[gap.end(1) :]
    return text[:start] + new + rest


def _insert_line(text: str, place: int, line: str) -> str:
    """A line after the one in which a place lies."""
    end = _line_end(text, place)
    return f"{text[:end]}\n{line}{text[end:]}"


def _append(text: str, entry: str) -> str:
    """Something at the end, after an empty line."""
    body = text.rstrip("\n")
    return f"{body}\n\n{entry}\n" if body else f"{entry}\n"


def _remove(text: str, key: tuple[str, ...]) -> str:
    root = _compose(text)
    holder = _pair(root, key[0]) if len(key) > 1 else None
    section = holder[1] if holder else root
    pair = _pair(section, key[-1])
    if pair is None:
        raise ValueError("there is no such key")
    start, end = pair[0].start_mark.index, max(pair[0].end_mark.index, _span(text, pair)[1])
    if getattr(section, "flow_style", False):
        after = re.compile(r"\s*,\s*").match(text, end)
        before = re.search(r"\s*,\s*$", text[:start])
        return (
            _splice(text, start, after.end(), "")
            if after
            else _splice(text, before.start() if before else start, end, "")
        )
    first = text.rfind("\n", 0, start) + 1
    return _splice(text, first, min(_line_end(text, end) + 1, len(text)), "")
