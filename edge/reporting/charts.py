"""What every picture of a report is made of: axes of time, stacked shares, faces, and gaps that look like gaps."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator, PercentFormatter

from edge.contract.shares import Basis, ShareRange
from edge.languages.words import Words
from edge.reporting.gaps import Gap
from edge.reporting.palette import LIGHT, colours
from edge.reporting.totals import Totals
from edge.text import NO_BREAK, Sentence

SETTINGS: dict[Any, Any] = {
    "font.size": 10, "font.family": "sans-serif", "text.parse_math": False, "svg.fonttype": "none",
    "svg.hashsalt": "edge", "text.color": LIGHT["text"], "axes.labelcolor": LIGHT["soft"],
    "axes.edgecolor": LIGHT["line"], "axes.facecolor": LIGHT["card"], "figure.facecolor": LIGHT["card"],
    "xtick.color": LIGHT["soft"], "ytick.color": LIGHT["soft"], "grid.color": LIGHT["grid"],
    "axes.spines.top": False, "axes.spines.right": False, "hatch.linewidth": 0.7,
    "figure.constrained_layout.w_pad": 0.2, "figure.constrained_layout.h_pad": 0.06,
}  # fmt: skip
HATCHES = {"few_people": "....", "short": "....", "lost": "xxx"}
STEPS = (1 / 60, 1 / 30, 1 / 12, 1 / 6, 1 / 4, 1 / 2, 1, 2, 3, 6, 12)  # hours between ticks
MOST_TICKS = 12
WIDTHS = (10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds that are added up to one point
MOST_POINTS = 150
LEGEND, SIGN = 125, 4  # characters in a line; those that a sign and the space around it take

Content = TypeVar("Content")
Hours = Callable[[datetime], float]
"""Where a moment lies on an axis, in hours."""


def set_up() -> None:
    """Choose how everything looks."""
    mpl.use("Agg")
    mpl.rcParams.update(SETTINGS)
    warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # a room may have any name


def width_for(length: timedelta, most: int = MOST_POINTS) -> timedelta:
    """How long a stretch one point stands for."""
    seconds = next((width for width in WIDTHS if length.total_seconds() / width <= most), WIDTHS[-1])
    return timedelta(seconds=seconds)


def time_axis(axes: Axes, first: float, last: float) -> None:
    """Label hours as times of day."""
    step = next((step for step in STEPS if (last - first) / step <= MOST_TICKS), STEPS[-1])
    axes.set_xlim(first, last)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda hours, _: _clock(hours)))
    axes.tick_params(length=0, pad=7)


def stack(
    axes: Axes, points: Sequence[tuple[int, Totals]], basis: Basis, names: Sequence[str], at: Hours, start: datetime,
    width: timedelta,
) -> None:  # fmt: skip
    """Draw shares as areas on one another; where points are missing there is nothing.

    Where another model was used from some moment on, the areas of one are not drawn on into those of the other. A point
    of both has shares of two times, of which each may be all there is: these are drawn smaller, so that they fit.

    Args:
        axes: Where.
        points: Totals by number of their stretch.
        basis: `estimate` or `counts`.
        names: The emotions, from the bottom up.
        at: From moments to hours.
        start: Of stretch 0.
        width: Of a stretch.
    """
    for run in _runs([(number, totals.shares_by(basis)) for number, totals in points], frozenset):
        first, last = at(start + run[0][0] * width), at(start + (run[-1][0] + 1) * width)
        middles = [at(start + number * width + width / 2) for number, _ in run]
        x = [first, *middles, last]
        wholes = [max(1.0, sum(each.share for each in shares.values())) for _, shares in run]
        rows = []
        for name in names:
            values = [
                shares[name].share / whole if name in shares else 0.0
                for (_, shares), whole in zip(run, wholes, strict=True)
            ]
            rows.append([values[0], *values, values[-1]])
        palette = [LIGHT[colour] for colour in colours(names).values()]
        axes.stackplot(x, rows, colors=palette, edgecolor=LIGHT["card"], linewidth=0.6)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_locator(MultipleLocator(0.25))
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=f"{NO_BREAK}%"))


def faces(axes: Axes, points: Sequence[tuple[int, Totals]], at: Hours, start: datetime, width: timedelta) -> None:
    """Draw the mean number of faces as a line, and from the fewest to the most as a band."""
    top = 1.0
    for run in _runs(points):
        first, last = at(start + run[0][0] * width), at(start + (run[-1][0] + 1) * width)
        x = [first, *(at(start + number * width + width / 2) for number, _ in run), last]
        means, least, most = (
            [values[0], *values, values[-1]]
            for values in (
                [totals.mean or 0.0 for _, totals in run],
                [float(totals.least or 0) for _, totals in run],
                [float(totals.most or 0) for _, totals in run],
            )
        )
        axes.fill_between(x, least, most, color=LIGHT["faces"], alpha=0.16, linewidth=0)
        axes.plot(x, means, color=LIGHT["faces"], linewidth=1.6, solid_capstyle="butt")
        top = max(top, *most)
    axes.set_ylim(0, top * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def draw_gaps(axes: Axes, gaps: Iterable[Gap], at: Hours, reasons: Mapping[str, Sentence], words: Words) -> None:
    """Cover the times without figures, and write the reason into those that are wide enough.

    Args:
        axes: Where.
        gaps: What.
        at: From moments to hours.
        reasons: What is written, by kind of gap; nothing where it is empty.
        words: The language.
    """
    first, last = axes.get_xlim()
    bottom, top = axes.get_ylim()
    for gap in gaps:
        begin, end = max(at(gap.start), first), min(at(gap.end), last)
        if end <= begin:
            continue
        axes.add_patch(
            Rectangle(
                (begin, bottom), end - begin, top - bottom, facecolor=LIGHT["gap"], edgecolor=LIGHT["grid"],
                hatch=HATCHES.get(gap.kind, "///"), linewidth=0, zorder=3,
            )
        )  # fmt: skip
        part = (end - begin) / (last - first)
        if reasons and part > 0.022:
            axes.text(
                (begin + end) / 2, (bottom + top) / 2, words.say(reasons[gap.kind]), rotation=0 if part > 0.12 else 90,
                ha="center", va="center", color=LIGHT["text"], fontsize=9, zorder=4, clip_on=True,
            )  # fmt: skip


def legend(axes: Axes, names: Sequence[str], shares: Mapping[str, ShareRange], words: Words) -> None:
    """What the colours mean, and the share of each over all the time, above the axes."""
    handles = [
        Patch(
            facecolor=LIGHT[colour], edgecolor=LIGHT["gap-line"], linewidth=0,
            label=f"{words.label(name)} {words.percent(shares[name].share if name in shares else 0.0)}",
        )
        for name, colour in colours(names).items()
    ]  # fmt: skip
    columns = _columns([str(each.get_label()) for each in handles])
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1.01), ncols=columns, frameon=False, borderaxespad=0,
        borderpad=0.2, handlelength=1.1, handleheight=1.0, columnspacing=1.1, handletextpad=0.4,
        fontsize=9.5, labelcolor=LIGHT["text"],
    )  # fmt: skip


def _columns(words: Sequence[str]) -> int:
    """How many columns of a legend fit beside one another."""
    for columns in range(len(words), 1, -1):
        lines = -(-len(words) // columns)
        widest = [max(map(len, words[at : at + lines])) + SIGN for at in range(0, len(words), lines)]
        if sum(widest) <= LEGEND:
            return len(widest)
    return 1


def _clock(hours: float) -> str:
    minutes = round(hours * 60)
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def _runs(
    points: Sequence[tuple[int, Content]], kind: Callable[[Content], object] = lambda _: None
) -> list[list[tuple[int, Content]]]:
    """Points of one kind that follow on one another."""
    runs: list[list[tuple[int, Content]]] = []
    for point in points:
        if not point[1]:
            continue
        last = runs[-1][-1] if runs else None
        if last and point[0] == last[0] + 1 and kind(point[1]) == kind(last[1]):
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs
