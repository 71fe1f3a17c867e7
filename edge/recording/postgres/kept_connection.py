"""A connection that is kept until something goes wrong with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg

from edge.recording.postgres.address import PostgresAddress
from edge.recording.postgres.connection import connect, explain, explained
from edge.recording.window_store import AwayError


class KeptConnection:
    """Closed after any error, so that the next attempt begins anew.

    Args:
        address: Where to.
        purpose: What the server calls it.
        ended: Called whenever it is closed: what was learnt over it may not be so any more.
    """

    def __init__(self, address: PostgresAddress, purpose: str, ended: Callable[[], None]) -> None:
        self._address = address
        self._purpose = purpose
        self._ended = ended
        self._connection: psycopg.Connection | None = None
        self.was_open = False
        """Whether it has been opened before."""

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._connection is not None

    @contextlib.contextmanager
    def opened(self) -> Iterator[psycopg.Connection]:
        """Connect, and prepare what is used later. Raises as `used`."""
        with self._explained():
            self._connection = connect(self._address, self._purpose)
            yield self._connection
        self.was_open = True

    @contextlib.contextmanager
    def used(self, *, storing: bool = False) -> Iterator[psycopg.Connection]:
        """The connection; its errors in words.

        Args:
            storing: As `explain`.

        Raises:
            ConfigError: A person has to change something.
            AwayError: It may work again later.
            UnstorableError: A value that was to be stored is at fault.
            DamagedError: One that is stored.
        """
        if self._connection is None:
            raise AwayError(f"{self._address} is not connected")
        with self._explained(storing=storing):
            yield self._connection

    def ask(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """The answer to a question by itself. Raises as `used`, but without an answer the connection is kept.

        Whatever is at fault with the question, who holds locks over the connection keeps them.
        """
        with self.used() as connection:
            try:
                return connection.execute(query, values).fetchall()
            except psycopg.Error as error:
                if connection.closed:
                    raise
                # Not what a restore leaves: the question is at fault, and whoever asked says so and goes on.
                told = explain(error, self._address, was_open=False)
        raise told

    def close(self) -> None:
        """Close it."""
        connection, self._connection = self._connection, None
        self._ended()
        if connection is not None:
            with contextlib.suppress(psycopg.Error):  # nothing is lost: what was committed is
                connection.close()

    @contextlib.contextmanager
    def _explained(self, *, storing: bool = False) -> Iterator[None]:
        try:
            with explained(self._address, was_open=self.was_open, storing=storing):
                yield
        except BaseException:
            self.close()
            raise
