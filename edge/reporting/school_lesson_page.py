"""A lesson in all rooms as a page: sentences first, a row for each room, and beside earlier weeks in words."""

from __future__ import annotations

from datetime import datetime
from html import escape

from edge.languages.words import Words
from edge.reporting import html
from edge.reporting.comparison_sentences import MAY_BE_EQUAL
from edge.reporting.lesson_sentences import rounding
from edge.reporting.map_data import RoomSums
from edge.reporting.map_table import html_cell
from edge.reporting.map_words import COMPARED, empty_row, title_of, worth_showing
from edge.reporting.missing_words import missing_text
from edge.reporting.period import Period
from edge.reporting.school_lesson import SchoolLesson
from edge.reporting.school_sentences import NOTHING, OWN_PLACE, describe_school, names_of
from edge.reporting.scope import Scope, scope_of
from edge.reporting.wording import COUNTS, ESTIMATE, period_text
from edge.text import Sentence

LEGEND = Sentence(
    "▲ more, ▼ less than that, by more than chance explains. Where nothing differs, chance alone marks something in at "
    "most one of twenty rooms. ≠ not compared: it was measured in another way."
)
ABSENT_LEGEND = Sentence(
    "“Withheld”: too few people for figures. “Too short”: less than ten minutes with figures, or in fewer than three "
    "measurements. “Nothing”: nothing was recorded, or this was not measured. None of them is a zero."
)
COUNTED_ONLY = Sentence("Shares of expressions that are plain counts, and not corrected, are those of: {rooms}.")


def lesson_page(lesson: SchoolLesson, now: datetime, words: Words) -> str:
    """The report as HTML."""
    data, maps = lesson.data, lesson.maps
    periods = [each.period for each in lesson.reports.values()]
    first = periods[0]
    alike = all((each.start, each.end) == (first.start, first.end) for each in periods)
    when = period_text(first, words) if alike else f"{first.name}, {words.day(first.start.date())}"
    title, scope = words.translate("All rooms"), scope_of(each.totals for each in data.sums)
    told = [words.say(each) for each in describe_school(data, maps, words)]
    if lesson.without:
        told.append(words.translate("Rooms without this lesson on this day: {rooms}.", rooms=names_of(lesson.without)))
    parts = [
        html.head(title, when),
        html.said(told, scope, words),
        _figures(lesson, scope, words, clocks=not alike),
        _beside(lesson, words),
        html.points([words.say(each) for each in _notes(lesson)], words),
    ]
    return html.document(f"{title}, {when}", parts, first.zone, now, scope, words)


def _figures(lesson: SchoolLesson, scope: Scope, words: Words, *, clocks: bool) -> str:
    """A row for each room: its figures with their intervals, and what was recorded and what not."""
    shown, named = worth_showing(lesson.maps), scope is Scope.EXPRESSIONS
    head = [
        words.translate("room"),
        *([words.translate("time")] if clocks else []),
        words.translate("recorded"),
        *(title_of(each.measure, words) for each in shown),
        *([words.translate("no named expression")] if named else []),
        words.translate("without figures"), words.translate("measurements missing"),
    ]  # fmt: skip
    rows = []
    for number, sums in enumerate(lesson.data.sums):
        cells = [_clock(lesson.reports[sums.room].period, words)] if clocks else []
        if nothing := empty_row(lesson.data, number, words):
            cells.append(f'<td class="none row" colspan="{len(head) - 1 - len(cells)}">{escape(nothing)}</td>')
        else:
            cells.append(f"<td>{escape(words.length(sums.totals.covered))}</td>")
            cells += [html_cell(each.cells[number][0], each.measure, words) for each in shown]
            cells += [f"<td>{escape(text)}</td>" for text in _missing(sums, words, named=named)]
        rows.append(f'<tr><th scope="row">{escape(sums.room)}</th>{"".join(cells)}</tr>')
    said = "".join(
        f"<p class='soft'>{escape(words.say(each))}</p>" for each in (COMPARED["lesson"], LEGEND, ABSENT_LEGEND)
    )
    title = escape(words.translate("Room by room"))
    columns = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    table = f'<table class="map"><thead><tr>{columns}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return (
        f'<section><h2>{title}</h2><div class="wide" tabindex="0" role="region" aria-label="{title}">{table}</div>'
        f"{said}</section>"
    )


def _clock(period: Period, words: Words) -> str:
    text = words.translate("{first} to {last}", first=f"{period.start:%H:%M}", last=f"{period.end:%H:%M}")
    return f"<td>{escape(text)}</td>"


def _missing(each: RoomSums, words: Words, *, named: bool) -> list[str]:
    totals = each.totals
    faces = totals.unknown + totals.named
    return [
        *([words.percent(totals.unknown / faces) if faces else NOTHING] if named else []),
        words.percent(totals.withheld_seconds / totals.covered) if totals.covered else NOTHING,
        missing_text(totals, words),
    ]


def _beside(lesson: SchoolLesson, words: Words) -> str:
    """The answer of each room that has one, in words."""
    found = [(room, " ".join(words.say(each) for each in lesson.told(room))) for room in lesson.data.rooms]
    rows = [row for row in found if row[1]]
    head = words.translate("room"), words.translate("Was it different?")
    title = words.translate("Beside the same lesson of earlier weeks")
    return html.table(title, head, rows, "left") if rows else ""


def _notes(lesson: SchoolLesson) -> list[Sentence]:
    """What limits the worth of the figures."""
    bases = {room: each.basis for room, each in lesson.reports.items() if each.basis}
    counts = [room for room, basis in bases.items() if basis == "counts"]
    found = [ESTIMATE] if len(counts) < len(bases) else []
    if counts:
        found += (
            [COUNTS] if len(counts) == len(bases) else [Sentence(COUNTED_ONLY.template, {"rooms": names_of(counts)})]
        )
    steps = max((each.round_to for each in lesson.reports.values()), default=1)
    return [*found, *([rounding(steps)] if steps > 1 else []), MAY_BE_EQUAL, OWN_PLACE]
