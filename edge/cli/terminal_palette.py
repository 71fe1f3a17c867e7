"""The palette of pages and reports on a terminal, light or dark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from edge.reporting.palette import DARK, LIGHT

Ground = Literal["auto", "light", "dark"]
GROUNDS: tuple[Ground, ...] = get_args(Ground)
LIGHT_GROUNDS = ("7", "15")  # white, and bright white

Palette = Mapping[str, str]


def terminal_palette(ground: Ground, environ: Mapping[str, str]) -> Palette:
    """Colours by their names in the palette.

    Args:
        ground: What the terminal is; auto: as it says in COLORFGBG, which many do, else what can be read on both.
        environ: The environment.
    """
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    if ground == "auto" and background.isdecimal():
        ground = "light" if background in LIGHT_GROUNDS else "dark"
    dark = {**LIGHT, **DARK}  # the page has one set of colours for foreign emotions
    if ground == "auto":
        return {name: max(LIGHT[name], dark[name], key=_worst_contrast) for name in LIGHT}
    return LIGHT if ground == "light" else dark


def contrast(one: str, other: str) -> float:
    """How well one colour is read on another, 1 to 21, by WCAG 2."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _worst_contrast(colour: str) -> float:
    return min(contrast(colour, "#ffffff"), contrast(colour, "#000000"))


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
