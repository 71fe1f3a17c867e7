"""How each language writes what reports say."""

from __future__ import annotations

from datetime import date, datetime

from edge.languages.words import Words
from edge.text import Sentence

ENGLISH, GERMAN = Words(), Words("de")
DAY = date(2026, 9, 16)


def plain(text: str) -> str:
    """With every space that does not break marked."""
    return text.replace("\N{NO-BREAK SPACE}", "~")


def test_shares_are_never_broken_and_never_nothing() -> None:
    assert [plain(ENGLISH.percent(share)) for share in (0, 0.001, 0.0049, 0.005, 0.144, 1)] == [
        "0~%", "<~1~%", "<~1~%", "1~%", "14~%", "100~%",
    ]  # fmt: skip
    assert plain(GERMAN.percent(0.0049)) == "<~1~%"
    assert plain(GERMAN.share_range(0.55, 0.85)) == "55 bis 85~%"
    assert plain(ENGLISH.share_range(0.559, 0.841)) == "55 to 85~%"


def test_numbers() -> None:
    assert (ENGLISH.number(12345.6, 1), GERMAN.number(12345.6, 1)) == ("12,345.6", "12.345,6")
    assert (ENGLISH.number(0.125, 2), GERMAN.number(27.0, 1)) == ("0.12", "27,0")


def test_dates_and_lengths() -> None:
    assert (ENGLISH.day(DAY), GERMAN.day(DAY)) == ("Wednesday, 16 September 2026", "Mittwoch, 16. September 2026")
    assert (ENGLISH.short_day(DAY), GERMAN.short_day(DAY)) == ("Wed 16 Sep", "Mi 16. Sept.")
    assert (ENGLISH.weekday(DAY), GERMAN.weekday(DAY)) == ("Wed", "Mi")
    assert GERMAN.moment(datetime(2026, 9, 16, 8, 5)) == "16. September 2026, 08:05"  # noqa: DTZ001 - by the wall
    assert [plain(GERMAN.length(seconds)) for seconds in (59, 90, 3600, 7500000)] == [
        "59~s", "2~min", "1~h 00~min", "2.083~h 20~min",
    ]  # fmt: skip


def test_expressions_are_said_in_the_language_and_foreign_labels_as_they_are() -> None:
    looked = Sentence("Looked {expression}", {"expression": "afraid"})
    assert (ENGLISH.say(looked), GERMAN.say(looked)) == ("Looked afraid", "Sahen ängstlich aus")
    assert (GERMAN.label("fear"), GERMAN.label("Save"), GERMAN.label("x" * 99)) == ("ängstlich", "Save", "x" * 16)
