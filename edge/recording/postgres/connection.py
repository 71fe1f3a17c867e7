"""A connection with limits on every wait, and the server's errors in plain sentences."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from edge.errors import ConfigError, EdgeError
from edge.recording.postgres.address import PostgresAddress
from edge.recording.window_row import DamagedError
from edge.recording.window_store import AwayError, IncompleteError, NoRoomError, UnstorableError
from edge.text import listed, printable

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30
LOCK_SECONDS = 10
# A server that stands still ends no statement of its own, nor any that waits, at COMMIT, for a standby that has gone.
ANSWER_SECONDS = STATEMENT_SECONDS + 5
# A host that has gone without a word is noticed after about as many seconds.
SILENCE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
# A role may change its own settings, for all who use it: so what a value means is never left to them.
MEANING = {
    "extra_float_digits": "3", "DateStyle": "ISO, YMD", "IntervalStyle": "postgres", "bytea_output": "hex",
    "TimeZone": "UTC", "standard_conforming_strings": "on", "array_nulls": "on", "quote_all_identifiers": "off",
    "search_path": "",
    # Who deletes and who stores see each other's rows once they have the lock.
    "default_transaction_isolation": "read committed", "row_security": "on",
}  # fmt: skip
# Those that this version of the server has. An administrator may ask for more than `on`, but what is acknowledged must
# at least be on this disk.
SET = """
SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS wanted (name, value)
WHERE current_setting(name, true) IS NOT NULL
UNION ALL SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""
# What libpq says, which has no code for it, when trying again would not help.
REFUSALS = (
    ("password authentication failed", "check user and password: --password-file, or PGPASSFILE"),
    ("no password supplied", "name a file with the password: --password-file, or PGPASSFILE"),
    ("no pg_hba.conf entry", "pg_hba.conf of the server must let this user in from here"),
    ("authentication failed", "pg_hba.conf of the server must let this user in from here"),
    ("permission denied for database", "GRANT CONNECT ON DATABASE to this user: docs/district.md"),
    ("does not exist", "make the user and the database: docs/district.md"),
    ("invalid connection option", "check the options of --database"),
    ("invalid URI query parameter", "check the options of --database"),
)
UNSTORABLE = (psycopg.DataError, errors.ProgramLimitExceeded)  # what only other values could mend
TOO_LATE = (errors.QueryCanceled, errors.LockNotAvailable, errors.DeadlockDetected)
PASSING = (
    (TOO_LATE, "did not answer in time", "see what else it does"),
    (errors.CheckViolation, "has lost a month of the table windows", "it is made anew"),
    (errors.DiskFull, "has no room", "give it more disk"),
    (errors.ReadOnlySqlTransaction, "only reads now", "name the primary server"),
    ((psycopg.OperationalError, psycopg.InterfaceError), "cannot be reached", "is the server running?"),
)
"""What may pass by itself: errors, what they mean, and what to do; the first that fits."""

MISSING = (
    errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction, errors.UndefinedObject,
    errors.InvalidSchemaName, errors.InvalidColumnReference,  # of an index that is not there yet
    errors.ForeignKeyViolation, errors.InternalError_,  # "could not open relation": it was replaced meanwhile
)  # fmt: skip
"""What tables say that were whole before, while a dump is restored over them."""

KEPT_BACK = "drop what is not of edge, start the recorder, make it again: docs/district.md, Upgrades"
MOST_DEPENDENTS = 5  # that are named
T = TypeVar("T")


class BoundedConnection(psycopg.Connection[Any]):
    """Ends itself where the server says nothing for too long, whatever it waits for."""

    answers_within: float = ANSWER_SECONDS
    working: Callable[[], bool] = staticmethod(lambda: False)  # whether the server works on what takes that long

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:  # noqa: ANN401 - psycopg's
        """As psycopg's: each of its waits is one. Raises psycopg.OperationalError; the connection is closed."""
        return super().wait(self._bounded(gen), *args, **kwargs)

    def _bounded(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        heard = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted  # nothing, several times a second, while there is nothing
                now = time.monotonic()
                if ready:
                    heard = now
                elif now - heard > self.answers_within and self.working():
                    heard = time.monotonic()
                elif now - heard > self.answers_within:
                    self.close()
                    raise psycopg.OperationalError(f"it has not answered for {now - heard:.0f} s")
                wanted = gen.send(ready)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]


@contextlib.contextmanager
def unhurried(connection: psycopg.Connection) -> Iterator[None]:
    """A transaction of statements that take what they take, on a server that answers others meanwhile.

    Locks are waited for no longer than ever.
    """
    info = connection.info

    def working() -> bool:
        try:  # no statement: the server lives where it lets us in, or says why not
            psycopg.connect(info.dsn, password=info.password, connect_timeout=CONNECT_SECONDS).close()
        except errors.ConnectionTimeout:
            return False
        except psycopg.Error:
            pass
        return True

    with connection.transaction():
        connection.execute("SET LOCAL statement_timeout = 0")
        if isinstance(connection, BoundedConnection):
            connection.working = working
        try:
            yield
        finally:
            if isinstance(connection, BoundedConnection):
                del connection.working


def connect(address: PostgresAddress, purpose: str) -> psycopg.Connection:
    """Connect; every statement that is not within a transaction block is one of its own.

    Args:
        address: Where.
        purpose: What the server calls this connection: `edge record`.

    Raises:
        ConfigError: It has another encoding than UTF8.
        psycopg.Error: To be explained by `explain`.
    """
    options = {"connect_timeout": CONNECT_SECONDS, "application_name": purpose, "client_encoding": "utf8", **SILENCE}
    if address.password is not None:
        options["password"] = address.password
    connection = BoundedConnection.connect(address.url, autocommit=True, **options)  # type: ignore[arg-type]
    try:
        _check_encoding(connection, address)
        # By itself and first: what the role has may be too short for anything else.
        connection.execute(f"SET statement_timeout = '{STATEMENT_SECONDS}s'")
        settings = {**MEANING, **_limits()}
        connection.execute(SET, (list(settings), list(settings.values())))
    except BaseException:
        connection.close()
        raise
    return connection


def _limits() -> dict[str, str]:
    """How long the server waits for anything."""
    return {
        "lock_timeout": f"{LOCK_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{2 * STATEMENT_SECONDS}s",
        "idle_session_timeout": "0",
        "transaction_timeout": "0",  # from PostgreSQL 17 on
        # A host of ours that has gone without a word keeps its locks until the server notices.
        "tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
        "jit": "off",  # to compile a query of ours takes longer than to run it
    }  # fmt: skip


def _check_encoding(connection: psycopg.Connection, address: PostgresAddress) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise ConfigError(
            f"{address} keeps text in {printable(str(encoding))}, which has not all letters",
            "make a database in UTF8: docs/district.sql",
        )


@contextlib.contextmanager
def explained(address: PostgresAddress, *, was_open: bool, storing: bool = False) -> Iterator[None]:
    """Say in a sentence what psycopg raises.

    Args:
        address: Of the database.
        was_open: As `explain`.
        storing: As `explain`.

    Raises:
        ConfigError: A person has to change something.
        AwayError: It may work again later.
        UnstorableError: A value that was to be stored is at fault.
        DamagedError: One that is stored.
    """
    try:
        yield
    except psycopg.Error as error:
        raise explain(error, address, was_open=was_open, storing=storing) from None
    except UnicodeError:
        raise UnstorableError(f"{address} cannot keep a text that is none") from None
    except NotImplementedError as error:  # psycopg: of dates that are written in another way, as a pooler may have it
        raise ConfigError(
            f"{address} sends values in a form that cannot be read ({printable(str(error))})",
            "connect to the server itself, not through a pooler",
        ) from None


def explain(error: psycopg.Error, address: PostgresAddress, *, was_open: bool, storing: bool = False) -> EdgeError:
    """An AwayError where waiting may help, an UnstorableError where other values may, else a ConfigError, to be raised.

    Args:
        error: What psycopg raised.
        address: Of the database.
        was_open: It let us in before, and had its tables: then what it refuses now, or lacks, may be that of a server
            that is being restored or moved.
        storing: Values were given to be stored: they are at fault where one is, else what is stored, a DamagedError.
    """
    words = (error.diag.message_primary or str(error)).strip().splitlines()
    told = words[0].removeprefix("connection failed: ").strip() if words else type(error).__name__
    refused = [remedy for refusal, remedy in REFUSALS if refusal in str(error)]
    if error.sqlstate is None and refused and not was_open:
        return ConfigError(f"{address} refuses us ({told})", refused[0])
    if isinstance(error, UNSTORABLE):
        if storing:
            return UnstorableError(f"{address} cannot keep a value ({told})", "tell whoever looks after the database")
        return DamagedError(f"{address} has a damaged row ({told})", "another program changed it")
    for kinds, problem, remedy in PASSING:
        if isinstance(error, kinds):
            kind = NoRoomError if isinstance(error, errors.DiskFull) else AwayError
            return kind(f"{address} {problem} ({told})", remedy)
    if was_open and isinstance(error, MISSING):
        return IncompleteError(f"{address} has not all of its tables ({told})", "is it being restored?")
    problem, remedy = "cannot be used", "tell whoever looks after the database"
    if isinstance(error, errors.InsufficientPrivilege):
        problem, remedy = "lacks a right", "give the roles their rights: docs/district.md"
    if isinstance(error, errors.DependentObjectsStillExist):
        problem, remedy = "cannot be brought up to date", KEPT_BACK
        told = _dependents(error) or told
    return ConfigError(f"{address} {problem} ({told})", remedy)


def _dependents(error: psycopg.Error) -> str:
    """What of somebody's own needs what an upgrade makes anew: "view reports.rooms depends on view edge.days"."""
    lines = (error.diag.message_detail or "").splitlines()
    return listed([printable(line, len(line)) for line in lines], MOST_DEPENDENTS)
