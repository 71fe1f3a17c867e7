"""How numbers are written in files that people write: what programs also take for one is seldom what was meant.

YAML 1.1 reads `yes` as true, which Python takes for 1; 010 as 8; and 1:30 as 90.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, FiniteFloat
from pydantic_core import PydanticCustomError

MISTAKEN = "mistaken_number"
"""The type of the error of a value that is refused as none of these numbers."""

# 05 is five in every reading, and 1_000 a thousand; 010 is eight to some programs and ten to people.
_DECIMAL = r"[-+]?((0?[0-9]|[1-9][0-9]*|[1-9][0-9]{0,2}(_[0-9]{3})+)(\.[0-9]*)?|\.[0-9]+)(e[-+]?[0-9]+)?"
DECIMAL = re.compile(_DECIMAL, re.IGNORECASE)
WRITTEN = re.compile(rf"{_DECIMAL}|0x[0-9a-f]+|0b[01]+", re.IGNORECASE)
"""Where YAML finds a number, the spellings of which it makes the number that a person reads."""


def as_meant(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    """The same value, for pydantic to make a number of.

    Raises:
        PydanticCustomError: It is true or false, or text in which pydantic would find another number than a person.
    """
    if isinstance(value, bool):
        raise PydanticCustomError(MISTAKEN, "found {found}; write a number", {"found": str(value).lower()})
    if isinstance(value, str) and not DECIMAL.fullmatch(value.strip()):
        raise PydanticCustomError(MISTAKEN, "found {found}; write decimal digits", {"found": repr(value[:40])})
    return value


AS_MEANT = BeforeValidator(as_meant)
Whole = Annotated[int, AS_MEANT]
"""A whole number. Every number of a file that people write is of this type or of `Number`."""
Number = Annotated[float, AS_MEANT]
"""Any number."""
FiniteNumber = Annotated[FiniteFloat, AS_MEANT]
"""Any number with an end: where nothing else bounds it."""
