"""Pictures of faces in a file, and a page that was written about them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data import PUBLIC

VOTE_COLUMN = (4, 5, 6, 1, 3, 2, 0)  # where FERPlus counts the votes for each label


def noise(label: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """PublicTest of random pictures with these labels, on which all ten annotators agree."""
    images = np.random.default_rng(1).integers(0, 256, (len(label), 48, 48)).astype(np.uint8)
    votes = np.zeros((len(label), 10), np.uint8)
    votes[np.arange(len(label)), np.array(VOTE_COLUMN)[label]] = 10
    usage = np.full(len(label), PUBLIC, np.int8)
    return {
        "images": images, "label": label.astype(np.int8), "usage": usage, "ferplus_votes": votes,
        "dup_group": np.full(len(label), -1),
    }  # fmt: skip


def save(path: Path, arrays: Mapping[str, Any]) -> None:
    """As `np.savez`, which since NumPy 2 has names of its own among those of arrays."""
    np.savez(path, **arrays)
