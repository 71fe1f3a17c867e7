"""The notice to print: this room's facts, blanks for the rest, and nothing from the configuration as HTML."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from edge.config.schema import Config
from edge.web.setup.notice import notice

HOSTILE = "<script>alert(1)</script>\" onload='x' {name} & more"


def room(**sections: object) -> Config:
    return Config.model_validate(sections)


class Plain(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Plain:
    page = Plain()
    page.feed(html)
    return page


def test_facts_of_the_room() -> None:
    schedule = [{"days": ["mon", "fri"], "from": "12:00", "to": "13:00"}, {"from": "16:00", "to": "16:00"}]
    page = read(
        notice(
            room(
                device={"name": "room-204"},
                window={"seconds": 60},
                privacy={"min_faces": 8, "schedule": schedule, "time_zone": "Europe/Berlin"},
                deployment={"responsible": "Mrs Doe, room 7", "legal_basis": "consent"},
            )
        )
    )
    for fact in (
        "room-204",
        "Every 60 seconds",
        "fewer than 8 people",
        "Mon and Fri 12:00 to 13:00",
        "Mrs Doe, room 7",
    ):
        assert fact in page.text
    assert "every day from 16:00, for 24 hours" in page.text
    assert "Legal basis: consent" in page.text
    assert "[legal basis]" not in page.text


def test_what_nobody_said_is_a_blank() -> None:
    html = notice(Config())
    for blank in ("legal basis", "name, office, phone, e-mail", "purpose", "seats"):
        assert f'contenteditable="true" aria-label="{blank}">[{blank}]</span>' in html
    assert "no times at which it is closed by itself" in html


@pytest.mark.parametrize(("mode", "said"), [("headcount", False), ("facing", False), ("emotions", True)])
def test_it_speaks_of_expressions_only_where_they_are_guessed(mode: str, *, said: bool) -> None:
    text = read(notice(room(mode=mode))).text
    assert ("guesses the expression" in text) is said
    assert ("AI Act" in text) is said


def test_masks_are_named_where_there_are_any() -> None:
    assert "masked" not in notice(Config())
    assert "does not see what is masked" in notice(room(camera={"masks": [[[0, 0], [0.5, 0], [0.5, 0.5]]]}))


def test_only_whoever_fills_it_in_says_that_taking_part_is_voluntary() -> None:
    html = notice(room(deployment={"responsible": "Mrs Doe", "legal_basis": "Consent"}))
    first, second = html.partition('<ul class=choice><li><label><input type="radio"')[2].split("</ul>")[0].split("<li>")
    assert "voluntary" in first
    assert "not consent, so nobody is asked for it" in second, "it is printed without the other one"
    assert "checked" not in first + second
    assert html.count("voluntary") == 1
    assert html.count("object") == 1, "the right to object is not one of every legal basis"


@pytest.mark.parametrize("mode", ["headcount", "facing", "emotions"])
def test_it_has_what_has_to_be_told_of_data_that_are_collected(mode: str) -> None:
    text = read(notice(room(mode=mode))).text
    # GDPR, Article 13: who, their officer, why and by what right, to whom, how long, and what one may ask for.
    for told in (
        "Responsible:", "Data protection officer:", "Purpose:", "Legal basis:", "are sent to", "deleted after",
        "which of your data are processed", "correction, deletion or restriction", "object", "withdraw", "complain",
    ):  # fmt: skip
        assert told in text


def test_german() -> None:
    schedule = [{"days": ["mon", "tue"], "from": "12:00", "to": "13:00"}]
    html = notice(room(privacy={"schedule": schedule, "time_zone": "UTC"}), "de-AT,en")
    assert '<html lang="de">' in html
    assert "Mo. und Di. 12:00 bis 13:00" in html
    assert "A camera" not in html


@pytest.mark.parametrize("language", ["en", "de", "<script>"])
def test_nothing_from_the_configuration_is_html(language: str) -> None:
    page = read(
        notice(room(deployment={"responsible": HOSTILE, "legal_basis": HOSTILE}, device={"name": "a<b>&"}), language)
    )
    assert "script" not in page.tags
    assert page.text.count(HOSTILE) == 2
    assert "a<b>&" in page.text
