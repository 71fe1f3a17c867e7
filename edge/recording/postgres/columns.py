"""Any number of rows as the values of one statement: `unnest` makes rows of columns again."""

from __future__ import annotations

from collections.abc import Iterable


def columns(rows: Iterable[Iterable[object]]) -> list[list[object]]:
    """The columns of rows, which are all of one length; none without any rows."""
    return [list(column) for column in zip(*rows, strict=True)]
