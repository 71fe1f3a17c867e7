"""What is wrong with a value that the schema refuses, in words: what was found, and what is allowed."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Mapping
from typing import Any

from edge.config.address_redaction import without_password
from edge.config.document import Document, Key, Mistake
from edge.config.key_rules import names_below, rule_of
from edge.files.numbers import MISTAKEN
from edge.text import Sentence, mark

SAID_ON_THE_PAGE = {
    "camera.source": mark(
        "allowed: text (one of: auto, sample, sample:25, picamera, picamera:1, usb:0, /dev/video0, /dev/v4l/by-id/..., "
        "rtsp://..., http://..., gstreamer:csi, gstreamer:PIPELINE, file:clip.mp4, images:folder)"
    ),
    "device.name": mark("allowed: text (name of this room, without + # / or control characters)"),
    "device.prefix": mark("allowed: text (first level of every topic, without + # / or control characters)"),
    "privacy.min_faces": mark(
        "allowed: a whole number from 1 to 1000 (windows in which fewer people are seen at any time are sent without "
        "figures)"
    ),
}
"""What is allowed for keys that somebody types on the set-up page, as it is said of any key, for the catalogue."""


def explain(document: Document, detail: Mapping[str, Any]) -> Mistake:
    """What one pydantic error means."""
    key: Key = tuple(str(part) for part in detail["loc"])
    where, name = document.place(key), ".".join(key)
    if detail["type"] == "extra_forbidden":
        names = names_below(rule_of(key[:-1]))
        near = difflib.get_close_matches(key[-1], names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"allowed here: {', '.join(names)}"
        return Mistake(where, name, "unknown key", hint)
    if detail["type"] == "missing":
        return Mistake(where, name, "is missing", f"allowed: {_allowed(key)}")
    if detail["type"] == "value_error":
        (text,) = detail["ctx"]["error"].args or ("",)
        text = text if isinstance(text, Sentence) else str(text)
        if not name and (about := re.search(r"[a-z_]+\.[a-z_]+", str(text))):  # a rule that joins two sections
            return Mistake(document.place(tuple(about[0].split("."))), about[0], text, joint=True)
        if name and isinstance(detail["input"], str):
            return Mistake(where, name, _found(detail["input"]), text)
        return Mistake(where, name, text)
    remedy = f"allowed: {_allowed(key)}"
    given = detail["input"]
    if isinstance(given, str) and given.casefold() in rule_of(key).get("enum", ()):
        remedy = f"write {given.casefold()}"
    if detail["type"] == MISTAKEN and re.match(r"[-+]?0\d", str(detail["input"])):
        remedy = f"leave the zero in front out; {remedy}"
    return Mistake(where, name, _found(detail["input"]), remedy)


def _found(value: object) -> Sentence:
    return Sentence("found {value}", {"value": _shown(value)})


def _shown(value: object) -> str:
    # A short form by construction: the whole one of a file full of anchors might never end.
    shorten = reprlib.Repr()
    shorten.maxlevel, shorten.maxstring, shorten.maxother, shorten.maxlong = 2, 200, 80, 40
    try:
        text = without_password(shorten.repr(without_password(value) if isinstance(value, str) else value))
    except ValueError:  # Python refuses to write out integers of thousands of digits
        text = f"a {type(value).__name__} that is too long to show"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _allowed(key: Key) -> str:
    """What a key may hold, from its own declaration."""
    rule = rule_of(key)
    if not rule:
        return "nothing"
    kinds = [part for part in rule.get("anyOf", ()) if part.get("type") != "null"]
    rule = {**rule, **kinds[0]} if kinds else rule  # null leaves the key out
    if names := names_below(rule):
        return f"a section with the keys {', '.join(names)}"
    if choices := rule.get("enum"):
        kind = ", ".join(map(str, choices))
    else:
        named = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "array": "a list"}
        kind = named.get(rule.get("type", ""), "text")
    low, high = rule.get("minimum", rule.get("exclusiveMinimum")), rule.get("maximum")
    if low is not None and high is not None:
        kind += f" {'from' if 'minimum' in rule else 'above'} {low:g} to {high:g}"
    description = rule.get("description")
    return f"{kind} ({description})" if description else kind
