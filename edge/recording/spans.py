"""Times of devices, as texts that are in the order of time."""

from __future__ import annotations

import bisect
from collections.abc import Iterator


class Spans:
    """Finds whether a time has a moment in common with one of them; those that touch are kept as one."""

    def __init__(self) -> None:
        self.number = 0
        """How many do not touch."""
        self._of: dict[str | None, list[tuple[str, str]]] = {}

    def add(self, device: str | None, start: str, end: str) -> None:
        """Know one more.

        Args:
            device: None: all.
            start: No earlier than that of the one before.
            end: It does not include that.
        """
        if start >= end:
            return
        known = self._of.setdefault(device, [])
        if known and start <= known[-1][1]:
            known[-1] = (known[-1][0], max(known[-1][1], end))
        else:
            known.append((start, end))
            self.number += 1

    def until(self, device: str, begins: str, ends: str) -> str | None:
        """When the one ends that has a moment in common with a time, which does not include its end; None: none has."""
        return next((end for _, end in self.found(device, begins, ends)), None)

    def between(self, device: str, begins: str, ends: str) -> list[tuple[str, str]]:
        """The start and end of all that have a moment in common with a time, in order, those that touch as one."""
        found: list[tuple[str, str]] = []
        for spans in (self._of.get(device, ()), self._of.get(None, ())):
            first = bisect.bisect_right(spans, begins, key=lambda span: span[1])
            found += spans[first : bisect.bisect_left(spans, (ends, ""))]
        joined = Spans()
        for span in sorted(found):
            joined.add(device, *span)
        return joined._of.get(device, [])

    def found(self, device: str, begins: str, ends: str) -> Iterator[tuple[str, str]]:
        """The start and end of the last that has a moment in common with a time: of the device, and of all devices."""
        for spans in (self._of.get(device, ()), self._of.get(None, ())):
            at = bisect.bisect_left(spans, (ends, "")) - 1  # the last that begins before the end
            if at >= 0 and begins < spans[at][1]:
                yield spans[at]
