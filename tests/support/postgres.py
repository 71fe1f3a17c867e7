"""A private PostgreSQL: on a Unix socket alone, in a folder of its own, as an ordinary user."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

OWNER = "owner"  # the superuser of the server
# Nothing here is about a machine that loses power; where programs are killed, the system still has what they wrote.
FAST = (
    "fsync=off", "full_page_writes=off", "listen_addresses=", "shared_buffers=16MB", "max_connections=30",
    "unix_socket_permissions=0777",
)  # fmt: skip
# As on a machine of its own that must not lose anything; when each row became visible is kept.
LASTING = (
    "shared_buffers=3GB", "max_wal_size=4GB", "track_commit_timestamp=on", "listen_addresses=", "max_connections=60",
    "unix_socket_permissions=0777",
)  # fmt: skip
# Whoever reaches the socket is who they say; but these two have to know their password.
RULES = """
local all guarded,reading scram-sha-256
local all all trust
"""


def binaries() -> Path:
    """The folder of the newest PostgreSQL here; the test is skipped where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    if not found and on_path is None:
        pytest.skip("PostgreSQL is not installed (./test installs it)")
    return found[-1].parent if found else Path(str(on_path)).resolve().parent


class PostgresServer:
    """A server that can be started, killed and started again.

    Args:
        folder: Its data and its socket; not below a folder that only root may enter.
        settings: Of the server.
    """

    def __init__(self, folder: Path, settings: Sequence[str] = FAST) -> None:
        self.folder = folder
        self._settings = settings
        self._binaries = binaries()
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def made(cls, settings: Sequence[str] = FAST, parent: Path | None = None) -> PostgresServer:
        """A new one, not yet started, in a folder below that for temporary files, or another."""
        server = cls(Path(tempfile.mkdtemp(prefix="edge-pg-", dir=parent)), settings)
        if os.geteuid() == 0:  # PostgreSQL refuses root
            nobody = pwd.getpwnam("nobody")
            os.chown(server.folder, nobody.pw_uid, nobody.pw_gid)
        server._run("initdb", "--pgdata", "data", "--username", OWNER, "--encoding", "UTF8", "--locale", "C",
                    "--auth", "trust", "--no-sync")  # fmt: skip
        (server.folder / "data/pg_hba.conf").write_text(RULES)
        return server

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [part for each in self._settings for part in ("-c", each)]
        self._process = subprocess.Popen(
            [self._binaries / "postgres", "-D", "data", "-k", self.folder, *options], cwd=self.folder,
            stderr=(self.folder / "log").open("ab"), **_ordinary(),
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while self._run("pg_isready", "-q", "-h", str(self.folder), check=False):
            if time.monotonic() > deadline or self._process.poll() is not None:
                pytest.fail(f"PostgreSQL did not start: {(self.folder / 'log').read_text()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """As the machine's memory killer does it; its children end with it."""
        self._end(signal.SIGKILL)
        # A new one refuses to start beside what an old one left running.
        deadline = time.monotonic() + 20
        while _lives(self.folder) and time.monotonic() < deadline:
            time.sleep(0.02)

    def stop(self) -> None:
        """End it without waiting for its clients."""
        self._end(signal.SIGINT)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """All of it stands still, as where its disk does; what was connected stays so."""
        assert self._process is not None
        stopped = [self._process.pid, *_children(self._process.pid)]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)

    def remove(self) -> None:
        """Stop it, and leave nothing."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, *statements: str, database: str = "postgres") -> str:
        """Run statements as the superuser, one after another; what `psql -At` prints, values parted by `|`.

        Through the library of psql, in this process: psql itself takes thirty times as long to start as to ask.
        """
        from psycopg import pq  # noqa: PLC0415 - of an extra

        connection = pq.PGconn.connect(
            f"{self.url(database)}&client_encoding=UTF8&options=-c%20client_min_messages%3Dwarning".encode()
        )
        lines: list[bytes] = []
        try:
            assert connection.status == pq.ConnStatus.OK, connection.get_error_message()
            for each in statements:
                connection.send_query(each.encode())
                while result := connection.get_result():
                    assert result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK), result.error_message
                    lines += (
                        b"|".join(result.get_value(row, column) or b"" for column in range(result.nfields)) + b"\n"
                        for row in range(result.ntuples)
                    )
        finally:
            connection.finish()
        return b"".join(lines).decode()

    def psql(self, *arguments: str, database: str = "postgres", text: str | None = None) -> str:
        """What psql prints."""
        options = ("-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-U", OWNER, "-d", database)
        done = subprocess.run(
            [self._binaries / "psql", *options, *arguments], capture_output=True, text=True, input=text, check=False,
            env={**os.environ, "PGOPTIONS": "-c client_min_messages=warning"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def url(self, database: str, user: str = OWNER) -> str:
        """Where a database is."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        done = subprocess.run(
            [self._binaries / program, *arguments], cwd=self.folder, capture_output=True, check=False, **_ordinary()
        )
        assert not check or done.returncode == 0, done.stderr.decode()
        return done.returncode


def _ordinary() -> dict[str, Any]:
    """For root: to be nobody."""
    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _lives(folder: Path) -> bool:
    """Whether a process still works in the folder."""

    def cwd(process: Path) -> str:
        try:
            return str((process / "cwd").readlink())
        except OSError:
            return ""

    processes: Iterable[Path] = Path("/proc").glob("[0-9]*")
    return any(cwd(each).startswith(str(folder)) for each in processes)
