"""All English texts that are to be translated, as the source has them; and how a catalogue learns of new ones.

python -m tests.support.messages de        adds what edge/languages/de.po lacks, and drops what nobody says any more
python -m tests.support.messages fr        begins a new language
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from tests.support.paths import PACKAGE

Id = str | tuple[str, str]
"""An English text, or its singular and plural."""

JAVASCRIPT: dict[str, tuple[int, ...] | None] = {"t": None, "tn": (1, 2), "mark": None}
PYTHON: dict[str, tuple[int, ...] | None] = {"translate": None, "Sentence": None, "mark": None}
HEADER = """# Texts of pages and reports. Brought up to date by: python -m tests.support.messages {language}
msgid ""
msgstr ""
"Language: {language}\\n"
"Plural-Forms: {plurals}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
VOID = {"meta", "link", "input", "br", "img"}


class Marked(HTMLParser):
    """Collects the text of elements with data-t, and the attributes that data-t-attributes names."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[list[str] | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [given[name] or "" for name in (given.get("data-t-attributes") or "").split()]
        if tag not in VOID:
            self._open.append([] if "data-t" in given else None)

    def handle_endtag(self, tag: str) -> None:
        text = self._open.pop() if self._open and tag not in VOID else None
        if text is not None:
            self.found.append(" ".join("".join(text).split()))

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] is not None:
            self._open[-1].append(data)


@cache
def messages() -> dict[Id, str]:
    """Every text, and the file that it was first found in."""
    found: dict[Id, str] = {}
    for path in sorted(PACKAGE.rglob("*")):
        for each in in_file(path):
            found.setdefault(each, str(path.relative_to(PACKAGE.parent)))
    return found


def in_file(path: Path) -> Iterator[Id]:
    """The texts of one file."""
    if path.suffix == ".html":
        page = Marked()
        page.feed(path.read_text())
        yield from page.found
    if path.suffix in (".js", ".py"):
        keywords, method = (JAVASCRIPT, "javascript") if path.suffix == ".js" else (PYTHON, "python")
        options = {"parse_template_string": True}
        with path.open("rb") as file:
            for _, message, _, _ in extract(method, file, keywords, options=options):
                yield (message[0], message[1]) if isinstance(message, tuple) else message


def update(path: Path) -> None:
    """Write a catalogue anew: its translations stay, new texts are empty, old ones go."""
    old = Catalog(locale=path.stem)
    if path.exists():
        with path.open("rb") as file:
            old = read_po(file, locale=path.stem)
    fresh = Catalog(locale=path.stem, project="edge", charset="utf-8", fuzzy=False)
    for text, where in messages().items():
        known = old.get(text)
        if known is None or known.id != text:
            known = Message(text)
        fresh.add(text, known.string, locations=[(where, 1)], flags=known.flags & {"fuzzy"})
    body = BytesIO()
    write_po(body, fresh, width=120, omit_header=True, sort_by_file=True, include_lineno=False)
    path.write_bytes(HEADER.format(language=path.stem, plurals=fresh.plural_forms).encode() + body.getvalue())


if __name__ == "__main__":
    for language in sys.argv[1:]:
        update(PACKAGE / "languages" / f"{language}.po")
