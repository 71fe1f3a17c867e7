"""`edge check`, `support`, `unregister` and what only reads look at the embedded broker of the daemon that runs."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt import publish as paho

from edge.cli import run_command_line
from edge.config.schema import Config
from edge.daemon.broker_check import check_broker
from edge.daemon.daemon_lock import DaemonLock, Flag
from edge.daemon.paths import pause_path
from edge.daemon.running_broker import running_broker
from edge.support.daemon_words import at_broker
from tests.support.brokers import Broker, Subscriber, can_connect, free_port
from tests.support.paths import ROOT

Edge = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    settings = {"embedded_port": free_port()}
    return Config.model_validate(
        {"mode": "headcount", "mqtt": settings, "outbox": {"path": str(tmp_path / "o.sqlite")}}
    )


def run(edge: Edge, config: Config) -> int:
    """Start the daemon; the port on which its broker listens, as it tells."""
    settings = (
        f"mqtt.embedded_port={config.mqtt.embedded_port}", f"outbox.path={config.outbox.path}", "mode=headcount",
        "camera.source=sample:25", "window.seconds=1",
    )  # fmt: skip
    process = edge("run", *(word for setting in settings for word in ("--set", setting)))
    assert process.stdout is not None
    for line in process.stdout:
        if told := re.search(r"windows go to mqtt://127\.0\.0\.1:(\d+) ", line):
            return int(told[1])
    raise AssertionError(process.communicate())


def test_its_port_was_in_use(
    edge: Edge,
    config: Config,
    start_broker: Callable[..., Broker],
    subscribe: Callable[..., Subscriber],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """There is a broker of somebody else on the port of the configuration, and even a room of the same name."""
    other = start_broker(port=config.mqtt.embedded_port).port
    of_another = [("availability", "online"), ("latest", json.dumps({"epoch": "00000000"})), ("alert/x", "{}")]
    paho.multiple([(f"classroom/room-1/{name}", text, 1, True) for name, text in of_another], "127.0.0.1", other)
    port = run(edge, config)
    assert port != other
    subscribe(port).wait("latest")
    assert f"embedded, of the daemon that runs, mqtt://127.0.0.1:{port}: MQTT 5" in check_broker(config, None)
    assert not can_connect(port + 1)  # no broker was started beside it
    found = at_broker(config)
    assert (found["availability"], found["alerts"]) == ("online", {})
    settings = (f"mqtt.embedded_port={other}", f"outbox.path={config.outbox.path}")
    options = [word for setting in settings for word in ("--set", setting)]
    watching = edge("watch", *options)
    assert watching.stdout is not None
    assert "faces" in next(line for line in watching.stdout if "room-1" in line)
    run_command_line(["unregister", *options])
    assert "removed homeassistant/device/classroom_room-1/config" in capsys.readouterr().out


def test_a_daemon_with_other_options(edge: Edge, config: Config) -> None:
    run(edge, config)
    elsewhere = config.model_copy(update={"mqtt": config.mqtt.model_copy(update={"embedded_port": free_port()})})
    assert "give the options (--set) that the daemon was started with" in check_broker(elsewhere, None)
    assert "was not found" in at_broker(elsewhere)["unreachable"]


def test_ports_on_which_something_is_silent_are_asked_at_the_same_time(
    config: Config, listeners: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked one after the other would have given up the first when the last is asked."""
    monkeypatch.setattr("edge.daemon.running_broker.ANSWER_SECONDS", 60.0)  # of a busy machine
    all_asked, gone = threading.Barrier(len(listeners)), list[int]()

    def listen(listener: socket.socket) -> None:
        said = b""
        while not said:  # of who only looks whether anybody listens there is nothing
            caller, _ = listener.accept()
            with caller:
                if said := caller.recv(100):
                    all_asked.wait(60)
                    caller.setblocking(False)
                    with contextlib.suppress(BlockingIOError):  # else it has said goodbye, or nothing more
                        gone.append(len(caller.recv(100)))
        listener.close()

    threads = [threading.Thread(target=listen, args=(each,)) for each in listeners]
    for each in threads:
        each.start()
    first = listeners[0].getsockname()[1]
    elsewhere = config.model_copy(update={"mqtt": config.mqtt.model_copy(update={"embedded_port": first})})
    lock = DaemonLock(pause_path(elsewhere))
    lock.make()
    with lock.holding(Flag.RUNS):
        assert running_broker(elsewhere, "-test") is None
    lock.close()
    for each in threads:
        each.join(60)
    assert not all_asked.broken
    assert gone == []


READER = """
import sys
from edge.__main__ import main
from edge.daemon import running_broker
running_broker.ANSWER_SECONDS = 300.0
sys.exit(main())
"""


@pytest.mark.parametrize("command", ["watch", "unregister"])
def test_who_looks_for_the_broker_is_ended_at_once(
    config: Config, listeners: list[socket.socket], command: str
) -> None:
    listener = listeners[0]
    settings = (f"mqtt.embedded_port={listener.getsockname()[1]}", f"outbox.path={config.outbox.path}")
    words = [command, *(word for setting in settings for word in ("--set", setting))]
    said, calls = b"", list[socket.socket]()
    lock = DaemonLock(pause_path(config))
    lock.make()
    with (
        lock.holding(Flag.RUNS),
        subprocess.Popen([sys.executable, "-c", READER, *words], cwd=ROOT, stdout=subprocess.DEVNULL) as process,
    ):
        while not said:  # of who only looks whether anybody listens there is nothing
            calls.append(listener.accept()[0])
            said = calls[-1].recv(100)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    lock.close()
    for each in calls:
        each.close()


def test_what_another_users_daemon_has_retained_is_not_removed(
    config: Config,
    start_broker: Callable[..., Broker],
    subscribe: Callable[..., Subscriber],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It listens where ours would, under the same name; ours does not run, or its broker is not found."""
    port = start_broker(port=config.mqtt.embedded_port).port
    of_another = [("availability", "online"), ("latest", json.dumps({"epoch": "00000000"}))]
    paho.multiple([(f"classroom/room-1/{name}", text, 1, True) for name, text in of_another], "127.0.0.1", port)
    settings = (f"mqtt.embedded_port={port}", f"outbox.path={config.outbox.path}")
    options = [word for setting in settings for word in ("--set", setting)]
    lock = DaemonLock(pause_path(config))
    lock.make()
    for runs in (False, True):
        lock.set_flag(Flag.RUNS, held=runs)
        assert run_command_line(["unregister", "--all", *options]) == 1
        told = capsys.readouterr()
        assert (told.out, "room-1 that is running there is not this one" in told.err) == ("", True)
    lock.close()
    left = subscribe(port)
    left.wait("availability")
    left.wait("latest")


@pytest.fixture
def listeners() -> Iterator[list[socket.socket]]:
    """On three ports, one after the other."""
    while True:
        with contextlib.ExitStack() as stack:
            found = [stack.enter_context(socket.create_server(("127.0.0.1", 0)))]
            first = found[0].getsockname()[1]
            try:
                others = (socket.create_server(("127.0.0.1", first + number)) for number in (1, 2))
                found += [stack.enter_context(each) for each in others]
            except (OSError, OverflowError):  # another program has it, or there is none
                continue
            yield found
            return


def test_no_daemon(config: Config) -> None:
    assert running_broker(config, "-test") is None
    assert re.fullmatch(r"embedded, mqtt://127\.0\.0\.1:\d+: MQTT 5, round trip \d+ ms", check_broker(config, None))
