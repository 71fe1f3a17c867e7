"""A report on all rooms as a page or a picture: sentences first, heat maps, rooms with their intervals."""

from __future__ import annotations

from datetime import datetime, tzinfo
from pathlib import Path

from edge.languages.words import Words
from edge.reporting import html, png
from edge.reporting.map_chart import map_pictures
from edge.reporting.map_data import MapData, maps_of
from edge.reporting.map_table import map_sections
from edge.reporting.school_sentences import (
    ONE_ARITHMETIC,
    OWN_PLACE,
    describe_school,
    period_of,
    room_head,
    room_rows,
)
from edge.reporting.scope import scope_of
from edge.reporting.wording import made


def school_page(data: MapData, zone: tzinfo, now: datetime, words: Words) -> str:
    """The report as HTML."""
    maps, title = maps_of(data), words.translate("All rooms")
    period, scope = period_of(data, words), scope_of(each.totals for each in data.sums)
    parts = [
        html.head(title, period),
        html.said([words.say(each) for each in describe_school(data, maps, words)], scope, words),
        map_sections(data, maps, words),
        html.table(words.translate("Room by room"), room_head(maps, words), room_rows(data, maps, words), ""),
        html.points([words.say(OWN_PLACE), words.say(ONE_ARITHMETIC)], words),
    ]
    return html.document(f"{title}, {period}", parts, zone, now, scope, words)


def school_poster(data: MapData, path: Path, zone: tzinfo, now: datetime, words: Words) -> None:
    """The report as PNG. Raises OSError."""
    maps, scope = maps_of(data), scope_of(each.totals for each in data.sums)
    title = png.head(words.translate("All rooms"), period_of(data, words), made(zone, now, words))
    told = png.said(describe_school(data, maps, words), scope, words)
    foot = png.foot([words.say(OWN_PLACE)], scope, words)
    png.write([title, told, *map_pictures(data, maps, words), foot], path)
