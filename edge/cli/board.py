"""The picture of `edge watch`: from what is known about the devices to tiles of text. Pure."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from edge.cli.columns import cell, fit, spread
from edge.cli.machine_lines import lasted, machine_lines, trouble_lines, version_line
from edge.cli.summary import (
    POINTS,
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
from edge.reporting.machine_report import MachineReport, in_order, matches, versions, words_of
from edge.text import percent, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from edge.cli.terminal_palette import Palette
    from edge.contract.payloads import WindowPayload

STATUS = {
    "running": ("●", "good"),
    "throttled": ("●", "warn"),
    "paused": ("■", "warn"),
    "camera lost": ("▲", "bad"),
    "offline": ("○", "bad"),
}
COMPACT = 6  # lines of a tile that has one bar for all emotions
MOST_NAMES = 10  # of rooms in one sentence
AHEAD = 5  # seconds that another machine's clock may be ahead of ours before it is worth a word
EIGHTHS = " ▏▎▍▌▋▊▉"
LEVELS = "▁▂▃▄▅▆▇█"


class View(NamedTuple):
    """What is asked for.

    Attributes:
        palette: Colours by name.
        machines: A table of machines, where figures would stand.
        only: `troubled`: no other rooms.
        find: Words that all have to stand in what is known of a room.
    """

    palette: Palette
    machines: bool = False
    only: str = ""
    find: str = ""


def render(
    devices: Iterable[Device],
    size: tuple[int, int],
    now: datetime,
    *,
    prefix: str,
    head: str,
    view: View,
    foot: str = "",
) -> RenderableType:
    """Draw all devices between a first line and, where something is wrong, a last one, for a terminal of this size.

    Troubled rooms come first, their troubles with remedies before all tiles.
    """
    width, height = size
    milliseconds = round(now.timestamp() * 1000)
    known = {device.name: device for device in devices}
    reports = in_order(device.report(milliseconds) for device in known.values())
    shown = [each for each in reports if wanted(each, view)]
    space = max(1, height - 2)
    lines: list[RenderableType] = [fit(Text(printable(head, 300), "bold"), width)]
    hidden = 0
    if view.machines and shown:
        table = machine_lines(shown, width, milliseconds, view.palette)
        lines += [*table[: space - 1], version_line(versions(reports), width)] if space > 1 else table[:space]
        foot = f"{'enlarge the terminal, or --find some   ' if len(table) >= space else ''}{foot}"
    elif shown:
        troubles = trouble_lines(shown, width, space // 3, view.palette)
        scene = _Scene(printable(prefix), now, view.palette)
        grid, hidden = _grid([known[each.name] for each in shown], width, max(1, space - len(troubles)), scene)
        lines += [*troubles, grid]
    elif known:
        lines.append(Text(f"\n{nobody_wanted([each.name for each in reports], view)}", "dim"))
    else:
        waiting = f"\nwaiting for a device to publish under {printable(prefix)}/"
        lines.append(Text(f"{waiting}\n(another broker? --broker mqtt://host:port)", "dim"))
    if hidden:
        foot = f"... and {hidden} more: enlarge the terminal, or --find some   {foot}"
    if foot:
        lines.append(fit(Text(printable(foot, 300), view.palette["warn"]), width))
    return Group(*lines)


def wanted(each: MachineReport, view: View) -> bool:
    """Whether a room is among those that are asked for."""
    return (each.level != "good" or view.only != "troubled") and matches(words_of(each), view.find)


def nobody_wanted(names: Sequence[str], view: View) -> str:
    """What to say where rooms are known, and none of them is among those that are asked for."""
    if not view.find:
        return "no room is in trouble"
    there = ", ".join(map(printable, names[:MOST_NAMES])) + (", ..." if len(names) > MOST_NAMES else "")
    troubled = "in trouble " if view.only == "troubled" else ""
    return f"no room {troubled}has {printable(view.find)!r} in its name, state or alerts; there are {there}"


class _Scene(NamedTuple):
    prefix: str
    now: datetime
    palette: Palette


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
    wide = width // columns
    tiles = [_tile(each, wide, rows, scene) if rows > 1 else _line_tile(each, wide, scene) for each in shown]
    table = Table.grid()
    for _ in range(columns):
        table.add_column(width=wide)
    for first in range(0, len(tiles), columns):
        table.add_row(*tiles[first : first + columns])
    return table, len(devices) - len(shown)


def _tile(device: Device, width: int, height: int, scene: _Scene) -> RenderableType:
    window, inner = device.window, width - 4
    lines = [_status_line(device, inner, scene)]
    if not device.at_work:  # what it said last is not how it is
        lines.append(Text("no current figures", "dim"))
    elif window is None or window.faces.mean is None:
        lines.append(Text(f"no figures: {withheld_reason(window)}" if window else "no window yet", "dim"))
    else:
        told = Text(faces(window), "bold")
        lines.append(spread(told, _sparkline(device.means, inner - told.cell_len - 1, scene), inner))
        if height > COMPACT:
            lines += [_bar_line(bar, inner, scene) for bar in bars(window)]
            lines.append(_remark(window, inner))
        elif bars(window):
            lines += [_stacked_bar(bars(window), inner, scene), fit(_largest(window), inner)]
        else:
            lines.append(_remark(window, inner))
    remarks = Text(", ".join(notes(window)), scene.palette["warn"]) if window and notes(window) else None
    return Panel(
        Text("\n").join(lines),
        title=Text(f"{scene.prefix}/{printable(device.name)}", "bold"),
        subtitle=fit(remarks, width - 6) if remarks else None,
        width=width,
        height=height,
        style=_freshness(device, scene.now),
        border_style=_status(device, scene.palette)[1],
    )


def _line_tile(device: Device, width: int, scene: _Scene) -> RenderableType:
    window = device.window
    dot, style = _status(device, scene.palette)
    left = Text.assemble((dot, style), " ", cell(printable(device.name), 12), " ")
    if window is None or not device.at_work:
        left.append(device.status, style)
    elif window.faces.mean is None:
        left.append(withheld_reason(window), "dim")
    else:
        left.append(f"{window.faces.mean:5.1f}  ", "bold").append_text(_largest(window))
    if window and notes(window, small=False):
        left.append("  !", scene.palette["warn"])
    row = spread(left, Text(_age(window, scene.now) if window else "", "dim"), width - 1)
    row.stylize(_freshness(device, scene.now))
    return row


def _status(device: Device, palette: Palette) -> tuple[str, str]:
    """A sign, and its style."""
    sign, colour = STATUS.get(device.status, ("?", ""))
    return sign, palette.get(colour, "dim")


def _status_line(device: Device, width: int, scene: _Scene) -> Text:
    dot, style = _status(device, scene.palette)
    now = scene.now
    reason = printable(device.state.reason) if device.state and device.status not in ("running", "offline") else ""
    left = Text(f"{dot} {device.status}", style).append(f": {reason}" if reason else "", "dim")
    window = device.window
    right = f"{end_of(window):%H:%M:%SZ}  age {_age(window, now)}" if window else ""
    return spread(left, Text(right, "dim"), width)


def _freshness(device: Device, now: datetime) -> str:
    """Outdated figures must not look current."""
    window = device.window
    stale = window is None or (now - end_of(window)).total_seconds() > 3 * window.window.seconds
    return "dim" if stale or device.online is False else ""


def _age(window: WindowPayload, now: datetime) -> str:
    seconds = math.floor((now - end_of(window)).total_seconds())
    return "in the future" if seconds < -AHEAD else lasted(seconds)


def _largest(window: WindowPayload) -> Text:
    """The emotions in words, the most frequent first."""
    named = sorted((bar for bar in bars(window) if bar.share), key=lambda bar: -bar.share)
    return Text("  ").join(Text(f"{bar.name} {percent(bar.share)}") for bar in named[:3])


def _remark(window: WindowPayload, width: int) -> Text:
    """How many faces are in no share, and where the shares come from; or why there are none."""
    unknown = unknown_people(window)
    if unknown is None:
        return fit(Text(part_withheld(window), "dim"), width)
    return spread(Text(f"unknown {unknown:.1f}", "dim"), Text(basis(window), "dim"), width)


def _bar_line(bar: Bar, width: int, scene: _Scene) -> Text:
    cells = max(1, width - 23)
    eighths = max(round(8 * cells * min(1.0, bar.share)), 1 if bar.share else 0)
    blocks = "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
    figures = f"{bar.people:6.1f} {percent(bar.share):>6}"
    return fit(Text.assemble(f"{bar.name:<9} ", (f"{blocks:<{cells}}", scene.palette[bar.colour]), figures), width)


def _stacked_bar(parts: Sequence[Bar], width: int, scene: _Scene) -> Text:
    text, done, edge = Text(), 0, 0.0
    for bar in parts:
        edge += bar.share * width
        cells = round(edge) - done
        text.append("█" * cells, scene.palette[bar.colour])
        done += cells
    return text


def _sparkline(means: dict[str, float | None], width: int, scene: _Scene) -> Text:
    """Mean faces of the last windows from 0 up to the largest; a hole where figures were withheld."""
    last = [means[end] for end in sorted(means)][-min(POINTS, max(1, width)) :]
    top = max((mean for mean in last if mean is not None), default=0.0) or 1.0
    marks = [" " if mean is None else LEVELS[min(7, int(8 * mean / top))] for mean in last]
    return Text("".join(marks), scene.palette["faces"])
