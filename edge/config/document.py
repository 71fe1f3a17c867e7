"""What a configuration file says: its values, the line of every key, and what is wrong with them so far."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from edge.config.address_redaction import without_password
from edge.config.key_rules import rule_of
from edge.config.yaml_text import YAML_ERRORS, construct
from edge.errors import ConfigError
from edge.files.yaml_size import check_size
from edge.text import Sentence, printable

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
    problem: str | Sentence
    remedy: str | Sentence = ""
    joint: bool = False

    def __str__(self) -> str:
        told = self.joint or self.place == f"--set {shown_key(self.key)}"
        name = f"{shown_key(self.key)}: " if self.key and not told else ""
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


def unusable(mistakes: Iterable[Mistake]) -> ConfigError:
    """All that is wrong, as one error to be raised."""
    lines = [str(mistake) for mistake in mistakes]
    title = "the configuration has an error" if len(lines) == 1 else f"the configuration has {len(lines)} errors"
    if len(lines) > MOST_SHOWN:
        lines = [*lines[:MOST_SHOWN], "and others"]
    return ConfigError("\n  ".join([f"{title}:", *lines]))


def shown_key(key: str) -> str:
    """A key as somebody wrote it, fit for an error: it may be an address in the wrong place."""
    return printable(without_password(key), 80)


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
        other = "" if path.suffix in (".yaml", ".yml") else "is it a configuration of edge? "
        raise ConfigError(f"{path}{line} is not valid YAML", f"{other}{error.problem or error}") from None
    except YAML_ERRORS as error:
        raise ConfigError(f"{path} is not valid YAML", " ".join(str(error).split())) from None
    # An empty section (`deployment:` with nothing below) means its defaults.
    # A copy of each: sections that share an anchor must not share an override.
    document.values = {key: {} if value is None else copy.copy(value) for key, value in document.values.items()}
    return document


def cut_short(data: bytes, path: Path) -> Mistake | None:
    """What is wrong with a file that may have been cut short while it was saved; None: it ends as a whole one does.

    What is missing means its default: without the lost rest, such as privacy.schedule, the camera would be opened.
    """
    if not data.strip():
        return Mistake(str(path), "", "the file is empty", "if the defaults are meant, write a comment into it")
    if data.endswith((b"\n", b"\r")) or data.startswith(b"{"):  # JSON that is cut short is none
        return None
    return Mistake(
        f"{path}:{len(data.splitlines())}",
        "",
        "no line break at the end, as where a file was cut short while it was saved",
        f"see that nothing is missing, and add one: echo >> {shlex.quote(str(path))}",
    )


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
