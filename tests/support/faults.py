"""A network and a disk that fail: a proxy that misbehaves in front of a real broker, a real file system that fills."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.listener import Listener

PUBACK = 4  # the upper half of an MQTT packet's first byte


class Proxy(Listener):
    """Passes connections on to a port of 127.0.0.1.

    Args:
        target: That port.
        cut_after: Seconds after which it closes every connection.
        swallow: A type of packet that it does not pass back from the broker.
    """

    def __init__(self, target: int, cut_after: float | None = None, swallow: int | None = None) -> None:
        self.target = target
        self.cut_after = cut_after
        self.swallow = swallow
        self.refusing = False
        self.accepted: list[float] = []
        """When connections came, monotonic."""
        self._frozen: set[socket.socket] = set()
        super().__init__()

    def freeze(self) -> None:
        """From now on nothing passes through the connections that there are; neither end is told."""
        self._frozen.update(self.lines)

    def serve(self, line: socket.socket) -> None:
        """Pass it on, and what comes back."""
        if self.refusing:
            line.close()
            return
        self.accepted.append(time.monotonic())
        with contextlib.suppress(OSError), line, socket.create_connection(("127.0.0.1", self.target)) as far:
            self.lines.append(far)
            self._pass(line, far)

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        deadline = time.monotonic() + self.cut_after if self.cut_after else None
        from_broker = b""
        while deadline is None or time.monotonic() < deadline:
            for line in select.select([near, far], [], [], 0.05)[0]:
                if line in self._frozen:
                    time.sleep(0.05)
                    continue
                found = line.recv(65536)
                if not found:
                    return
                if line is near:
                    far.sendall(found)
                else:
                    packets, from_broker = _packets(from_broker + found)
                    near.sendall(b"".join(one for one in packets if one[0] >> 4 != self.swallow))


def _packets(stream: bytes) -> tuple[list[bytes], bytes]:
    """Whole MQTT packets, and the rest."""
    packets: list[bytes] = []
    while True:
        end = 1  # of the length, seven bits a byte, the lowest first
        while end < len(stream) and stream[end] & 128:
            end += 1
        end += 1
        length = end + sum((byte & 127) << 7 * at for at, byte in enumerate(stream[1:end]))
        if len(stream) < max(end, length):
            return packets, stream
        packets.append(stream[:length])
        stream = stream[length:]


class SmallDisk:
    """A real file system of a megabyte or some, in memory. Mounting needs root, or `unshare -Urm`."""

    def __init__(self, folder: Path, megabytes: int = 1) -> None:
        self.folder = folder
        self._megabytes = megabytes
        folder.mkdir()
        self._mount()

    def fill(self, but_for: float = 0.0) -> None:
        """Leave no byte free, or no more than a share of the disk."""
        with (self.folder / "filler").open("ab", buffering=0) as file:
            if but_for:
                while (disk := os.statvfs(self.folder)).f_bavail > but_for * disk.f_blocks:
                    file.write(bytes(4096))
                return
            for size in (4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    assert error.errno == errno.ENOSPC

    def clear(self) -> None:
        """Undo `fill`."""
        (self.folder / "filler").unlink()

    def writable(self, *, yes: bool) -> None:
        """Make it read-only, or writable again; possible only while no file is open for writing."""
        self._run("mount", "-o", f"remount,{'rw' if yes else 'ro'}", str(self.folder))

    def replace(self) -> None:
        """Put an empty one in its place, as a person does with a card that is worn out."""
        self.stop()
        self._mount()

    def stop(self) -> None:
        """Unmount."""
        self._run("umount", "-l", str(self.folder))

    def _mount(self) -> None:
        self._run("mount", "-t", "tmpfs", "-o", f"size={self._megabytes}m", "none", str(self.folder))

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"})


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int = 1) -> Iterator[SmallDisk]:
    """One for a test, which is skipped where none can be mounted."""
    try:
        disk = SmallDisk(folder, megabytes)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("cannot mount a file system here: run as root, or under unshare -Urm")
    try:
        yield disk
    finally:
        disk.stop()


@contextlib.contextmanager
def mounted_over_itself(file: Path) -> Iterator[None]:
    """A file that can be read and written, and not replaced. Mounting needs root, or `unshare -Urm`."""
    try:
        subprocess.run(["mount", "--bind", str(file), str(file)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("cannot mount here: run as root, or under unshare -Urm")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(file)], check=True)
