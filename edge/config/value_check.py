"""One value for one key, checked for itself, by the schema's own field."""

from __future__ import annotations

import json
import math

from pydantic import ValidationError

from edge.config.document import Document
from edge.config.explanation import explain
from edge.config.schema import Config
from edge.errors import EdgeError
from edge.text import mark

LARGEST = 1e15  # of a number: far beyond every key's range, and still exact
DEEPEST = 8  # lists in lists; a list of polygons has three


class RefusedChangeError(EdgeError):
    """A value that cannot be, whatever the others are.

    Args:
        key: The dotted key.
        problem: What is wrong.
        remedy: What to write instead.
    """

    def __init__(self, key: str, problem: object, remedy: object = "") -> None:
        super().__init__(problem, remedy)
        self.key = key


def check_value(key: str, value: object) -> None:
    """Check one value for itself, by the schema's own field. Raises RefusedChangeError."""
    section, _, name = key.rpartition(".")
    try:
        _check_plain(value)
        # Strictly as JSON: "15" is no number, and true is not 1. Defaults of the neighbours: they are checked later.
        data = json.dumps({section: {name: value}} if section else {name: value})
        Config.model_validate_json(data, strict=True)
    except ValidationError as error:
        place = tuple(key.split("."))
        for detail in error.errors():
            if tuple(map(str, detail["loc"]))[: len(place)] == place:
                mistake = explain(Document(), dict(detail))
                within = mistake.key.removeprefix(key).lstrip(".")  # which item of a list
                problem = f"{within}: {mistake.problem}" if within else mistake.problem
                raise RefusedChangeError(key, problem, mistake.remedy) from None
    except ValueError as error:
        raise RefusedChangeError(key, str(error)) from None


def _check_plain(value: object, depth: int = 0) -> None:
    """Raises ValueError for what no key could hold: not a number, numbers without end, text that is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{value} is not a number that can be used here")
        if abs(value) > LARGEST:
            raise ValueError(mark("a number is too large"))
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(mark("a text has characters that cannot be written")) from None
    elif isinstance(value, list | dict):
        if depth > DEEPEST:
            raise ValueError("too many lists stand in each other")
        for each in value if isinstance(value, list) else [*value.keys(), *value.values()]:
            _check_plain(each, depth + 1)
