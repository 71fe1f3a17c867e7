"""Licences of what a device gets: each is on the list, so that a new one is looked at by a person first."""

from __future__ import annotations

import re

import pytest

from edge.support.packages import ACCEPTED, installed, licence
from tests.support.paths import ROOT

LOCKS = ("requirements.lock", "requirements-broker.lock", "requirements-pages.lock")


def test_every_locked_package_has_a_licence_of_the_list() -> None:
    locked = {
        name for lock in LOCKS for name in re.findall(r"^([a-z0-9._-]+)==", (ROOT / lock).read_text(), re.MULTILINE)
    }
    found = {each.name: each.licence for each in installed() if each.name in locked}
    assert len(found) > 0.8 * len(locked)  # others are for other machines
    for name, text in found.items():
        assert set(re.split(r" (?:AND|OR) ", text)) <= ACCEPTED, f"{name}: {text}"


@pytest.mark.parametrize(
    ("expression", "text", "classifiers", "expected"),
    [
        ("MIT", "something else", [], "MIT"),
        (None, "Copyright (c) 2005, Somebody.\nAll rights", ["License :: OSI Approved :: BSD License"], "BSD-3-Clause"),
        (None, "BSD 3-Clause License\n\nCopyright", [], "BSD-3-Clause"),
        (None, "Apache 2.0", ["Programming Language :: Python"], "Apache-2.0"),
        (None, None, [], "unknown"),
        (None, "\x1b[31mEvil", [], "?[31mEvil"),
    ],
)
def test_the_surest_statement_counts(
    expression: str | None, text: str | None, classifiers: list[str], expected: str
) -> None:
    assert licence(expression, text, classifiers) == expected
