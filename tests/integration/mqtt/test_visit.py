"""A command's short visit at brokers that are none, are old, or refuse a subscription."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from edge.config.broker_url import BrokerUrl
from edge.errors import EdgeError
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.problem import ProblemCode
from edge.mqtt.visit import Visit
from tests.support.brokers import free_port, wait_for

Answer = Callable[[socket.socket], object]


@contextlib.contextmanager
def listening(answer: Answer) -> Iterator[int]:
    """A port at which every caller gets this answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    caller, _ = server.accept()
                    with caller:
                        answer(caller)

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


def visit(port: int) -> Visit:
    return Visit(BrokerSettings(BrokerUrl("127.0.0.1", port, tls=False), "visitor"))


def test_what_hangs_up_in_both_protocols_is_no_broker() -> None:
    with listening(lambda caller: caller.recv(100)) as port:
        visitor = visit(port)
        with pytest.raises(EdgeError, match=r"speaks neither MQTT 5 nor 3.1.1: is it an MQTT broker"):
            visitor.connect()
        visitor.stop()


def test_where_nothing_listens_the_visit_ends_at_once() -> None:
    visitor = visit(free_port())
    with pytest.raises(EdgeError, match="nothing listens there: check mqtt.broker"):
        visitor.connect()
    assert visitor.problem is not None
    assert visitor.problem.code is ProblemCode.UNREACHABLE
    visitor.stop()


def test_an_old_broker_is_visited_in_its_own_protocol() -> None:
    def old(caller: socket.socket) -> None:
        if caller.recv(100)[8] == 4:
            caller.sendall(bytes([0x20, 2, 0, 0]))
            caller.recv(100)

    with listening(old) as port:
        visitor = visit(port)
        visitor.connect()
        assert visitor.protocol == "3.1.1"
        visitor.stop()


def test_a_refused_subscription_is_a_problem_with_a_code() -> None:
    def refusing(caller: socket.socket) -> None:
        caller.recv(100)
        caller.sendall(bytes([0x20, 3, 0, 0, 0]))  # CONNACK
        subscribe = caller.recv(100)
        caller.sendall(bytes([0x90, 4, *subscribe[2:4], 0, 0x87]))  # SUBACK: not authorized
        caller.recv(100)

    with listening(refusing) as port:
        visitor = visit(port)
        visitor.connect()
        visitor.subscribe(["a"])
        wait_for(lambda: visitor.problem is not None, 5)
        assert visitor.problem is not None
        assert visitor.problem.code is ProblemCode.SUBSCRIPTION_REFUSED
        assert "refuses the subscription: Not authorized; check the broker's access list" in str(visitor.problem)
        visitor.stop()
