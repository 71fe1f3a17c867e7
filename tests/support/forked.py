"""Commands in processes of their own, forked from one in which their imports are done: half of what a start takes."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.files.opencv_environment import set_opencv_environment
from edge.hardware import private_memory

_OF_DEVICES = (
    "edge.cli.run", "edge.cli.check", "edge.cli.setup", "edge.config.loader", "edge.config.yaml_editor",
    "edge.config.hand_over", "edge.daemon.composition", "edge.mqtt.embedded_broker", "edge.sample.camera",
    "edge.vision.tflite", "edge.web.server", "edge.web.keys", "edge.web.setup.config_file", "edge.web.setup.page",
)  # fmt: skip
_OF_READERS = (
    "edge.cli.dashboard", "edge.cli.record", "edge.cli.watch", "edge.config.loader", "edge.recording.stores",
    "edge.web.server", "edge.web.keys", "edge.web.dashboard.server",
)  # fmt: skip
_LOADED = {
    **dict.fromkeys(("run", "check", "setup", "preview"), _OF_DEVICES),
    **dict.fromkeys(("dashboard", "record", "watch"), _OF_READERS),  # without NumPy and OpenCV
}
"""What is imported for which commands; others start by themselves."""
_NUMBER = 10  # bytes
_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "COVERAGE")


class Forks:
    """The processes from which they are forked; each starts with the first of its commands, and ends with this one.

    Args:
        folder: Where they work.

    Attributes:
        wanted: False: a test is about how a command starts.
    """

    def __init__(self, folder: Path) -> None:
        self.wanted = True
        self._folder = folder
        self._running: dict[tuple[str, ...], tuple[socket.socket, subprocess.Popen[bytes]]] = {}
        self._known = _at_start(os.environ)

    def can(self, command: str, environment: Mapping[str, str]) -> bool:
        """Whether a fork would be the same: what Python reads when it starts cannot be another, nor be measured."""
        measured = any(name.startswith("COVERAGE") for name in environment)
        return self.wanted and command in _LOADED and not measured and _at_start(environment) == self._known

    def started(self, arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> Forked:
        """`edge` with these arguments."""
        loaded = _LOADED[arguments[0]]
        if loaded not in self._running:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            command = [sys.executable, "-m", "tests.support.forked", str(theirs.fileno()), *loaded]
            with theirs:
                process = subprocess.Popen(
                    command, cwd=self._folder, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE,  # that Python sets its streams up for pipes
                )  # fmt: skip
            self._running[loaded] = ours, process
        return Forked(self._running[loaded][0], arguments, folder, environment)

    def stop(self) -> None:
        """End them; commands go on."""
        for orders, process in self._running.values():
            with process:
                orders.close()


class Forked(subprocess.Popen[str]):
    """A command that another process has forked, and waits for: it tells this one how it ended."""

    def __init__(
        self, orders: socket.socket, arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._orders = orders
        super().__init__(
            arguments, cwd=folder, env=environment, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def _execute_child(self, args: Any, _2: Any, _3: Any, _4: Any, _5: Any, cwd: Any, env: Any, *more: Any) -> None:
        out, err = more[6], more[8]  # its ends of the pipes
        self._told, telling = os.pipe()
        order = json.dumps([args, str(cwd), dict(env)]).encode()
        socket.send_fds(self._orders, [order], [out, err, telling])
        for each in (out, err, telling):
            os.close(each)
        self._child_created = True
        self.pid = int(os.read(self._told, _NUMBER))

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        os.set_blocking(self._told, not wait_flags)
        try:
            told = os.read(self._told, _NUMBER)
        except BlockingIOError:
            return 0, 0
        os.close(self._told)
        return self.pid, int(told)

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None:
            with vars(self)["_waitpid_lock"]:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if k.startswith(_AT_START) and k != "PYTHONPATH"}


def _serve(orders: socket.socket) -> None:
    while True:
        order, descriptors, *_ = socket.recv_fds(orders, 1 << 18, 3)
        if not order:
            return
        if not os.fork():
            orders.close()
            _wait_for_one(order, *descriptors)
        for each in descriptors:
            os.close(each)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _wait_for_one(order: bytes, out: int, err: int, telling: int) -> None:
    child = os.fork()
    if not child:
        os.close(telling)
        _become(out, err, *json.loads(order))
    os.close(out)
    os.close(err)
    os.write(telling, f"{child:{_NUMBER}}".encode())
    status = os.waitpid(child, 0)[1]
    with contextlib.suppress(BrokenPipeError):  # nobody waits for it any longer
        os.write(telling, f"{status:{_NUMBER}}".encode())
    os._exit(0)


def _become(out: int, err: int, arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    for number, each in ((1, out), (2, err)):
        os.dup2(each, number)
        os.close(each)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["edge", *arguments]
    from edge.__main__ import main  # noqa: PLC0415 - nothing of it is to run before

    sys.exit(main())


if __name__ == "__main__":
    if os.getuid():
        private_memory.forbid_dumps = lambda: None  # as in tests.support.daemon
    set_opencv_environment()
    for name in sys.argv[2:]:
        importlib.import_module(name)
    _serve(socket.socket(fileno=int(sys.argv[1])))
