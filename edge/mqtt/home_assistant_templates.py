"""Jinja templates with which Home Assistant reads our messages: none where a value is missing. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from edge.contract.labels import UNKNOWN

MOST = "1e9"  # that a number may be: more is no figure of a room

# The shares of a window as edge.contract.shares.window_shares computes them: the estimate where there is one, else the
# count over all named faces. `estimate`, `counts` and `named` are then what the rest of a template computes with.
SHARES = (
    "{% set w = value_json|default({}) %}{% set counts = w['counts'] %}"
    "{% set estimate = w['estimate'] if counts is mapping else none %}"
    "{% set named = (counts.values()|select('number')|sum)"
    f"-counts['{UNKNOWN}']|default(0, true)|float(0) if counts is mapping else 0 %}}"
)


def pick(*keys: str) -> str:
    """A template's expression for a value in a message; none where any part of the way is missing or null.

    Home Assistant shows none as `unknown`. A message may also be empty: that is how a retained one is removed.
    """
    return f"{_way(*keys)}|default(none)"


def number(*keys: str) -> str:
    """A template for a number in a message; none for whatever else stands there.

    Home Assistant raises for a measurement that is no number, and writes some kB into its log each time.
    """
    return f"{{% set v = {_way(*keys)} %}}{{{{ v * 1 if {_is_number('v')} else none }}}}"  # 1 where it is `true`


def translated(words: Mapping[Any, str], *keys: str) -> str:
    """A template that replaces a value by a word; none for a value that has no word."""
    # As strings: whatever else a message holds there has no word, and is no error either.
    pairs = ", ".join(f"{_quoted(str(value))}: {_quoted(word)}" for value, word in words.items())
    return f"{{{{ {{ {pairs} }}.get({pick(*keys)} | string) }}}}"


def json_object(**keys: tuple[str, ...]) -> str:
    """A template that keeps some values of a message as a JSON object: by their names there, the way to each."""
    return f"{{{{ {{ {', '.join(f'{_quoted(name)}: {pick(*way)}' for name, way in keys.items())} }} | to_json }}}}"


def withheld() -> str:
    """A template: ON while the figures of a window are withheld, none where there is no window, or nothing was seen."""
    shown = f"'ON' if ({pick('withheld', 'what')}) == 'figures' else 'OFF'"
    seen = "value_json is mapping and 'withheld' in value_json and value_json.frames != 0"
    return f"{{{{ ({shown}) if {seen} else none }}}}"


def withheld_attributes() -> str:
    """A template: what is withheld, and why; of a window in which nothing was seen nobody knows whether few came."""
    unseen = f"{pick('withheld', 'reason')} == 'few_people' and {_way('frames')} == 0"
    reason = f"none if {unseen} else {pick('withheld', 'reason')}"
    return f"{{{{ {{ 'what': {pick('withheld', 'what')}, 'reason': {reason} }} | to_json }}}}"


def facing(expression: str, digits: int) -> str:
    """A template about faces turned to the front and away; none where that is not known, or nobody can be judged.

    Args:
        expression: What is computed from `front`, `away` and `frames`, three numbers.
        digits: To which its value is rounded.
    """
    ways = {"front": ("facing", "front"), "away": ("facing", "away"), "frames": ("frames",)}
    read = f"{{% set {', '.join(ways)} = {', '.join(_way(*way) for way in ways.values())} %}}"
    known = " and ".join(map(_is_number, ways))
    return f"{read}{{{{ (({expression}) | round({digits})) if {known} and front + away > 0 < frames else none }}}}"


def share(label: str) -> str:
    """A template: the share of an emotion in per cent; none where nothing is known of it."""
    key = _quoted(label)
    counted = f"counts[{key}] / named if named > 0 and counts[{key}] is number else none"
    known = f"(estimate[{key}]|default({{}}))['share'] if estimate is mapping else {counted}"
    return f"{SHARES}{{% set share = {known} %}}{{{{ (share * 100)|round(2) if {_is_number('share')} else none }}}}"


def share_attributes(label: str) -> str:
    """A template: what a share was computed from, and its 90 % interval in per cent where it is an estimate."""
    basis = "'estimate' if estimate is mapping else 'counts' if named > 0 else none"
    limits = [
        f"'{limit}': ({value} * 100)|round(2) if {_is_number(value)} else none"
        for limit, value in (("low", "of['low']"), ("high", "of['high']"))
    ]
    read = f"{{% set of = estimate[{_quoted(label)}]|default({{}}) if estimate is mapping else {{}} %}}"
    return f"{SHARES}{read}{{{{ {{ 'basis': {basis}, {', '.join(limits)} }}|to_json }}}}"


def _is_number(name: str) -> str:
    """Whether it is one with which can be computed. `true` is one."""
    return f"{name} is number and {name}|abs < {MOST}"


def _way(*keys: str) -> str:
    """An expression for a value in a message, or for what is not defined."""
    expression = "value_json"
    for key in keys:
        expression = f"({expression}|default({{}}))[{_quoted(key)}]"
    return expression


def _quoted(text: str) -> str:
    """A string of the template language; a label may hold anything, and none of it may end the string."""
    return "'" + "".join(c if re.fullmatch("[A-Za-z0-9_]", c) else f"\\U{ord(c):08x}" for c in text) + "'"
