"""A name with more addresses than anybody can try, as a forged answer of DNS may have."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.mqtt.bounded_client import MOST_ADDRESSES, BoundedClient
from tests.support.brokers import free_port

NAME = "broker.school.example"
Named = Callable[[list[str]], None]


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Named:
    """Gives the name addresses."""
    resolve = socket.getaddrinfo

    def name(addresses: list[str]) -> None:
        def look_up(host: str, *words: int, **options: int) -> list[object]:
            return [found for each in addresses for found in resolve(each if host == NAME else host, *words, **options)]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return name


@contextmanager
def listening(address: str, port: int) -> Iterator[socket.socket]:
    with socket.create_server((address, port)) as server:
        server.settimeout(5)
        yield server


def client() -> BoundedClient:
    return BoundedClient(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)


@pytest.mark.parametrize("place", [MOST_ADDRESSES, MOST_ADDRESSES + 1])
def test_so_many_are_tried_and_no_more(named: Named, place: int) -> None:
    port = free_port()
    named([f"127.0.0.{10 + n}" for n in range(1, 100)])
    with listening(f"127.0.0.{10 + place}", port) as server:
        if place > MOST_ADDRESSES:
            with pytest.raises(ConnectionRefusedError):
                client().connect(NAME, port)
            return
        client().connect(NAME, port)
        with server.accept()[0] as line:
            assert line.recv(1) == b"\x10", "CONNECT"


def test_once_it_is_given_up_no_connect_is_sent_and_no_other_address_tried(named: Named) -> None:
    """It would end the connection that has the same client id meanwhile."""
    port, late = free_port(), client()
    named(["127.0.0.11", "127.0.0.12"])
    late.given_up = True
    with listening("127.0.0.11", port) as first, listening("127.0.0.12", port) as second:
        with pytest.raises(ConnectionAbortedError):
            late.connect(NAME, port)
        with first.accept()[0] as line:
            line.settimeout(5)
            assert line.recv(1) == b""
        second.settimeout(0.1)
        with pytest.raises(TimeoutError):
            second.accept()
