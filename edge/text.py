"""Text for people: text from outside made fit to be shown, and sentences that a page says in another language."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LONGEST = 64  # characters
NO_BREAK = "\N{NO-BREAK SPACE}"
_BEFORE_UNIT = re.compile(r"(?<=[0-9]) (?=(?:%|°C|[GM]B|ms|s|min|h|d|days?|fps)(?![A-Za-z0-9]))")


def printable(text: str, longest: int = LONGEST, *, replacement: str = "?") -> str:
    """Replace what a terminal might obey or a reader cannot see: control characters, bidi marks and the like.

    Args:
        text: Untrusted text.
        longest: Characters that are kept.
        replacement: Stands for each character that is not printable; may be empty.
    """
    return "".join(c if c.isprintable() else replacement for c in text[:longest])


def listed(names: Sequence[str], most: int) -> str:
    """Names for a message: "a, b and 3 more" where there are more than `most`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def counted(number: int, thing: str) -> str:
    """So many of a thing, for a message in English: "1 room", "1,200 windows"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """A share, 0..1, as people read it: "35 %", with a space that never breaks; "< 1 %" for what only rounds to 0.

    The dashboard has the same function in edge/web/dashboard/static/words.js.
    """
    whole = math.floor(100 * share + 0.5)
    return f"{whole}{NO_BREAK}%" if whole or share <= 0 else f"<{NO_BREAK}1{NO_BREAK}%"


def keep_units(text: str) -> str:
    """Text in which no line ends between a number and its unit: "14 %", "5 min".

    The pages have the same function in edge/web/static/texts.js.
    """
    return _BEFORE_UNIT.sub(NO_BREAK, text)


def plain_lines(text: str) -> str:
    """The same lines without what a terminal might obey."""
    return "\n".join(printable(line, len(line)) for line in text.split("\n"))


def mark(text: str) -> str:
    """The same text, which the catalogue finds: whoever shows it looks it up there. A literal without values."""
    return text


@dataclass(frozen=True)
class Sentence:
    """A sentence that can be translated: what never changes of it, and what does.

    Args:
        template: English, with `{names}` where values belong. Always a literal, so that the catalogue finds it.
        values: Numbers as they are, which each language writes its own way, or names that stay the same in all.
    """

    template: str
    values: Mapping[str, int | float | str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format_map(self.values)

    def as_json(self) -> dict[str, Any]:
        """For a page, which looks the template up in its catalogue."""
        return {"text": self.template, "values": dict(self.values)}
