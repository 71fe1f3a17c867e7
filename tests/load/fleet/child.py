"""A process at the other end of a pipe."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from typing import Any

from edge.errors import EdgeError

ANSWER_SECONDS = 120.0  # it may be busy with a thousand connections


class Child:
    """Started at once; it ends when it is told to, or when we are gone.

    Args:
        name: For messages.
        target: What it runs; the pipe is its last argument. A text as answer is a failure.
        arguments: The others.
    """

    def __init__(self, name: str, target: Callable[..., None], *arguments: Any) -> None:
        self._name = name
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._pipe: Pipe = ours
        self._process: BaseProcess = context.Process(target=target, args=(*arguments, theirs), name=name, daemon=True)
        self._process.start()
        theirs.close()

    def tell(self, word: str) -> None:
        """Say something; `answer` has to follow. Raises EdgeError when nobody hears it."""
        try:
            self._pipe.send(word)
        except OSError:
            raise EdgeError(f"{self._name} has ended") from None

    def answer(self) -> Any:
        """What it says. Raises EdgeError when it failed."""
        try:
            if not self._pipe.poll(ANSWER_SECONDS):
                raise EdgeError(f"{self._name} does not answer")
            said = self._pipe.recv()
        except (EOFError, OSError):
            raise EdgeError(f"{self._name} has ended") from None
        if isinstance(said, str):
            raise EdgeError(f"{self._name}: {said}")
        return said

    def end(self) -> None:
        """End the process, however it is."""
        self._process.terminate()
        self._process.join(5)
