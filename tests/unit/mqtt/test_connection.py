"""The connection and a listener that answers as the test wants; real brokers are in tests/integration."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge.config.broker_url import BrokerUrl
from edge.contract.channels import Channel
from edge.errors import RefusedError
from edge.mqtt.backoff import Backoff
from edge.mqtt.client_factory import BrokerSettings, SessionOptions
from edge.mqtt.connection import Callbacks, Connection
from edge.mqtt.connection_state import State
from edge.mqtt.problem import ProblemCode
from edge.mqtt.problem_log import ProblemLog
from tests.support.brokers import free_port, wait_for
from tests.support.scripted_broker import ACCEPT_5, ACCEPT_311, LEVEL_5, LEVEL_311, ScriptedBroker, refuse_5

ACCEPTING = {LEVEL_5: ACCEPT_5, LEVEL_311: ACCEPT_311}
Make = Callable[..., Connection]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes connections, and stops them at the end."""
    made: list[Connection] = []

    def connection(port: int, *parts: Any, keepalive: int = 30, **more: Any) -> Connection:
        settings = BrokerSettings(BrokerUrl("127.0.0.1", port, tls=False), "test", keepalive=keepalive)
        made.append(Connection(settings, *parts, **more))
        return made[-1]

    yield connection
    for each in made:
        with contextlib.suppress(Exception):
            each.stop()


class Clock:
    """The real one, which may be advanced."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class Interrupted(Backoff):
    """While the end of a stable connection is worked on, another thread asks whether an attempt is due."""

    connection: Connection
    other: threading.Thread

    def reset(self) -> None:
        self.other = threading.Thread(target=self.connection.advance)
        self.other.start()
        self.other.join(0.3)
        super().reset()


def test_a_stable_connection_gets_no_wait_of_an_earlier_outage(make: Make) -> None:
    """Whoever looked between the loss and its bookkeeping made the next wait the longest of the outage before."""
    clock, backoff = Clock(), Interrupted(uniform=max)
    for _ in range(8):
        backoff.next_wait()
    with ScriptedBroker(ACCEPTING) as broker:
        connection = backoff.connection = make(broker.port, backoff=backoff, clock=clock)
        connection.start()
        assert connection.wait_connected(5)
        clock.ahead = 11.0
        broker.cut()
        wait_for(lambda: connection.problem is not None, 5)
        backoff.other.join(5)
        assert connection.state is State.WAITING
        clock.ahead += 2.0
        assert connection.advance()


@pytest.mark.parametrize("seconds", [0, 65535])
def test_no_broker_makes_signs_of_life_rarer(make: Make, seconds: int) -> None:
    server_keep_alive = b"\x13" + seconds.to_bytes(2, "big")
    with ScriptedBroker({LEVEL_5: b"\x20\x06\x00\x00\x03" + server_keep_alive}) as broker:
        make(broker.port, keepalive=1).start()
        wait_for(lambda: b"\xc0\x00" in broker.received, 20, "a PINGREQ")


def test_a_subscription_is_refused_by_reason_code(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    for suback, remedy in ((0x87, "check the user's rights there"), (0x97, "raise the broker's limits")):
        with ScriptedBroker(ACCEPTING, suback=suback) as broker:
            connection = make(broker.port)
            connection.start()
            assert connection.wait_connected(5)
            assert connection.problem is None
            connection.subscribe(["a", "b"])
            assert connection.wait_subscribed(5)
            found = connection.problem
            assert found is not None
            assert (found.code, found.remedy) == (ProblemCode.SUBSCRIPTION_REFUSED, remedy)
            connection.stop()
    assert len([line for line in caplog.messages if "refuses the subscription" in line]) == 4


def test_subscribed_comes_once_per_connect_and_after_all_answers(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    events: list[str] = []
    with ScriptedBroker(ACCEPTING) as broker:
        connection: Connection

        def connected() -> None:
            events.append("connected")
            connection.subscribe(["a", "b"])
            assert not connection.connected  # whoever waits for it comes after this

        connection = make(
            broker.port, callbacks=Callbacks(connected=connected, subscribed=lambda: events.append("subscribed"))
        )
        connection.start()
        assert connection.wait_subscribed(5)
        wait_for(lambda: len(events) == 2, 5)
        connection.subscribe(["c"])
        assert connection.wait_subscribed(5)
    assert events == ["connected", "subscribed"]
    assert caplog.text.count("connected to broker") == 1
    assert "(MQTT 5)" in caplog.text


def test_a_refusal_from_the_start_is_an_error_and_later_is_not(make: Make) -> None:
    answers = {LEVEL_5: refuse_5(0x87)}
    with ScriptedBroker(answers) as broker:
        connection = make(broker.port, backoff=Backoff(uniform=lambda *_: 0.0))
        connection.start()
        wait_for(lambda: connection.refused is not None, 5)
        with pytest.raises(RefusedError, match="refuses a client without user name: Not authorized: check mqtt.user"):
            connection.check()
        answers[LEVEL_5] = ACCEPT_5
        connection.advance()
        assert connection.wait_connected(5)
        assert connection.refused is None
        answers[LEVEL_5] = refuse_5(0x87)
        connection.reset("is changed by a test")
        connection.advance()
        wait_for(lambda: connection.refused is not None, 5)
        connection.check()


def test_what_is_published_without_a_connection_is_not_taken(make: Make) -> None:
    connection = make(free_port())
    assert connection.publish("t", b"x", Channel()) is None
    connection.subscribe(["t"])
    connection.reset("is not there")  # nothing to reset
    assert connection.state is State.STOPPED


def test_a_message_whose_topic_is_no_text_is_acknowledged_and_passed_over(make: Make) -> None:
    topics: list[str] = []
    with ScriptedBroker(ACCEPTING) as broker:
        connection = make(
            broker.port, SessionOptions(manual_acknowledgement=True),
            Callbacks(message=lambda incoming: topics.append(incoming.topic)),
        )  # fmt: skip
        connection.start()
        assert connection.wait_connected(5)
        broker.send(b"\x32\x07\x00\x01\xff\x00\x07\x00x")
        broker.send(b"\x32\x07\x00\x01t\x00\x08\x00x")
        wait_for(lambda: topics == ["t"], 5)
        wait_for(lambda: b"\x40\x02\x00\x07" in broker.received, 5)
        assert b"\x40\x02\x00\x08" not in broker.received


def test_a_broker_that_answers_twice_changes_nothing(make: Make) -> None:
    calls: list[str] = []
    with ScriptedBroker({LEVEL_5: 2 * ACCEPT_5}) as broker:
        connection = make(broker.port, callbacks=Callbacks(connected=lambda: calls.append("connected")))
        connection.start()
        assert connection.wait_connected(5)
        connection.subscribe(["t"])
        assert connection.wait_subscribed(5)  # the second answer came before this one
    assert calls == ["connected"]


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_broker_that_goes_on_answering_does_not_disturb_the_end(make: Make) -> None:
    over = threading.Event()
    with ScriptedBroker({LEVEL_5: ACCEPT_5}) as broker:
        connection = make(broker.port)
        connection.start()
        assert connection.wait_connected(5)

        def flood() -> None:
            with contextlib.suppress(OSError):
                while not over.is_set():
                    broker.send(1000 * ACCEPT_5)

        sender = threading.Thread(target=flood)
        sender.start()
        connection.stop()
        over.set()
        sender.join(10)


@pytest.mark.parametrize(("repeat_after", "lines"), [(3600.0, 1), (0.0, 3)])
def test_a_broker_that_stays_away_is_logged_now_and_then(
    make: Make, repeat_after: float, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    connection = make(
        free_port(), backoff=Backoff(uniform=lambda *_: 0.0),
        problem_log=ProblemLog(logging.getLogger("edge.test"), repeat_after),
    )  # fmt: skip
    connection.start()
    for _ in range(3):
        wait_for(lambda: connection.state is State.WAITING, 10, "an attempt that failed")
        connection.advance()
    wait_for(lambda: connection.state is State.WAITING, 10, "an attempt that failed")
    assert min(caplog.text.count("nothing listens there"), lines) == lines
    assert repeat_after == 0 or caplog.text.count("nothing listens there") == 1
