"""The picture of `edge watch`: from what is known about the devices to tiles of text. Pure."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import set_cell_size
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from edge.cli.summary import (
    Bar,
    Device,
    bars,
    basis,
    faces,
    notes,
    part_withheld,
    unknown_people,
    withheld_reason,
)
from edge.contract.validation import end_of
from edge.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from edge.contract.payloads import WindowPayload

STATUS = {
    "running": ("●", "green"),
    "throttled": ("●", "yellow"),
    "paused": ("■", "yellow"),
    "camera lost": ("▲", "red"),
    "offline": ("○", "red"),
}
POINTS = 60  # windows in the line of mean faces
COMPACT = 6  # lines of a tile that has one bar for all emotions
AHEAD = 5  # seconds that another machine's clock may be ahead of ours before it is worth a word
EIGHTHS = " ▏▎▍▌▋▊▉"
LEVELS = "▁▂▃▄▅▆▇█"


def render(
    devices: Iterable[Device], size: tuple[int, int], now: datetime, *, prefix: str, head: str, foot: str = ""
) -> RenderableType:
    """Draw all devices between a first line and, where something is wrong, a last one, for a terminal of this size."""
    width, height = size
    ordered = sorted(devices, key=lambda device: _natural(device.name))
    grid, hidden = _grid(ordered, width, max(1, height - 2), _Scene(printable(prefix), now))
    if hidden:
        foot = f"... and {hidden} more: enlarge the terminal, or name some with --device   {foot}"
    waiting = (
        f"\nwaiting for a device to publish under {printable(prefix)}/\n(another broker? --broker mqtt://host:port)"
    )
    body = grid if ordered else Text(waiting, "dim")
    lines: list[RenderableType] = [_fit(Text(printable(head, 300), "bold"), width), body]
    if foot:
        lines.append(_fit(Text(printable(foot, 300), "yellow"), width))
    return Group(*lines)


class _Scene(NamedTuple):
    prefix: str
    now: datetime


def _grid(devices: Sequence[Device], width: int, height: int, scene: _Scene) -> tuple[Table, int]:
    """The most detailed tiles that fit, and how many devices did not."""
    most = max((len(bars(device.window)) for device in devices if device.window), default=0) + 1  # and the unknown
    columns, rows = 1, 1
    for narrowest, rows in ((38, max(8, most) + 4), (36, COMPACT), (39, 1)):
        columns = max(1, min(len(devices), width // narrowest))
        if math.ceil(len(devices) / columns) * rows <= height:
            break
    if rows == 1:
        columns = min(columns, math.ceil(len(devices) / height) or 1)
    shown = devices[: columns * max(1, height // rows)]
    cell = width // columns
    tiles = [_tile(each, cell, rows, scene) if rows > 1 else _line_tile(each, cell, scene) for each in shown]
    table = Table.grid()
    for _ in range(columns):
        table.add_column(width=cell)
    for first in range(0, len(tiles), columns):
        table.add_row(*tiles[first : first + columns])
    return table, len(devices) - len(shown)


def _tile(device: Device, width: int, height: int, scene: _Scene) -> RenderableType:
    window, inner = device.window, width - 4
    lines = [_status_line(device, inner, scene.now)]
    if not device.at_work:  # what it said last is not how it is
        lines.append(Text("no current figures", "dim"))
    elif window is None or window.faces.mean is None:
        lines.append(Text(f"no figures: {withheld_reason(window)}" if window else "no window yet", "dim"))
    else:
        lines.append(_spread(Text(faces(window), "bold"), _sparkline(device.means, inner - 22), inner))
        if height > COMPACT:
            lines += [_bar_line(bar, inner) for bar in bars(window)]
            lines.append(_remark(window, inner))
        elif bars(window):
            lines += [_stacked_bar(bars(window), inner), _fit(_largest(window), inner)]
        else:
            lines.append(_remark(window, inner))
    return Panel(
        Text("\n").join(lines),
        title=Text(f"{scene.prefix}/{printable(device.name)}", "bold"),
        subtitle=_fit(Text(", ".join(notes(window)), "yellow"), width - 6) if window and notes(window) else None,
        width=width,
        height=height,
        style=_freshness(device, scene.now),
        border_style=STATUS.get(device.status, ("", ""))[1],
    )


def _line_tile(device: Device, width: int, scene: _Scene) -> RenderableType:
    window = device.window
    dot, style = STATUS.get(device.status, ("?", "dim"))
    left = Text.assemble((dot, style), " ", set_cell_size(printable(device.name), 12), " ")
    if window is None or not device.at_work:
        left.append(device.status, style)
    elif window.faces.mean is None:
        left.append(withheld_reason(window), "dim")
    else:
        left.append(f"{window.faces.mean:5.1f}  ", "bold").append_text(_largest(window))
    if window and notes(window, small=False):
        left.append("  !", "yellow")
    row = _spread(left, Text(_age(window, scene.now) if window else "", "dim"), width - 1)
    row.stylize(_freshness(device, scene.now))
    return row


def _status_line(device: Device, width: int, now: datetime) -> Text:
    dot, style = STATUS.get(device.status, ("?", "dim"))
    reason = printable(device.state.reason) if device.state and device.status not in ("running", "offline") else ""
    left = Text(f"{dot} {device.status}", style).append(f": {reason}" if reason else "", "dim")
    window = device.window
    right = f"{end_of(window):%H:%M:%SZ}  age {_age(window, now)}" if window else ""
    return _spread(left, Text(right, "dim"), width)


def _freshness(device: Device, now: datetime) -> str:
    """Outdated figures must not look current."""
    window = device.window
    stale = window is None or (now - end_of(window)).total_seconds() > 3 * window.window.seconds
    return "dim" if stale or device.online is False else ""


def _age(window: WindowPayload, now: datetime) -> str:
    seconds = math.floor((now - end_of(window)).total_seconds())
    if seconds < -AHEAD:
        return "in the future"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{max(0, seconds)} s"


def _largest(window: WindowPayload) -> Text:
    """The emotions in words, the most frequent first."""
    named = sorted((bar for bar in bars(window) if bar.share), key=lambda bar: -bar.share)
    return Text("  ").join(Text(f"{bar.name} {100 * bar.share:.0f} %", bar.colour) for bar in named[:3])


def _remark(window: WindowPayload, width: int) -> Text:
    """How many faces are in no share, and where the shares come from; or why there are none."""
    unknown = unknown_people(window)
    if unknown is None:
        return _fit(Text(part_withheld(window), "dim"), width)
    return _spread(Text(f"unknown {unknown:.1f}", "dim"), Text(basis(window), "dim"), width)


def _bar_line(bar: Bar, width: int) -> Text:
    cells = max(1, width - 23)
    eighths = max(round(8 * cells * min(1.0, bar.share)), 1 if bar.share else 0)
    blocks = "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
    figures = f"{bar.people:6.1f} {100 * bar.share:4.0f} %"
    return _fit(Text.assemble(f"{bar.name:<9} ", (f"{blocks:<{cells}}", bar.colour), figures), width)


def _stacked_bar(parts: Sequence[Bar], width: int) -> Text:
    text, done, edge = Text(), 0, 0.0
    for bar in parts:
        edge += bar.share * width
        cells = round(edge) - done
        text.append("█" * cells, bar.colour)
        done += cells
    return text


def _sparkline(means: dict[str, float | None], width: int) -> Text:
    """Mean faces of the last windows from 0 up to the largest; a hole where figures were withheld."""
    last = [means[end] for end in sorted(means)][-min(POINTS, max(1, width)) :]
    top = max((mean for mean in last if mean is not None), default=0.0) or 1.0
    marks = [" " if mean is None else LEVELS[min(7, int(8 * mean / top))] for mean in last]
    return Text("".join(marks), "cyan")


def _spread(left: Text, right: Text, width: int) -> Text:
    """Left and right in one line; the left gives way."""
    _fit(left, max(1, width - right.cell_len - 1))
    left.pad_right(max(1, width - left.cell_len - right.cell_len))
    return _fit(left.append_text(right), width)


def _fit(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    text.no_wrap = True
    return text


def _natural(name: str) -> list[tuple[int, str]]:
    """room-2 before room-10."""
    return [(int(part or 0), "") if part.isdecimal() else (0, part) for part in re.split("([0-9]+)", name)]
