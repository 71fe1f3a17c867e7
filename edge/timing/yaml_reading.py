"""Reads a YAML file that people write, and remembers every mistake: file, line, key, what was found, what to write.

Scalars are the characters that were typed: YAML would read 12:30 as 750.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from edge.errors import ConfigError
from edge.files.bounded_read import read_file
from edge.files.yaml_size import check_size
from edge.text import printable

MAX_BYTES = 1_000_000
MOST_PROBLEMS = 50  # that are told
MOST_ITEMS = 5000  # of a list or section
YAML_ERRORS = (yaml.YAMLError, ValueError, RecursionError)


@dataclass
class Reading:
    """The file that is read, and its mistakes.

    Attributes:
        path: The file.
        problems: The first mistakes, as they are told.
        count: Of all that have a line.
    """

    path: Path
    problems: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, node: yaml.Node, key: str, problem: str) -> None:
        """Remember a mistake: of a key, and what to write instead."""
        self.count += 1
        if self.count <= MOST_PROBLEMS:
            self.problems.append(f"{self.path}:{node.start_mark.line + 1}: {key}: {problem}")

    def section(self, node: yaml.Node, key: str, allowed: tuple[str, ...] | None) -> Iterator[tuple[str, yaml.Node]]:
        """The keys of a section and what stands behind them."""
        if _empty(node):
            return
        if not isinstance(node, yaml.MappingNode):
            self.add(node, key, f"found {_shown(node)}; write `key: value` lines below it")
            return
        found: set[str] = set()
        for name, value in self._bounded(node, key, node.value):
            text = str(name.value) if isinstance(name, yaml.ScalarNode) else "?"
            below = f"{key}.{printable(text)}" if key != "timetable" else printable(text)
            if text in found:
                self.add(name, below, "written twice; keep one of them")
            elif allowed is not None and text not in allowed:
                near = difflib.get_close_matches(text, allowed, n=1)
                hint = f"did you mean {near[0]}?" if near else f"allowed here: {', '.join(allowed)}"
                self.add(name, below, f"unknown key; {hint}")
            else:
                found.add(text)
                yield text, value

    def items(self, node: yaml.Node, key: str) -> Iterator[yaml.Node]:
        """The items of a list."""
        if _empty(node):
            return
        if isinstance(node, yaml.SequenceNode):
            yield from self._bounded(node, key, node.value)
        else:
            self.add(node, key, f"found {_shown(node)}; write a list, each item behind a dash")

    def text(self, node: yaml.Node | None, key: str) -> str | None:
        """A scalar as it was typed; None, with a problem, for anything else."""
        if isinstance(node, yaml.ScalarNode):
            return str(node.value).strip()
        if node is not None:
            self.add(node, key, f"found {_shown(node)}; write text")
        return None

    def _bounded(self, node: yaml.Node, key: str, items: list) -> Iterator:  # type: ignore[type-arg]
        if len(items) > MOST_ITEMS:
            self.add(node, key, f"has {len(items):,} entries; at most {MOST_ITEMS:,} are read")
        yield from items[:MOST_ITEMS]


def compose(path: Path) -> yaml.Node | None:
    """What a timetable holds; None: nothing. Raises ConfigError where it cannot be read."""
    try:
        text = read_file(path, MAX_BYTES).decode("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist", "name the timetable with --timetable FILE") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text", "save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", error.strerror or str(error)) from None
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        if root is not None:
            check_size(root, path)
        return root  # noqa: TRY300 - what checks it raises RecursionError, too
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line} is not valid YAML", f"{error.problem or error}") from None
    except YAML_ERRORS as error:
        raise ConfigError(f"{path} is not valid YAML", " ".join(str(error).split())) from None


def _empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value in ("", "~", "null")


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return repr(printable(str(node.value), 40))
    return "a list" if isinstance(node, yaml.SequenceNode) else "a section"
