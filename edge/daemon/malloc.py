"""Keeps the daemon small, and free of old pictures: what the C library does with memory that is freed."""

from __future__ import annotations

import contextlib
import ctypes

M_MMAP_THRESHOLD = -3  # from <malloc.h>
M_PERTURB = -6
FILLER = 0x55  # what freed blocks are filled with; any value but 0 will do
LARGE = 128 * 1024  # bytes; where glibc itself begins


def give_back_at_once() -> None:
    """Have large blocks go back to the system as soon as they are free; where that is not glibc, nothing happens.

    By default glibc raises the size that counts as large, up to 32 MB, whenever a large block is freed. After the first
    frames all of them would come from a heap full of holes, which costs about 11 MB for frames of 1280x720.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)


def wipe_freed() -> None:
    """Have the C library overwrite each block that is freed; where that is not glibc, nothing happens.

    Compressed pictures, and parts of small ones, would stay in the heaps of a daemon that is paused. Costs no time that
    could be measured, after `give_back_at_once`: large blocks go back to the system as they are.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_PERTURB, FILLER)


def give_back_now() -> None:
    """Have all free memory go back to the system, small blocks as well; takes milliseconds."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
