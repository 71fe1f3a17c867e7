"""What `edge watch` says of machines: troubles with their remedies, and a table of all rooms. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.text import Text

from edge.cli.columns import cell, fit, widest
from edge.reporting.machine_report import MachineReport, Trouble, Version
from edge.text import counted, keep_units, printable

if TYPE_CHECKING:
    from edge.cli.terminal_palette import Palette

SIGNS = {"bad": "▲", "warn": "!", "good": "●"}
MOST_NAME = 24  # cells of a room's name
MOST_LINES = 3  # of one trouble
INDENT = "    "


class _Column(NamedTuple):
    title: str
    fact: str
    width: int


# What is left out first on a narrow terminal stands last.
COLUMNS = (
    _Column("unsent", "unsent", 8),
    _Column("°C", "temperature", 5),
    _Column("fps", "frames", 5),
    _Column("clock", "clock", 8),
    _Column("power", "power", 12),
    _Column("version", "version", 10),
)


def trouble_lines(reports: Sequence[MachineReport], width: int, height: int, palette: Palette) -> list[Text]:
    """One line for each trouble: the room, what is wrong, what to do.

    Args:
        reports: Troubled rooms first.
        width: Cells of a line.
        height: Lines at most; the last one then says how many rooms are left out.
        palette: Colours by name.
    """
    names = widest([printable(each.name) for each in reports if each.troubles], min(MOST_NAME, width // 3))
    lines: list[Text] = []
    troubled = [each for each in reports if each.troubles]
    for number, each in enumerate(troubled):
        own = _troubles(each, names, width, palette)
        if len(lines) + len(own) > height - (number + 1 < len(troubled)):
            rest = len(troubled) - number
            return [*lines, fit(Text(f"... and {rest} more in trouble: edge watch --machines --only troubled"), width)][
                :height
            ]
        lines += own
    return lines


def machine_lines(reports: Sequence[MachineReport], width: int, now: int, palette: Palette) -> list[Text]:
    """A table of the machines of all rooms; below each troubled one what is wrong, and what to do."""
    names = max(4, widest([printable(each.name) for each in reports], min(MOST_NAME, width // 3)))
    columns, left = [], width - 2 - names - 1 - 12 - 8
    for column in COLUMNS:
        if left >= column.width + 1:
            columns.append(column)
            left -= column.width + 1
    head = f"  {cell('room', names)} {cell('state', 12)}"
    head += "".join(f" {cell(column.title, column.width)}" for column in columns) + " seen"
    lines = [fit(Text(head, "bold"), width)]
    for each in reports:
        line = Text.assemble((SIGNS[each.level], palette[each.level]), " ", cell(printable(each.name), names))
        line.append(f" {cell(each.status.replace('_', ' '), 12)}")
        for column in columns:
            fact = each.fact(column.fact)
            text = cell(keep_units(_short(column.fact, fact.text)), column.width)
            line.append(" ").append(text, "" if fact.level == "good" else palette[fact.level])
        lines.append(fit(line.append(f" {ago(each.seen, now)}"), width))
        for trouble in each.troubles:
            lines += _remedied(Text(INDENT), trouble, width, 2 * MOST_LINES)
    return lines


def version_line(found: Sequence[Version], width: int) -> Text:
    """How many rooms run which version; of the older ones, which rooms."""
    parts = [f"{each.version or 'not known'} in {counted(len(each.rooms), 'room')}" for each in found]
    old = [f"{each.version}: {', '.join(printable(name) for name in each.rooms)}" for each in found if each.older]
    text = f"versions: {', '.join(parts)}" + (f"; to upgrade: {'; '.join(old)}" if old else "")
    return fit(Text(text, "dim"), width)


def ago(then: int | None, now: int) -> str:
    """How long ago a time in milliseconds was."""
    return "?" if then is None else lasted((now - then) // 1000)


def lasted(seconds: int) -> str:
    """A length of time, in the largest unit of which it has two."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return keep_units(f"{seconds // length} {unit}")
    return keep_units(f"{max(0, seconds)} s")


def _troubles(each: MachineReport, names: int, width: int, palette: Palette) -> list[Text]:
    lines = []
    for number, trouble in enumerate(each.troubles):
        name = cell(printable(each.name) if number == 0 else "", names)
        first = Text.assemble((SIGNS[trouble.level], palette[trouble.level]), f" {name} ")
        lines += _remedied(first, trouble, width, MOST_LINES)
    return lines


def _remedied(first: Text, trouble: Trouble, width: int, most: int) -> list[Text]:
    """A trouble and its remedy after the beginning of a line, under which the further lines begin, too."""
    indent = first.cell_len
    said = Text.assemble((_words(trouble.problem), "bold"), f" → {_words(trouble.remedy)}")
    lines = said.wrap(Console(width=width), max(1, width - indent))[:most]
    return [fit(Text.assemble(first if at == 0 else " " * indent, line), width) for at, line in enumerate(lines)]


def _words(text: object) -> str:
    return keep_units(printable(str(text), 400)).rstrip(".")


def _short(key: str, text: object) -> str:
    """A fact in few cells: the number alone, where the head of the column says of what."""
    words = "-" if text is None else str(text)
    return words.split(" ")[0] if key in ("frames", "temperature", "unsent") else words.partition(";")[0]
