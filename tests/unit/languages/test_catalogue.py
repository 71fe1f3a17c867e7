"""Every text of the pages is translated, with the same placeholders, and a further language is one more file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from edge.languages.catalogue import (
    FOLDER,
    MOST_WANTED,
    available,
    choose,
    fill,
    for_page,
    texts,
    translate,
)
from tests.support.messages import Id, messages, update

LANGUAGES = sorted(path.stem for path in FOLDER.glob("*.po"))
MADE_UP = """
msgid ""
msgstr ""
"Language: pl\\n"
"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);\\n"
"Content-Type: text/plain; charset=utf-8\\n"

msgid "Save"
msgstr "Zapisz"

msgid "{n} camera has answered."
msgid_plural "{n} cameras have answered."
msgstr[0] "{n} kamera"
msgstr[1] "{n} kamery"
msgstr[2] "{n} kamer"

#, fuzzy
msgid "Undo"
msgstr "Cofnij?"

msgid "Add"
msgstr ""
"""


def entries(path: Path) -> list[Message]:
    with path.open("rb") as file:
        return [message for message in read_po(file, locale=path.stem) if message.id]


def parts(message: Message) -> list[str]:
    return list(message.string) if isinstance(message.string, (tuple, list)) else [str(message.string or "")]


def test_the_source_has_texts_of_all_kinds() -> None:
    found = messages()
    for text in ("Which camera?", "Live picture with {n} face", "What it does not do", "All faces are large enough."):
        assert text in {each if isinstance(each, str) else each[0] for each in found}
    assert found["Which camera?"].endswith("index.html")


@pytest.mark.parametrize("language", LANGUAGES)
class TestLanguage:
    def test_it_is_complete_and_has_nothing_left_over(self, language: str) -> None:
        there: set[Id] = {
            (message.id[0], message.id[1]) if isinstance(message.id, (tuple, list)) else message.id
            for message in entries(FOLDER / f"{language}.po")
        }
        said = set(messages())
        assert said - there == set(), f"run: python -m tests.support.messages {language}, and translate what is new"
        assert there - said == set(), f"run: python -m tests.support.messages {language}"

    def test_every_text_is_translated_and_sure(self, language: str) -> None:
        for message in entries(FOLDER / f"{language}.po"):
            assert not message.fuzzy, message.id
            assert all(parts(message)), message.id

    def test_placeholders_are_the_same(self, language: str) -> None:
        for message in entries(FOLDER / f"{language}.po"):
            english = [message.id] if isinstance(message.id, str) else list(message.id)
            for part in parts(message):
                assert placeholders([part]) == placeholders(english), message.id

    def test_it_has_a_name_for_itself(self, language: str) -> None:
        assert available()[language]


def placeholders(texts: list[str]) -> set[str]:
    """The names in braces of some texts."""
    return {name for text in texts for name in re.findall(r"\{(\w+)\}", text)}


def test_german_speaks_of_itself() -> None:
    assert available() == {"en": "English", "de": "Deutsch"}
    assert translate("Save", "de") == "Speichern"
    assert translate("Save") == "Save"
    assert translate("a text that nobody has translated", "de") == "a text that nobody has translated"


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert translate("{share} of the picture", "en", share=1234.5) == "1,234.5 of the picture"
    assert translate("{share} of the picture", "de", share=1234.5) == "1.234,5 des Bildes"
    assert translate("{share} of the picture", "de", share="{share}") == "{share} des Bildes"
    assert fill("{known} {unknown} {", "en", {"known": "a"}) == "a {unknown} {"


def test_the_best_language_of_a_list() -> None:
    assert choose("de-CH,de;q=0.9,en;q=0.8") == "de"
    assert choose("xx,DE") == "de"
    assert choose("en-GB,de") == "en"
    assert choose("," * MOST_WANTED + "de") == "en"  # a list has an end
    for odd in ("", "xx", "../de", "de/../..", "\x00", "x" * 5000):
        assert choose(odd) == "en"


def test_a_further_language_is_one_more_file(tmp_path: Path) -> None:
    (tmp_path / "pl.po").write_text(MADE_UP)
    assert available(tmp_path) == {"en": "English", "pl": "Polski"}
    page = for_page("pl-PL,en", tmp_path)
    assert page["language"] == "pl"
    assert page["texts"] == {"Save": "Zapisz", "{n} camera has answered.": ["{n} kamera", "{n} kamery", "{n} kamer"]}
    assert [page["plurals"][n] for n in (0, 1, 2, 5, 12, 22, 112)] == [2, 0, 1, 2, 2, 1, 2]


def test_a_catalogue_that_changes_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "pl.po"
    path.write_text(MADE_UP)
    assert texts("pl", tmp_path)["Save"] == "Zapisz"
    before = path.stat().st_mtime_ns
    path.write_text(MADE_UP.replace("Zapisz", "Zachowaj"))
    while path.stat().st_mtime_ns == before:
        path.touch()
    assert texts("pl", tmp_path)["Save"] == "Zachowaj"


def test_a_new_catalogue_is_begun_and_kept_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "pl.po"
    path.write_text(MADE_UP)
    update(path)
    assert texts("pl", tmp_path)["Save"] == "Zapisz"
    assert len(entries(path)) == len(messages())
    assert [message.id for message in entries(path) if message.fuzzy] == ["Undo"]
