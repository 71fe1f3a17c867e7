"""What a board says about its power supply, in words."""

from __future__ import annotations

from typing import Literal

from edge.text import Sentence

# The Raspberry Pi firmware's bits for this moment; 16 bits higher: since the start.
UNDER_VOLTAGE, CAPPED, THROTTLED, SOFT_LIMIT = 1, 2, 4, 8
SINCE_START = 16

NOW = {
    UNDER_VOLTAGE: Sentence("too little voltage"),
    THROTTLED: Sentence("slowed down"),
    CAPPED: Sentence("frequency capped"),
    SOFT_LIMIT: Sentence("too warm"),
}
BEFORE = {
    UNDER_VOLTAGE: Sentence("good now; there was too little voltage since its start"),
    THROTTLED: Sentence("good now; it was slowed down since its start"),
    CAPPED: Sentence("good now; its frequency was capped since its start"),
    SOFT_LIMIT: Sentence("good now; it was too warm since its start"),
}
GOOD = Sentence("good")


def power(bits: int | None, under_voltage: bool | None) -> tuple[Sentence | None, Literal["bad", "warn", "good"]]:  # noqa: FBT001
    """The gravest of what the board says, and how bad that is.

    Args:
        bits: Of the firmware; None where it has none.
        under_voltage: Whether the supply is too weak now; None where nobody watches it.

    Returns:
        None as the sentence where the board says nothing at all.
    """
    if bits is None and under_voltage is None:
        return None, "good"
    if under_voltage:
        return NOW[UNDER_VOLTAGE], "bad"
    bits = bits or 0
    for bit, sentence in NOW.items():
        # The kernel's own watch of the supply is newer than the firmware's bit.
        if bits & bit and not (bit == UNDER_VOLTAGE and under_voltage is False):
            return sentence, "bad" if bit == UNDER_VOLTAGE else "warn"
    for bit, sentence in BEFORE.items():
        if bits & bit << SINCE_START:
            return sentence, "good"
    return GOOD, "good"
