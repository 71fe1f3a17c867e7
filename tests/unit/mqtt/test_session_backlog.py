"""What waited in a kept session is told from what is said now, also where a broker has no identifiers."""

from __future__ import annotations

from edge.mqtt.publish_packet import Publish
from edge.mqtt.session_backlog import HIGHEST_IDENTIFIER, SessionBacklog


def message(*subscriptions: int) -> Publish:
    return Publish(b"classroom/room-9/cmd/resume", b"", 1, 1, False, None, None, subscriptions)


def connected(*, wanted: bool = True, kept: bool = True, identifiers: bool = True) -> SessionBacklog:
    backlog = SessionBacklog(wanted=wanted)
    backlog.accepted(kept=kept, identifiers=identifiers)
    return backlog


def test_a_message_of_an_earlier_subscription_waited_whenever_it_comes() -> None:
    backlog = connected()
    own = backlog.identifier
    assert own is not None
    assert 1 <= own <= HIGHEST_IDENTIFIER
    other = own % HIGHEST_IDENTIFIER + 1
    for _ in range(2):
        assert backlog.includes(message(other))
        assert not backlog.includes(message(own))
        assert not backlog.includes(message(other, own))
        backlog.subscribed()


def test_without_identifiers_what_comes_before_any_answer_waited() -> None:
    for backlog in (connected(identifiers=False), connected(wanted=False), connected()):
        assert backlog.includes(message())
        backlog.subscribed()
        assert not backlog.includes(message())


def test_nothing_waits_in_a_new_session() -> None:
    assert not connected(kept=False).includes(message())
    assert not connected(kept=False).includes(message(1))
    assert connected(identifiers=False).identifier is None
    assert connected(wanted=False).identifier is None
