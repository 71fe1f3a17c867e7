"""Where things are."""

from __future__ import annotations

from pathlib import Path

import edge

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

PACKAGE = Path(edge.__path__[0])
"""The program that is tested: of the checkout, or as it was installed (tests/system/install/wheel.sh)."""

SHARED = ROOT.parent / "shared"
"""Data that is not ours to publish; tests that need it are skipped where it is absent."""

FER2013 = SHARED / "data/emotions/fer2013.npz"
