"""Real parts for the tests: a Mosquitto, a daemon process, the shipped models."""

from __future__ import annotations

import ctypes
import logging
import os
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType

import cv2
import gpiozero
import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import settings

from edge.config.broker_url import BrokerUrl
from edge.contract.channels import Lifetimes
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.mqtt.client_factory import BrokerSettings
from edge.recording.postgres.address import PostgresAddress
from tests.support.brokers import Broker, Subscriber, can_connect, free_port, wait_for
from tests.support.daemon import PROGRAM
from tests.support.faults import SmallDisk, small_disk
from tests.support.paths import ROOT
from tests.support.postgres import PostgresServer
from tests.support.publishing import INFO, STATE, TOPICS, Start
from tests.support.stores import Place
from tests.support.supervisor import Supervisor

LIBC = ctypes.CDLL(None)
MEMORY = resource.getrlimit(resource.RLIMIT_DATA)

# A busy machine is no fault of what is tested.
settings.register_profile("edge", deadline=None)
settings.load_profile("edge")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test carries the name of its folder, and `browser` where it opens one.

    One that sleeps or asks the time is tried twice more: others that run beside it are no fault of what is tested.
    """
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if folder in ("integration", "system"):
            item.add_marker(folder)
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
        if isinstance(item, pytest.Function) and _reads_clock(item.function.__code__):
            item.add_marker(pytest.mark.flaky(reruns=2))


def _reads_clock(code: CodeType) -> bool:
    """Whether a test sleeps, or asks what time it is."""
    within = (each for each in code.co_consts if isinstance(each, CodeType))
    return "time" in code.co_names or any(map(_reads_clock, within))


@pytest.fixture(scope="session", autouse=True)
def signals_are_heard() -> None:
    """Programs respect nohup and a shell's `&`; tests may run under both, and send SIGHUP and SIGINT all the same."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def process_is_set_up_for_one_test() -> Iterator[None]:
    """What a test runs in this process sets logging up, and locks and limits memory, for all that come after it.

    Where memory stays locked, whoever is not root can hardly map any more; under a limit, a browser that is started
    cannot show a page.
    """
    audit = logging.getLogger("edge.audit")
    before = audit.handlers[:], audit.propagate, audit.level
    yield
    audit.handlers, audit.propagate, audit.level = before
    LIBC.munlockall()
    resource.setrlimit(resource.RLIMIT_DATA, MEMORY)


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that the test starts are not measured for coverage: that takes time at their start, and a file."""
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """Hears of the next `edge` that is started, whose watchdog is impatient."""
    with tempfile.TemporaryDirectory() as folder:  # with a name that is short enough for a socket
        other = Supervisor(f"{folder}/notify")
        monkeypatch.setenv("NOTIFY_SOCKET", f"{folder}/notify")
        monkeypatch.setenv("WATCHDOG_USEC", "1")
        yield other
        other.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A file system of one megabyte."""
    with small_disk(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture
def larger_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """One that what is left free on it matters for: 5 % hold a recorder's `-wal` and the snapshot of a broker."""
    with small_disk(tmp_path / "larger", 24) as disk:
        yield disk


@pytest.fixture
def start_broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """Starts real Mosquittos on free ports of 127.0.0.1, each with extra lines of configuration."""
    binary = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if binary is None:
        pytest.skip("mosquitto is not installed (./test installs it)")
    started: list[subprocess.Popen[bytes]] = []

    def start(*lines: str, port: int | None = None) -> Broker:
        port = port or free_port()
        config = tmp_path / f"mosquitto-{port}.conf"
        first = [f"listener {port} 127.0.0.1", *(["user root"] if os.geteuid() == 0 else [])]
        if not any(line.startswith("allow_anonymous") for line in lines):
            first.append("allow_anonymous true")
        config.write_text("\n".join([*first, "persistence false", *lines]) + "\n")
        process = subprocess.Popen([binary, "-c", str(config)], stderr=subprocess.DEVNULL)
        started.append(process)
        wait_for(lambda: can_connect(port), 5)
        return Broker(port, process)

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for all tests that do not stop it."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")
    server = PostgresServer.made()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres(shared_postgres: PostgresServer) -> Place:
    """An empty database."""
    name = f"edge_{secrets.token_hex(4)}"
    shared_postgres.sql(f"CREATE DATABASE {name}")
    return Place(PostgresAddress(shared_postgres.url(name), "north"), shared_postgres, name)


@pytest.fixture
def own() -> Iterator[Place]:
    """A server of this test alone, which may be stopped and killed."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")
    server = PostgresServer.made()
    try:
        server.start()
        server.sql("CREATE DATABASE edge")
        yield Place(PostgresAddress(server.url("edge"), "north"), server, "edge")
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty file, and an empty database."""
    if request.param == "sqlite":
        return Place(tmp_path / "school.sqlite")
    found = request.getfixturevalue("postgres")
    assert isinstance(found, Place)
    return found


@pytest.fixture
def broker(start_broker: Callable[..., Broker]) -> int:
    """The port of a plain Mosquitto."""
    return start_broker().port


@pytest.fixture
def subscribe() -> Iterator[Callable[..., Subscriber]]:
    """Starts subscribers that remember what they are sent."""
    started: list[Subscriber] = []

    def start(port: int, topic: str = "classroom/#", **options: int) -> Subscriber:
        started.append(Subscriber(port, topic, **options))
        return started[-1]

    yield start
    for subscriber in started:
        subscriber.stop()


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `python -m edge` (see PROGRAM) with an outbox of its own; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": f"{tmp_path}/site:{ROOT}",  # a test may put a sitecustomize.py there
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "COLUMNS": "200",
        }
        command = [sys.executable, *PROGRAM, *arguments]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            text=True,
            errors="replace",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def publish(tmp_path: Path) -> Iterator[Start]:
    """Starts publishers on the same outbox."""
    started: list[Publisher] = []

    def start(port: int, **settings: object) -> Publisher:
        broker = BrokerSettings(BrokerUrl("127.0.0.1", port, "tls" in settings), "edge-room-9", **settings)  # type: ignore[arg-type]
        started.append(Publisher(broker, TOPICS, Outbox(tmp_path / "o.sqlite"), Lifetimes(3600, 3, 3)))
        started[-1].start(INFO, STATE)
        return started[-1]

    yield start
    for publisher in started:
        publisher.stop()


@pytest.fixture
def pictures(tmp_path: Path) -> str:
    """A source without people that never ends."""
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in/a.png"), np.full((240, 320, 3), 90, np.uint8))
    return f"images:{tmp_path}/in"


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    """GPIO pins that are not there; the button's is pulled up, as a button to ground wants it."""
    factory = gpiozero.Device.pin_factory = MockFactory()
    yield factory
    factory.close()
    gpiozero.Device.pin_factory = None
