"""One readable text about an installation, to attach to a question. Everybody may read it before it is passed on."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from edge.config.schema import Config
from edge.contract.timestamps import format_timestamp
from edge.daemon.paths import outbox_path
from edge.support.daemon_words import at_broker, kept_place, log_lines, outbox_state, without_people
from edge.support.machine import hardware, versions
from edge.support.raw_secrets import secrets_in
from edge.support.redacted_config import redacted
from edge.support.redaction import Redactor
from edge.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

UNIT = "edge.service"
MODELS = "models"  # the check whose line is full of names with numbers, none of them about people
LONGEST = 2000  # characters of a value
HEAD = """Support file of edge, {time}

No picture, no figure about people, no password, no name of a person and no address is meant to be in it. Read it before
you pass it on: what is in it was cleaned by a program, and you know your secrets better.
"""


class CheckRow(NamedTuple):
    """What a check has found: as `edge check` prints it."""

    part: str
    status: str
    found: str
    remedy: str = ""


def support_file(
    config: Config | None,
    checks: Sequence[CheckRow] = (),
    unit: str = UNIT,
    journalctl: str = "journalctl",
    *,
    raw: bytes = b"",
    broker: Mapping[str, object] | None = None,
) -> bytes:
    """Everything that helps to answer a question; takes a few seconds.

    Args:
        config: The configuration; None: it is not valid, and what depends on it is left out.
        checks: What was tried just before.
        unit: The service whose last lines are wanted.
        journalctl: The program that reads the journal.
        raw: One that is not valid, as it was read: what looks secret in its lines is shown nowhere.
        broker: What is known there of this device; None: the broker is asked.

    Returns:
        UTF-8 text.
    """
    clean = Redactor.of(config or Config(), further=() if config else secrets_in(raw))
    checks = checks or [CheckRow("checks", "not run", "")]
    sections: list[tuple[str, Callable[[str], str], list[str]]] = [
        # Versions have four numbers now and then, and would be taken for addresses; both come from lists of ours.
        ("Versions", clean.known, _lines(versions())),
        ("Checks", clean.line, [_row(row) for row in checks if row.part != MODELS]),
        ("Models", clean.text, [_row(row) for row in checks if row.part == MODELS] or ["not checked"]),
        ("Hardware", clean.text, _lines(hardware(outbox_path(config or Config())))),
    ]
    if config is not None:
        sections += [
            ("Configuration in force; texts that may be secret are hidden", clean.known, _lines(redacted(config))),
            ("At the broker", clean.line, _lines(at_broker(config) if broker is None else broker)),
            ("Outbox", clean.text, _lines(outbox_state(config))),
            ("Calibration of the place", clean.text, _lines(_of_place(config))),
        ]
    sections.append((f"Log of {unit}", clean.line, log_lines(unit, journalctl)))
    head = HEAD.format(time=format_timestamp(datetime.now(timezone.utc)))
    parts = ["\n".join([f"== {title}", *map(cleaned, lines)]) for title, cleaned, lines in sections]
    return ("\n\n".join([head, *parts]) + "\n").encode()


def support_name(config: Config | None) -> str:
    """The name for such a file: `edge-support-room-204-20261128-153007.txt`."""
    room = re.sub(r"[^\w-]", "_", config.device.name if config else "invalid")
    return f"edge-support-{room}-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}.txt"


def unit_of(path: Path | None) -> str:
    """The service that reads a configuration: /etc/edge/hall.yaml is that of edge@hall.service."""
    if path is None or path.stem == "config" or str(path.parent) != "/etc/edge":
        return UNIT
    return f"edge@{path.stem}.service"


def _of_place(config: Config) -> dict[str, object]:
    # Without the mark of the camera: it helps nobody, and whoever guesses an address could see whether they are right.
    return {key: value for key, value in kept_place(config).items() if key != "camera"}


def _row(row: CheckRow) -> str:
    return without_people(f"{row.part}: {row.status}. {': '.join(filter(None, (row.found, row.remedy)))}".strip())


def _lines(content: Mapping[str, object], indent: str = "") -> list[str]:
    lines = []
    for key, value in content.items():
        name = printable(str(key))
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", *(_lines(value, f"{indent}  ") or [f"{indent}  none"])]
        elif isinstance(value, (list, tuple)) and value:
            lines += [f"{indent}{name}:", *(f"{indent}  - {_text(each)}" for each in value)]
        else:
            lines.append(f"{indent}{name}: {_text(value)}")
    return lines


def _text(value: object) -> str:
    return "null" if value is None else printable(str(value), 20 * LONGEST if "," in str(value) else LONGEST)
