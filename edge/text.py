"""Text from outside, made fit for logs, terminals and pages."""

from __future__ import annotations

LONGEST = 64  # characters


def printable(text: str, longest: int = LONGEST, *, replacement: str = "?") -> str:
    """Replace what a terminal might obey or a reader cannot see: control characters, bidi marks and the like.

    Args:
        text: Untrusted text.
        longest: Characters that are kept.
        replacement: Stands for each character that is not printable; may be empty.
    """
    return "".join(c if c.isprintable() else replacement for c in text[:longest])
