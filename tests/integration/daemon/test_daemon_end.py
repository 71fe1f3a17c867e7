"""How the daemon ends: signals, mistakes, refusals, terminals that nobody reads."""

from __future__ import annotations

import contextlib
import fcntl
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from edge.delivery.outbox import Outbox
from tests.support.brokers import Broker, Subscriber, wait_for
from tests.support.daemon import Edge, end, run_sample

Subscribe = Callable[..., Subscriber]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_publishes_the_last_window_and_offline(
    broker: int, edge: Edge, subscribe: Subscribe, number: int
) -> None:
    subscriber = subscribe(broker)
    process = run_sample(edge, broker, "window.seconds=60")
    wait_for(lambda: bool(subscriber.named("health")), 20)
    seconds, out, err = end(process, number)
    assert process.returncode == 0, err
    assert seconds < 3
    wait_for(lambda: len(subscriber.named("availability")) == 2, 2)
    assert [message.name for message in subscriber.messages[-1:]] == ["availability"]
    assert subscriber.named("availability")[-1].payload == b"offline"
    window = subscriber.named("window")[0].json()
    assert 1 < window["window"]["seconds"] < 60
    assert out.count("#1 ") == 1
    late = subscribe(broker, "classroom/+/availability").wait("availability")[0]
    assert (late.payload, late.retain) == (b"offline", True)


def test_the_end_of_a_file_ends_the_daemon_with_its_last_window(
    broker: int, edge: Edge, subscribe: Subscribe, tmp_path: Path
) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "c.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for _ in range(25):
        writer.write(cv2.UMat(240, 320, cv2.CV_8UC3).get())
    writer.release()
    subscriber = subscribe(broker)
    process = run_sample(edge, broker, f"camera.source=file:{tmp_path}/c.avi", "window.seconds=60")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "the film has ended" in err
    assert "camera.loop: true" in err
    assert len(subscriber.wait("window")) == 1
    assert subscriber.named("availability")[-1].payload == b"offline"


# What goes wrong


@pytest.mark.parametrize(
    ("settings", "code", "expected"),
    [
        (["camera.source=file:none.mp4"], 66, "video none.mp4 does not exist: check camera.source"),
        (["camera.source=usb:63"], 78, "deployment.responsible"),
        (["vision.emotions_output=mood"], 78, "it has ferplus, fer2013"),
        (["vision.emotions_model=none.json"], 78, "does not exist"),
        ([f"vision.emotions_model=/{300 * 'x'}.json"], 78, "File name too long"),
        (["window.seconds=0"], 78, "--set window.seconds: found 0; allowed: a number from 1 to 3600"),
        (["outbox.path=/proc/none/o"], 78, "outbox"),
        (["mqtt.password_file=/none", "mqtt.username=u"], 78, "mqtt.password_file cannot be read (No such file"),
    ],
)
def test_a_mistake_is_one_clear_line_and_an_exit_code(
    broker: int, edge: Edge, settings: list[str], code: int, expected: str
) -> None:
    process = run_sample(edge, broker, *settings)
    _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert expected in err
    assert "Traceback" not in err


def test_an_outbox_that_another_program_reads_ends_it_with_75(broker: int, edge: Edge, tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    outbox = Outbox(path)
    outbox.start()
    outbox.stop()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:  # a backup, say
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM windows").fetchone()
        process = run_sample(edge, broker, f"outbox.path={path}")
        _, err = process.communicate(timeout=60)
    assert process.returncode == 75, err  # systemd tries again
    assert f"outbox {path} is in use by another program" in err
    assert "Traceback" not in err


def test_a_second_daemon_with_the_same_outbox_ends_before_it_opens_a_camera(
    broker: int, edge: Edge, subscribe: Subscribe, tmp_path: Path
) -> None:
    path, subscriber = tmp_path / "outbox.sqlite", subscribe(broker)
    first = run_sample(edge, broker, f"outbox.path={path}")
    subscriber.wait("window", 1)
    second = run_sample(edge, broker, f"outbox.path={path}", "camera.source=file:none.mp4")
    _, err = second.communicate(timeout=60)
    assert second.returncode == 75, err
    assert f"edge: edge runs already on this machine, with the same files ({path.with_suffix('.pause')}): end it" in err
    subscriber.wait("window", len(subscriber.named("window")) + 1)
    end(first)
    assert first.returncode == 0


def test_no_metrics_are_no_reason_to_end(broker: int, edge: Edge, subscribe: Subscribe) -> None:
    subscriber = subscribe(broker)
    process = run_sample(edge, broker, "metrics.port=9465", "metrics.host=192.0.2.1")  # before DHCP gave it
    subscriber.wait("window", 2)
    _, _, err = end(process)
    assert process.returncode == 0, err
    assert err.count("metrics: cannot listen on 192.0.2.1 port 9465") == 1


def test_a_refused_password_ends_with_77(start_broker: Callable[..., Broker], edge: Edge, tmp_path: Path) -> None:
    (tmp_path / "nobody").write_text("")
    port = start_broker("allow_anonymous false", f"password_file {tmp_path}/nobody").port
    (tmp_path / "pw").write_text("hush-hush")
    process = run_sample(edge, port, "mqtt.username=edge", f"mqtt.password_file={tmp_path}/pw")
    out, err = process.communicate(timeout=20)
    assert process.returncode == 77
    assert "refuses user 'edge'" in err
    assert "check mqtt.username" in err
    assert "hush" not in out + err


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("library", ["_pydantic_core", "_yaml", "_multiarray_umath", "cv2.abi3", "libLiteRt"])
def test_a_signal_at_any_moment_of_the_start_is_heard(edge: Edge, broker: int, library: str) -> None:
    """Moments are told by what has been loaded: a delay in seconds meets, on a busy machine, Python's own start."""
    process = run_sample(edge, broker)
    wait_for(lambda: library in Path(f"/proc/{process.pid}/maps").read_text(), 20, f"{library} to be loaded")
    seconds, _, err = end(process, signal.SIGINT)
    assert process.returncode in (0, 130)
    assert seconds < 8  # the first window would come later than that
    assert "Traceback" not in err


def test_output_that_nobody_takes_does_not_end_it(broker: int, edge: Edge, subscribe: Subscribe) -> None:
    subscriber = subscribe(broker)
    process = run_sample(edge, broker, "window.seconds=1")
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    subscriber.wait("window", 3)
    assert end(process)[2].count("Traceback") == 0
    assert process.returncode == 0


def test_a_held_terminal_does_not_hold_up_the_daemon(broker: int, edge: Edge, subscribe: Subscribe) -> None:
    subscriber = subscribe(broker)
    process = run_sample(edge, broker, "window.seconds=1")
    assert process.stdout is not None
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)  # a terminal that was held with Ctrl-S takes little more
    subscriber.wait("window", 2)
    for _ in range(2):
        count = len(subscriber.named("window"))
        subscriber.wait("window", count + 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
