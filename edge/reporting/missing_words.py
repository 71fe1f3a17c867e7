"""How many windows are missing, in words: at the edges of a time nobody knows on which side of them they were. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo

from edge.languages.words import Words
from edge.reporting.totals import Totals
from edge.text import Sentence


def missing_text(totals: Totals, words: Words) -> str:
    """How many are missing; from how many to how many, where that cannot be known."""
    least, most = words.number(totals.missing), words.number(totals.most_missing)
    return least if least == most else words.translate("{first} to {last}", first=least, last=most)


def in_part_missing(totals: Totals, zone: tzinfo, moment: Callable[[datetime], str]) -> list[Sentence]:
    """Of which it is not known how many are missing in this time, and from when to when they were lost.

    Args:
        totals: Of the time.
        zone: Of the clock on the wall.
        moment: How a moment is written.
    """
    return [
        Sentence(
            "Measurements between {first} and {last} that are not here, lost or still to come: {n}. How "
            "many of them are of this time is not known: {least} to {most}.",
            {
                "n": each.number,
                "first": moment(each.since.astimezone(zone)),
                "last": moment(each.until.astimezone(zone)),
                "least": each.least,
                "most": each.most,
            },
        )
        for each in totals.lost_at_edges
        if each.least < each.most
    ]
