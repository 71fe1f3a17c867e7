"""A connection is settled once whatever waited at the broker has come."""

from __future__ import annotations

from edge.recording.settled_connection import SETTLED, SettledConnection


class Session:
    """One that can be lost."""

    connection = 1
    subscribed = True


def test_it_takes_an_hour_of_the_same_connection() -> None:
    session, elapsed = Session(), [0.0]
    settled = SettledConnection(session, lambda: elapsed[0])

    def after(seconds: float) -> bool:
        elapsed[0] += seconds
        return settled.look()

    assert [after(0), after(SETTLED - 1), after(1), after(9999)] == [False, False, True, True]
    session.connection = 2
    assert [after(0), after(SETTLED - 1), after(1)] == [False, False, True]
    session.subscribed = False
    assert not after(SETTLED)
    session.subscribed = True
    assert [after(0), after(SETTLED - 1), after(1)] == [False, False, True]
