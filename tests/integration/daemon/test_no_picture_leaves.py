"""No picture leaves: what the daemon writes and sends, seen by the kernel, and what its code could do at all."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt import publish as paho

from edge.contract.payloads import Info
from edge.contract.topics import Topics
from edge.mqtt.home_assistant_entities import discovery
from tests.support.brokers import Subscriber, wait_for
from tests.support.daemon import PROGRAM
from tests.support.paths import PACKAGE, ROOT
from tests.support.reachability import PICTURES, SENDING, WRITING, calls, pictures, reachable
from tests.support.strace import SYSCALLS, Trace

Subscribe = Callable[..., Subscriber]
Traced = Callable[..., "tuple[Trace, Subscriber]"]

# A daemon that betrays the room in every way that comes to mind, at its third frame.
LEAKS = """
import os, socket, subprocess, threading
import cv2
from edge.vision import frame_analyzer
seen, look = [], frame_analyzer.FrameAnalyzer.detect
def leak(self, frame, **options):
    seen.append(1)
    if len(seen) == 3:
        picture = frame.image.tobytes()
        cv2.imwrite("/tmp/edge-leak.png", frame.image)
        os.unlink("/tmp/edge-leak.png")
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(picture[:1000], ("127.0.0.1", 9))
        unix = socket.socket(socket.AF_UNIX)
        side = socket.create_connection(("127.0.0.1", int(os.environ["LEAK_PORT"])))
        side.sendall(picture[:60000])
        side.close()
        os.write(2, picture[:4000])
        os.write(os.memfd_create("room"), picture)
        subprocess.run(["true"])
    return look(self, frame, **options)
frame_analyzer.FrameAnalyzer.detect = leak
"""


@pytest.fixture
def traced(broker: int, subscribe: Subscribe, tmp_path: Path, unmeasured: None) -> Iterator[Traced]:
    """Runs the daemon on the sample room under strace, with all that subscribers may ask of it, until it ends."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (./test installs it)")
    if subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine forbids strace to look at processes")
    started: list[subprocess.Popen[bytes]] = []

    def run(extra: str = "") -> tuple[Trace, Subscriber]:
        subscriber = subscribe(broker, "#")
        (tmp_path / "site").mkdir()
        (tmp_path / "site/sitecustomize.py").write_text(extra)
        environment = {
            **os.environ, "PYTHONPATH": f"{tmp_path}/site:{ROOT}", "XDG_STATE_HOME": str(tmp_path / "state"),
            "PYTHONDONTWRITEBYTECODE": "1", "LEAK_PORT": str(broker),
        }  # fmt: skip
        settings = (
            f"mqtt.broker=mqtt://127.0.0.1:{broker}", "camera.source=sample:25", "window.seconds=2",
            "health.seconds=1", "vision.detect_width=640", "camera.masks=[[[0,0],[0.2,0],[0.2,0.2]]]",
        )  # fmt: skip
        # -D: strace is the child, so that the process is the daemon itself.
        strace = [
            "strace",
            "-D",
            "-f",
            "-q",
            "-yy",
            "-s",
            "200",
            "-o",
            str(tmp_path / "trace"),
            "-e",
            f"trace={SYSCALLS}",
        ]
        process = subprocess.Popen(
            [*strace, sys.executable, *PROGRAM, "run", *(w for s in settings for w in ("--set", s))],
            env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        assert process.stderr is not None
        stderr = f"pipe:[{os.fstat(process.stderr.fileno()).st_ino}]"
        subscriber.wait("window", 2, seconds=60)
        for name, payload in (("pause", ""), ("resume", ""), ("interval", "1"), ("reload", ""), ("health", "")):
            done = len(subscriber.named("response"))
            paho.single(f"classroom/room-1/cmd/{name}", payload, 1, port=broker)
            subscriber.wait("response", done + 1, seconds=60)
        subscriber.wait("window", 5, seconds=60)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        end = f"{process.pid} +++ exited with 0 +++"
        wait_for(lambda: any(end in " ".join(line.split()) for line in _lines(tmp_path)), 20)
        return Trace(tmp_path / "state", broker, stderr).read(_lines(tmp_path)), subscriber

    yield run
    for process in started:
        process.kill()
        process.communicate()


def _lines(folder: Path) -> list[str]:
    return (folder / "trace").read_text(errors="replace").splitlines()


def test_only_the_outbox_is_written_and_only_mqtt_is_sent(traced: Traced, tmp_path: Path) -> None:
    trace, subscriber = traced()
    assert trace.findings == []
    assert trace.connections == 1
    files = {file.name for file in (tmp_path / "state/edge").iterdir()}
    ends = (".sqlite", ".sqlite-wal", ".sqlite-shm", ".pause", ".lock", ".masks", ".key", ".camera")
    assert files <= {f"classroom-room-1{end}" for end in ends}
    # Everything that was sent came as a message that anybody may read: nothing goes to the broker beside them.
    ours = [message for message in subscriber.messages if "/cmd/" not in message.topic or message.name == "response"]
    # 96 bytes: header, expiry, content type, the name of the schema, and the acknowledgement of a command.
    read = sum(len(message.topic) + len(message.payload) + 96 for message in ours)
    assert trace.sent <= read + 1000
    # What Home Assistant is told follows from `info`, byte for byte.
    infos = [Info.model_validate_json(message.payload) for message in subscriber.named("info")]
    announced = {discovery(info, Topics("classroom", "room-1")) for info in infos}
    for message in ours:
        if message.name == "config":
            assert message.payload in announced
            continue
        assert len(message.payload) < 2000
        assert message.payload in (b"online", b"offline", b"") or _longest_text(json.loads(message.payload)) < 200
    # A window is written as a few pages of 4 KB of a database; a picture of the smallest face would be one more.
    windows = len(subscriber.named("window"))
    assert trace.stored < 100_000 + 25_000 * windows


def _longest_text(value: object) -> int:
    if isinstance(value, dict):
        return max((_longest_text(part) for pair in value.items() for part in pair), default=0)
    if isinstance(value, list):
        return sum(map(_longest_text, value)) + len(value)
    return len(str(value))


def test_every_leak_that_comes_to_mind_is_seen(traced: Traced) -> None:
    trace, subscriber = traced(LEAKS)
    seen = "\n".join(trace.findings)
    for sign in ("edge-leak.png", "SOCK_DGRAM", "AF_UNIX", "memfd_create", "write(2<", "execve("):
        assert sign in seen, f"{sign} is not among the findings:\n{seen}"
    read = sum(len(message.topic) + len(message.payload) + 32 for message in subscriber.messages)
    assert trace.sent > read + 50_000
    assert trace.connections == 2


# What the code could do at all


def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(path.read_text()) for name, path in reachable().items()}


def test_no_way_to_make_or_show_a_picture_is_reachable_from_the_daemon() -> None:
    found = {name: pictures(tree) for name, tree in trees().items()}
    assert {name: words for name, words in found.items() if words} == {}
    assert {
        "edge.daemon.composition",
        "edge.daemon.daemon",
        "edge.daemon.pipeline",
        "edge.cameras.usb",
        "edge.vision.face_detector",
        "edge.delivery.publisher",
    } <= set(found)


def test_edge_image_is_an_entry_point_of_its_own_and_says_so() -> None:
    assert "edge.cli.image" not in reachable()
    path = reachable("edge.cli.image")["edge.cli.image"]
    assert "imencode" in pictures(ast.parse(path.read_text()))  # and the check above is able to find it
    assert "a picture is written only where --output says" in path.read_text()
    able = {name: pictures(ast.parse(path.read_text())) for name, path in reachable(*_commands()).items()}
    # `check` tries with zeros whether the outbox can be written; `bench` makes a film of the sample room, also on disk.
    able = {name: words - {"TemporaryFile"} for name, words in able.items() if not name.startswith("edge.bench")}
    # `report` draws charts of stored numbers; nothing that it reaches can see a room.
    charts = reachable("edge.cli.report")
    assert not any(name.startswith("edge.cameras") for name in charts)
    able = {name: words for name, words in able.items() if name not in charts}
    assert {name for name, words in able.items() if words} <= {
        "edge.cli.image",
        "edge.cli.bench",
        "edge.web.setup.preview_analyzer",
        "edge.files.replace_file",  # makes a file for the bytes that it is given: a configuration, a password
    }
    assert not any(name.startswith(("edge.bench", "edge.files.replace_file")) for name in reachable())


def test_edge_setup_is_an_entry_point_of_its_own_and_says_so() -> None:
    assert not any(name.startswith(("edge.cli.preview", "edge.cli.setup", "edge.web")) for name in reachable())
    assert "imencode" in pictures(ast.parse(reachable("edge.cli.setup")["edge.web.setup.preview_analyzer"].read_text()))
    assert "It publishes nothing." in (PACKAGE / "cli/setup.py").read_text()
    assert "Pictures of people are shown here" in (PACKAGE / "web/setup/static/index.html").read_text()


def _commands() -> list[str]:
    return [f"edge.cli.{file.stem}" for file in (PACKAGE / "cli").glob("*.py") if file.stem != "__init__"]


@pytest.mark.parametrize(
    "code",
    [
        "import cv2\ncv2.imwrite('a.png', frame)",
        "from cv2 import imencode as harmless",
        "getattr(cv2, 'imshow')('room', frame)",
        "frame.tofile('/tmp/frame')",
        "numpy.savez('x', frame)",
        "PIL.Image.fromarray(frame).save('a.png')",
        "camera.start_recording(encoder)",
        "pipeline = 'v4l2src ! jpegenc ! filesink location=a.jpg'",
        "import base64\nbase64.b64encode(crop)",
    ],
)
def test_the_check_finds(code: str) -> None:
    assert pictures(ast.parse(code))


def test_every_place_that_writes_or_sends_is_known() -> None:
    """Whoever adds one has to name it here, and to say what goes there."""
    writes = {name: set(calls(tree, WRITING)) for name, tree in trees().items()}
    assert {name: found for name, found in writes.items() if found} == {
        "edge.cameras.opencv_decoder": {"packet.tobytes"},  # a JPEG of a stream, to decode it in memory
        "edge.mqtt.embedded_broker": {"config.write_text"},  # configuration of the embedded broker
        "edge.files.private_file": {"os.open"},  # an empty file, which becomes the outbox
        "edge.cli": {"os.open"},  # /dev/null, in place of a closed pipe
        "edge.cli.encoding": {"os.open", "os.fdopen"},  # the same, in place of streams that were closed from the first
        "edge.files.disk_errors": {"os.open"},  # whether a folder can be written at all
        "edge.files.bounded_read": {"os.fdopen"},  # reads what a person named
        # Who paused, and since when; for which size and turn of the picture the masks were accepted, and their digest;
        # a random key.
        "edge.daemon.state_file": {"fresh.open", "json.dump"},
        "edge.daemon.daemon_lock": {"os.open"},  # an empty file: what it says are locks
        "edge.daemon.sd_notify": {"os.open"},  # the time of the last sign of life, for a container's health check
        "edge.vision.tflite": {"os.open"},  # /dev/null, while the runtime greets
        "edge.daemon.native_stderr": {"os.fdopen"},  # the stderr that it was given, for what libraries say
    }
    sends = {name: set(calls(tree, SENDING)) - {"build_daemon(...).run"} for name, tree in trees().items()}
    sends["edge.cli.run"] = {text for text in sends["edge.cli.run"] if not text.startswith("build_daemon(")}
    assert {name: found for name, found in sends.items() if found} == {
        "edge.mqtt.embedded_broker": {
            "subprocess.Popen",
            "subprocess.run",  # which version it is
            "socket.socket",
        },  # the embedded broker; whether its port is free
        # Greets a camera whose certificate was refused, to say why, and hangs up.
        "edge.cameras.certificates": {"socket.create_connection"},
        "edge.hardware.board": {"subprocess.run"},  # vcgencmd get_throttled, on a Raspberry Pi
        "edge.daemon.mqtt_service": {"self._running.send"},  # answers to commands
        "edge.mqtt.bounded_client": {"socket.socket"},  # to the broker
        "edge.mqtt.attempt": {"self._client.socket"},  # looks at the one of paho
        "edge.delivery.publisher": {"self._pacing.send"},
        "edge.delivery.pacing": {"self._store.send"},
        "edge.delivery.failover_outbox": {"sender.send"},  # windows, from the outbox
        "edge.daemon.sd_notify": {"socket.socket", "channel.sendto"},  # systemd: ready, alive, one line of status
    }


def test_modules_are_imported_by_name_only_where_that_is_known() -> None:
    dynamic = {
        name: set(calls(tree, {"import_module", "__import__", "eval", "exec"})) for name, tree in trees().items()
    }
    assert {name for name, found in dynamic.items() if found} == {
        "edge.cli",  # the one command that was typed
        "edge.cameras.picamera",  # picamera2 and libcamera
        "edge.vision.tflite",  # one of two runtimes
    }


def test_a_running_daemon_has_loaded_nothing_that_draws() -> None:
    code = "import edge.daemon.composition, edge.cli.run, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {
        "edge.cli.image", "edge.cli.watch", "edge.web.server", "edge.preview", "starlette", "uvicorn", "matplotlib",
        "imageio", "tkinter", "PIL.Image",
    }  # fmt: skip
    assert "edge.vision.frame_analyzer" in loaded
    assert "imencode" in PICTURES
