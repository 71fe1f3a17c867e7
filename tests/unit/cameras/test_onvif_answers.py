"""Answers to the search for network cameras that are given to a parser of XML, and those that are not."""

from __future__ import annotations

import codecs
import importlib.util
import sys
from xml.dom import minidom

import pytest

from edge.cameras.found import FoundCamera
from edge.cameras.onvif import ANSWERS, ELEMENTS, MOST, MOST_OF_ONE, SENDERS, Answers, missing_remedy, readable
from edge.languages.catalogue import translate

BOMB = '<!DOCTYPE s [<!ENTITY b "{}"><!ENTITY c "{}">]><s>{}</s>'.format("<a/>" * 50, "&b;" * 10, "&c;" * 3)
CODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig")


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("named", ["", *CODINGS, "utf-7", "latin-1"])
def test_entities_are_found_in_every_encoding(coding: str, named: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{named}"?>' if named else ""
    assert readable((declaration + BOMB).encode(coding)) == ""
    assert readable(codecs.BOM_UTF16_LE + BOMB.encode("utf-16-le")) == ""


def test_the_parser_reads_the_text_that_was_looked_at() -> None:
    """It must not choose another encoding: in UTF-7 `+ADw-` is `<`, in EBCDIC and UTF-16 every letter is another."""
    for named in ("utf-7", "utf-16", "cp037"):
        text = readable(f'<?xml version="1.0" encoding="{named}"?><s>+ADwAIQ-</s>'.encode())
        assert "<s>+ADwAIQ-</s>" in minidom.parseString(text).toxml()  # noqa: S318 - what is tested


def test_what_has_too_many_elements_is_left_out() -> None:
    assert readable(b"<s>" + b"<a/>" * (ELEMENTS - 2) + b"</s>")
    assert readable(b"<s>" + b"<a/>" * ELEMENTS + b"</s>") == ""


def camera(host: str, name: str) -> FoundCamera:
    return FoundCamera(f"http://{host}/onvif", name, "onvif")


def test_many_senders_hide_no_camera_that_speaks_for_itself() -> None:
    answers = Answers()
    for sender in range(2, 200):
        answers.add(f"10.0.0.{sender}", [camera(f"10.9.{sender}.{n}", "made up") for n in range(100)])
    answers.add("10.0.0.2", [camera("10.0.0.1", "made up")])
    answers.add("10.0.0.1", [camera("10.0.0.1", "real")])
    answers.add("10.0.0.3", [camera("10.0.0.1", "made up")])
    found = {each.source: each.name for each in answers.cameras()}
    assert found["http://10.0.0.1/onvif"] == "real"
    assert len(found) == MOST


def test_each_sender_is_listed_before_the_second_camera_of_any() -> None:
    answers = Answers()
    for sender in range(MOST - 1):
        answers.add(f"10.0.0.{sender}", [camera(f"10.9.{sender}.{n}", str(n)) for n in range(MOST_OF_ONE + 9)])
    names = [each.name for each in answers.cameras()]
    assert sorted(names) == ["0"] * (MOST - 1) + ["1"]


def test_what_is_read_has_an_end() -> None:
    answers = Answers()
    assert sum(answers.wanted("10.0.0.1") for _ in range(ANSWERS + 9)) == ANSWERS
    assert sum(answers.wanted(f"10.0.{n // 250}.{n % 250 + 2}") for n in range(SENDERS + 9)) == SENDERS - 1


def test_what_to_do_without_the_library_is_a_whole_command_and_german(monkeypatch: pytest.MonkeyPatch) -> None:
    remedy = missing_remedy()
    assert f"{sys.executable} -m pip install 'WSDiscovery" in str(remedy)
    assert translate(remedy.template, "de", **remedy.values).startswith(
        "geben Sie die Adresse der Kamera ein, oder im Terminal: /"
    )

    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert str(missing_remedy()) == "type the camera's address"  # a Debian package has no pip
