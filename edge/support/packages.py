"""The Python packages beside this program, with their licences as SPDX names."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib import metadata
from typing import NamedTuple

from edge.text import printable

LONGEST = 60  # characters of a licence that is no SPDX name
PREFIX = "License :: OSI Approved :: "
SPDX = {
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""What packages say that do not use SPDX names yet."""
ACCEPTED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "EPL-2.0", "ISC", "MIT", "MIT-0", "MIT-CMU",
    "MPL-2.0", "PSF-2.0", "Zlib",
}  # fmt: skip
"""Licences of what a device gets: a person has looked at each of them."""


class Package(NamedTuple):
    """One of them; `licence` is `unknown` where it says nothing."""

    name: str
    version: str
    licence: str


def installed(folders: list[str] | None = None) -> list[Package]:
    """All that this Python can import, or that lies in these folders, by name."""
    found = {
        str(each.metadata["Name"]).lower(): Package(
            str(each.metadata["Name"]).lower(), each.version, _licence(each.metadata)
        )
        for each in metadata.distributions(path=sys.path if folders is None else folders)
        if each.metadata["Name"]
    }
    return [found[name] for name in sorted(found)]


def _licence(about: metadata.PackageMetadata) -> str:
    names = ("License-Expression", "License")
    expression, text = ((about.get_all(name) or [None])[0] for name in names)
    return licence(expression, text, about.get_all("Classifier") or ())


def licence(expression: str | None, text: str | None, classifiers: Iterable[str]) -> str:
    """The licence of a package by its metadata, the surest first.

    Args:
        expression: `License-Expression`: SPDX already.
        text: `License`: a name, or the whole licence.
        classifiers: Some of which may name licences.
    """
    if expression:
        return printable(expression, LONGEST)
    named = [each.removeprefix(PREFIX) for each in classifiers if each.startswith(PREFIX)]
    if named:
        return " AND ".join(SPDX.get(each, printable(each, LONGEST)) for each in named)
    first = re.split(r"\n|\s{2,}", (text or "").strip(), maxsplit=1)[0]
    return SPDX.get(first, printable(first, LONGEST)) or "unknown"
