"""How it is found out which topic a broker does not take."""

from __future__ import annotations

import pytest

from edge.mqtt.outgoing import Outgoing, Request, Sent
from edge.mqtt.suspects import FIRST_PAUSE, LONGEST_PAUSE, End, Suspects, Verdict

GOOD, BAD = Request("publish", "good"), Request("publish", "bad")


def sent(request: Request, *, alone: bool = False, overtaken: bool = False) -> Sent:
    """Something that was sent and not answered."""
    return Sent(Outgoing(1, request), 0.0, alone, overtaken)


def end(suspects: Suspects, how: End, *unanswered: Sent, now: float = 0.0, answered_any: bool = True) -> list[Verdict]:
    """A connection ends."""
    return suspects.ended(how, unanswered, now, answered_any=answered_any)


def test_a_reason_about_a_packet_needs_one_that_travelled_alone() -> None:
    suspects = Suspects()
    assert end(suspects, End.NAMED, sent(GOOD), sent(BAD)) == []
    assert set(suspects.suspects) == {GOOD, BAD}
    suspects.answered(GOOD)
    assert end(suspects, End.NAMED, sent(BAD, alone=True)) == [Verdict(BAD, new=True)]
    assert suspects.leaves_out(BAD, 1.0)
    assert not suspects.leaves_out(GOOD, 1.0)


def test_a_broker_that_gives_no_reason_has_to_hang_up_twice_on_it() -> None:
    suspects = Suspects()
    end(suspects, End.HUNG_UP, sent(BAD))
    assert end(suspects, End.HUNG_UP, sent(BAD, alone=True)) == []
    assert end(suspects, End.HUNG_UP, sent(BAD, alone=True)) == [Verdict(BAD, new=True)]


def test_what_the_broker_answers_in_between_is_innocent() -> None:
    suspects = Suspects()
    end(suspects, End.HUNG_UP, sent(BAD, alone=True))
    suspects.answered(BAD)
    assert suspects.suspects == frozenset()
    assert end(suspects, End.HUNG_UP, sent(BAD, alone=True)) == []


@pytest.mark.parametrize(
    ("alone", "overtaken", "answered_any", "guilty"),
    [(False, True, True, True), (True, False, True, True), (True, False, False, False), (False, False, True, False)],
)
def test_silence_needs_a_broker_that_answers_something_else(
    *, alone: bool, overtaken: bool, answered_any: bool, guilty: bool
) -> None:
    found = end(Suspects(), End.SILENT, sent(BAD, alone=alone, overtaken=overtaken), answered_any=answered_any)
    assert bool(found) is guilty


def test_an_end_that_has_other_reasons_makes_nobody_suspect() -> None:
    suspects = Suspects()
    assert end(suspects, End.OTHER, sent(BAD, alone=True)) == []
    assert suspects.suspects == frozenset()


def test_it_is_tried_again_after_a_pause_that_grows_and_named_only_once() -> None:
    suspects = Suspects()
    now, pauses = 0.0, []
    for attempt in range(6):
        assert end(suspects, End.NAMED, sent(BAD, alone=True), now=now) == [Verdict(BAD, new=attempt == 0)]
        pause = next(seconds for seconds in range(0, 7200, 100) if not suspects.leaves_out(BAD, now + seconds))
        pauses.append(pause)
        now += pause
    assert pauses == [FIRST_PAUSE, 600, 1200, 2400, LONGEST_PAUSE, LONGEST_PAUSE]
    suspects.answered(BAD)
    assert not suspects.leaves_out(BAD, now - 1)
    assert end(suspects, End.NAMED, sent(BAD, alone=True)) == [Verdict(BAD, new=True)]
