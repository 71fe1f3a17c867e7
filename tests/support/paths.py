"""Where things are."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

SHARED = ROOT.parent / "shared"
"""Data that is not ours to publish; tests that need it are skipped where it is absent."""

FER2013 = SHARED / "data/emotions/fer2013.npz"
