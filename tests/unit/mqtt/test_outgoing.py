"""What may be sent when: the receive maximum, what travels alone, and what an answer proves."""

from __future__ import annotations

from edge.mqtt.outgoing import Flow, Outgoing, Request


def item(number: int, topic: str = "t", qos: int = 1) -> Outgoing:
    """A message."""
    return Outgoing(number, Request("publish", topic), qos=qos)


def sendable(flow: Flow) -> list[int]:
    """The ids of what may be sent now."""
    found = []
    while (one := flow.next(0.0)) is not None:
        found.append(one.id)
    return found


def filled(flow: Flow, *items: Outgoing) -> Flow:
    """The same flow, with items that wait."""
    for one in items:
        flow.put(one)
    return flow


def test_no_more_is_unanswered_than_the_limit() -> None:
    flow = filled(Flow(2), *map(item, range(1, 6)))
    assert sendable(flow) == [1, 2]
    flow.answered(1)
    assert sendable(flow) == [3]
    flow.answered(2)
    flow.answered(3)
    assert sendable(flow) == [4, 5]
    assert [sent.item.id for sent in flow.unanswered] == [4, 5]


def test_what_is_urgent_goes_before_all_that_wait() -> None:
    flow = filled(Flow(1), item(1), item(2))
    assert sendable(flow) == [1]
    flow.put(item(3), urgent=True)
    flow.answered(1)
    assert sendable(flow) == [3]


def test_a_suspect_travels_alone_until_it_is_answered() -> None:
    flow = filled(Flow(9, {Request("publish", "bad")}), item(1), item(2, "bad"), item(3), item(4, "bad"), item(5))
    assert sendable(flow) == [1]
    flow.answered(1)
    assert sendable(flow) == [2]
    assert [sent.alone for sent in flow.unanswered] == [True]
    flow.answered(2)
    assert sendable(flow) == [3, 4, 5]  # it is cleared


def test_an_answer_proves_that_what_was_sent_before_it_without_one_has_arrived() -> None:
    flow = filled(Flow(9), item(1, qos=0), item(2), item(3, qos=0))
    sendable(flow)
    flow.answered(2)
    assert [sent.item.id for sent in flow.unanswered] == [3]


def test_what_is_not_answered_while_later_topics_are_is_overtaken() -> None:
    flow = filled(Flow(9), item(1, "slow"), item(2, "slow"), item(3, "quick"))
    sendable(flow)
    flow.answered(2)
    assert [sent.overtaken for sent in flow.unanswered] == [False, False]  # the same topic proves nothing
    flow.answered(3)
    assert [sent.overtaken for sent in flow.unanswered] == [True]


def test_an_answer_to_nothing_is_ignored() -> None:
    flow = Flow(1)
    assert flow.answered(7) is None
    assert not flow.answered_any
