"""The texts of pages and reports in the languages of this folder; English texts are the names of their translations.

A further language is one more file: `fr.po` beside `de.po`. It is read when it is asked for, so nothing is compiled.
"""

from __future__ import annotations

import gettext
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

ENGLISH = "en"
FOLDER = Path(__file__).parent
FORMS = 200  # numbers whose plural form the browser is told; beyond it forms repeat every hundred in every language
MOST_WANTED = 20  # languages of a list that are looked at
_PLACEHOLDER = re.compile(r"\{(\w+)\}")

Value = float | int | str


def available(folder: Path = FOLDER) -> dict[str, str]:
    """The languages there are, each with its own name for itself: {"en": "English", "de": "Deutsch"}."""
    tags = [ENGLISH, *sorted(path.stem for path in folder.glob("*.po"))]
    return {tag: name for tag in tags if (name := _own_name(tag))}


def choose(wanted: str, folder: Path = FOLDER) -> str:
    """The first language of a list that there is, else English.

    Args:
        wanted: Language tags in order of preference, such as `de-CH,de;q=0.9,en`.
        folder: Where the catalogues are.
    """
    there = available(folder)
    for tag in wanted.lower().split(",", MOST_WANTED)[:MOST_WANTED]:
        name = tag.partition(";")[0].strip().replace("_", "-")
        for candidate in (name, name.partition("-")[0]):
            if candidate in there:
                return candidate
    return ENGLISH


def texts(language: str, folder: Path = FOLDER) -> dict[str, str | list[str]]:
    """English text to translated text, or to the plural forms in the order of that language; empty for English."""
    if language not in available(folder) or language == ENGLISH:
        return {}
    return _read(folder / f"{language}.po")[0]


def for_page(wanted: str, folder: Path = FOLDER) -> dict[str, Any]:
    """All that a browser needs to speak the best language of a list; see `choose`. Ready for JSON."""
    language = choose(wanted, folder)
    return {
        "language": language,
        "languages": available(folder),
        "texts": texts(language, folder),
        # A browser may not evaluate the catalogue's formula, so it gets a table: index of the form for 0, 1, 2 ...
        "plurals": [_form(language, n, folder) for n in range(FORMS)],
    }


def translate(text: str, language: str = ENGLISH, **values: Value) -> str:
    """A text in a language, with its placeholders filled in; numbers are written as that language writes them.

    Args:
        text: The English text, a literal so that it is found by those who translate; `{name}` is a placeholder.
        language: One of `available`.
        values: What the placeholders stand for. Words are put in as they are: escape them for HTML.
    """
    found = texts(language).get(text, text)
    return fill(found if isinstance(found, str) else found[0], language, values)


def fill(text: str, language: str, values: dict[str, Value]) -> str:
    """Replace placeholders that have a value; all other braces stay as they are."""

    def written(match: re.Match[str]) -> str:
        value = values.get(match[1], match[0])
        return value if isinstance(value, str) else format_decimal(value, "#,##0.#", locale=language)

    return _PLACEHOLDER.sub(written, text)


def _form(language: str, n: int, folder: Path) -> int:
    if language == ENGLISH:
        return int(n != 1)
    expression = _read(folder / f"{language}.po")[1]
    return int(gettext.c2py(expression)(n))


def _own_name(tag: str) -> str | None:
    try:
        locale = Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return None
    name = locale.get_display_name()
    return None if name is None else name[:1].upper() + name[1:]


def _read(path: Path) -> tuple[dict[str, str | list[str]], str]:
    return _parsed(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _parsed(path: Path, _changed: int) -> tuple[dict[str, str | list[str]], str]:
    """The texts of a file, and the formula of its plurals; read anew only when the file has changed."""
    with path.open("rb") as file:
        catalog: Catalog = read_po(file, locale=path.stem.replace("-", "_"))
    found: dict[str, str | list[str]] = {}
    for message in catalog:
        if message.fuzzy or not message.string:
            continue
        if isinstance(message.id, (list, tuple)):
            forms = [str(form) for form in message.string]
            if all(forms):
                found[message.id[0]] = forms
        elif message.id:
            found[message.id] = str(message.string)
    return found, catalog.plural_expr
