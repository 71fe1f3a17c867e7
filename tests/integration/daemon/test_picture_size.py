"""A picture that claims to be huge takes no gigabytes, in any command that reads pictures."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import subprocess
import sys
import threading
import time
import zlib
from http.client import HTTPConnection
from pathlib import Path

import pytest

from edge.model_files.cards import SHIPPED
from tests.support.brokers import free_port
from tests.support.paths import ROOT

SIDE = 20_000  # pixels: 400 MB in grey, 1.2 GB in colour, and 2 MB as a file
MOST_MB = 350.0  # of resident memory; each of these commands takes 60 to 140


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds one huge black picture, under the name of a PNG and of a JPEG, and without a label and with one."""
    folder = tmp_path_factory.mktemp("huge")
    packer, row = zlib.compressobj(1), bytes(SIDE + 1)
    rows = b"".join(packer.compress(row) for _ in range(SIDE)) + packer.flush()
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    picture = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    (folder / "labelled/happy").mkdir(parents=True)
    for name in ("a.png", "a.jpg", "labelled/happy/a.png"):
        (folder / name).write_bytes(picture)
    return folder


def start(folder: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """A Python program in an environment in which nobody has bounded anything."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENCV_")}
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, env={**clean, "PYTHONPATH": str(ROOT), **more}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> tuple[int, str, float]:
    """Exit status, what it said, and its peak memory in megabytes.

    The kernel keeps the peak of the program itself; what wait4 says begins with the memory of whoever started it.
    """
    peaks = [0.0]

    def watch() -> None:
        with contextlib.suppress(OSError):
            while process.poll() is None:
                found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
                peaks.append(int(found[1]) / 1024 if found else 0.0)
                time.sleep(0.005)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    assert process.stdout is not None
    said = process.stdout.read()
    process.wait()
    watcher.join(5)
    assert max(peaks) > 10  # it was seen at all
    return process.returncode, said, max(peaks)


SOURCE = ("--set", "camera.source=images:.", "--set", "mode=headcount", "--set", "outbox.path=outbox.sqlite")
EMBEDDED = "--set=mqtt.embedded_port="


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["edge", "run", *SOURCE], 66, "none of the 2 pictures in . can be decoded"),
        (["edge", "check", *SOURCE], 1, "none of the 2 pictures in . can be"),
        (["edge", "image", "a.png", "a.jpg"], 66, "a.jpg is not a picture that can be decoded"),
        (["edge", "bench", "--clip", "a.png", "--frames", "2"], 66, "a.png has no frame that can be decoded"),
        (["models.detect", ".", "--output", "found.json"], 66, "a.jpg is not a picture that can be decoded"),
        (["models.evaluate", str(SHIPPED / "emotions.json"), "labelled", "--whole"], 1, "no readable picture in it"),
    ],
)
def test_a_huge_picture_is_refused_and_never_unpacked(
    folder: Path, arguments: list[str], status: int, said: str
) -> None:
    if arguments[1] in ("run", "check"):
        arguments = [*arguments, f"{EMBEDDED}{free_port()}"]
    code, output, megabytes = finish(start(folder, "-m", *arguments))
    assert code == status, output
    assert said in re.sub(r"\s+", " ", output)
    assert megabytes < MOST_MB, output
    assert "Traceback" not in output


def test_the_preview_of_a_huge_picture_shows_nothing_and_stays_small(folder: Path) -> None:
    port = free_port()
    (folder / "token").write_text("correct-horse-battery")
    process = start(folder, "-m", "edge", "preview", *SOURCE, "--port", str(port), "--token-file", "token")
    problem, deadline = b"", time.monotonic() + 60
    while b"can be decoded" not in problem and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            ours = {"Authorization": "Bearer correct-horse-battery", "X-Edge-Setup": "1"}
            connection.request("GET", "/newest", headers=ours)
            problem = connection.getresponse().read()
        except ConnectionError:
            continue
        finally:
            connection.close()
    process.terminate()
    _, output, megabytes = finish(process)
    assert b"none of the 2 pictures" in problem, output
    assert megabytes < MOST_MB


def test_without_the_bound_this_test_would_fail(folder: Path) -> None:
    process = start(folder, "-m", "edge", "image", "a.png", OPENCV_IO_MAX_IMAGE_PIXELS=str(1 << 30))
    assert finish(process)[2] > MOST_MB


def test_importing_edge_changes_no_environment_variable(folder: Path) -> None:
    code = (
        "import os, cv2; before = dict(os.environ)\n"  # OpenCV itself changes some
        "import edge, edge.errors, edge.cli, edge.config.schema, edge.vision.model_set, edge.daemon.composition\n"
        "assert dict(os.environ) == before, {k for k in os.environ if k not in before}"
    )
    status, said, _ = finish(start(folder, "-c", code))
    assert status == 0, said
