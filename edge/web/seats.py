"""Who may have a connection to a page's server: visitors and strangers each have seats of their own.

A connection is a stranger's until its request has shown a token, and again once a later one shows none: a proxy sends
the requests of all through the same connections. It has the seat of a stream while its answer is the events of an open
page. No kind ever takes a seat of another. Where all seats of a kind are taken, the next who comes gets one
nevertheless, one of whoever has most: the visitor of one token, or the address of strangers. So

* a visitor loses seats to visitors only, and only while nobody has more: nobody holds more than an even share;
* whoever comes needs a stranger's seat only until the head of the request is there. Behind a proxy all strangers have
  one address. Of these go the ones whose request showed no token, and then the oldest: who has said nothing yet has two
  thirds of a second for it while 300 come each second. Whatever comes, none goes before its head could be read: the
  server takes a tenth of all seats at once (`BACKLOG`);
* a stream is ended for somebody who has fewer, and for nobody else: its page would open it again, and end the next.

Of a visitor's own the first to go is one that waits for a question, and then the oldest answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from edge.web.connections import GuardedProtocol

Kind = Literal["stranger", "visitor", "stream"]

SEATS: dict[Kind, int] = {"stranger": 200, "visitor": 200, "stream": 400}
"""Of each kind: with what else is open fewer than 1,024 descriptors. So no answer may keep a file open besides."""


class Owner(NamedTuple):
    """Who has connections: a visitor with a token, or an address that has not shown one."""

    kind: Kind
    name: str


class Seats:
    """The open connections of one page."""

    def __init__(self) -> None:
        self._owned: dict[Owner, dict[GuardedProtocol, None]] = {}  # of each in the order in which they came
        self._taken: dict[Kind, int] = dict.fromkeys(SEATS, 0)
        self._closed = False

    def take(self, connection: GuardedProtocol) -> bool:
        """Let one in; another may have to make room. False: nobody is let in any more."""
        if self._closed:
            return False
        kind = connection.owner.kind
        if self._taken[kind] >= SEATS[kind]:
            least = self._least_needed(kind)
            self.give_back(least)
            least.end()
        self._owned.setdefault(connection.owner, {})[connection] = None
        self._taken[kind] += 1
        return True

    def give_back(self, connection: GuardedProtocol) -> bool:
        """One has ended; False: it had no seat any more."""
        owned = self._owned.get(connection.owner, {})
        if connection not in owned:
            return False
        del owned[connection]
        if not owned:
            del self._owned[connection.owner]
        self._taken[connection.owner.kind] -= 1
        return True

    def hand_over(self, connection: GuardedProtocol, owner: Owner) -> None:
        """A request has shown whose the connection is from now on."""
        if connection.owner != owner and self.give_back(connection):
            connection.owner = owner
            self.take(connection)

    def stay(self, connection: GuardedProtocol) -> bool:
        """A visitor's answer goes on from now on; False: all such seats are taken, and nobody has two more of them."""
        stream = Owner("stream", connection.owner.name)
        own = len(self._owned.get(stream, ()))
        if self._taken["stream"] >= SEATS["stream"] and len(self._most("stream")) < own + 2:
            return False
        self.hand_over(connection, stream)
        return True

    def of(self, client: tuple[str, int] | None) -> GuardedProtocol | None:
        """The connection from an address and port, if it has a seat: what an ASGI scope says of it."""
        return next((each for owned in self._owned.values() for each in owned if each.client == client), None)

    def end_all(self) -> None:
        """End them at once, also a live picture that would never end by itself."""
        self._closed = True
        for owned in self._owned.values():
            for each in owned:
                each.end()

    def _most(self, kind: Kind) -> dict[GuardedProtocol, None]:
        """The connections of whoever has most of a kind."""
        return max((owned for owner, owned in self._owned.items() if owner.kind == kind), key=len)

    def _least_needed(self, kind: Kind) -> GuardedProtocol:
        """Whose seat is given away."""
        most = self._most(kind)
        if kind == "stranger":
            return min(most, key=lambda each: not each.heard)  # of several the first, which is the oldest
        return min(most, key=lambda each: (not each.waiting, each.since))
