"""Text for people: text from outside made fit to be shown, and sentences that a page says in another language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST = 64  # characters


def printable(text: str, longest: int = LONGEST, *, replacement: str = "?") -> str:
    """Replace what a terminal might obey or a reader cannot see: control characters, bidi marks and the like.

    Args:
        text: Untrusted text.
        longest: Characters that are kept.
        replacement: Stands for each character that is not printable; may be empty.
    """
    return "".join(c if c.isprintable() else replacement for c in text[:longest])


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
