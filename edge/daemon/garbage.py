"""Python's cyclic garbage collector, told what a program that runs for months will never free."""

from __future__ import annotations

import gc

YOUNG = 20_000  # objects made and not freed before it looks: one batch of messages, or many frames


def settle() -> None:
    """Leave out of every later collection what exists now: modules, models of messages, schemas.

    Call it once, when all is imported. Going through these again and again took a third of the time that reading a
    window takes; the collector still finds cycles among everything made later.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
