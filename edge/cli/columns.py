"""Columns of a terminal that stay columns: text of any script cut and filled to so many cells."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.text import Text


def cell(text: str, width: int) -> str:
    """Text in exactly so many cells; what is cut off is shown by an ellipsis."""
    if cell_len(text) > width > 0:
        text = f"{set_cell_size(text, width - 1)}…"
    return set_cell_size(text, width)


def fit(text: Text, width: int) -> Text:
    """One line of at most so many cells."""
    text.truncate(width, overflow="ellipsis")
    text.no_wrap = True
    return text


def spread(left: Text, right: Text, width: int) -> Text:
    """Left and right in one line; the left gives way."""
    fit(left, max(1, width - right.cell_len - 1))
    left.pad_right(max(1, width - left.cell_len - right.cell_len))
    return fit(left.append_text(right), width)


def widest(texts: list[str], most: int) -> int:
    """Cells that a column of these needs, up to a limit."""
    return min(most, max(map(cell_len, texts), default=0))
