"""`python -m edge`, and the `edge` command."""

from __future__ import annotations

import sys  # nothing else: Ctrl-C may come while a module is imported, and only in main is it heard

CAPTURE_THREAD = "capture"


def main() -> int:
    """Run the command line; returns the exit status."""
    try:
        from edge.cli import run_command_line  # noqa: PLC0415
        from edge.cli.encoding import as_typed, set_up_encoding  # noqa: PLC0415

        set_up_encoding()
        return _leave(run_command_line([as_typed(argument) for argument in sys.argv[1:]]))
    except KeyboardInterrupt:
        return _leave(130)


def _leave(status: int) -> int:
    """End at once where a driver still holds a thread, in which C++ code would abort while Python takes itself down."""
    import contextlib  # noqa: PLC0415
    import logging  # noqa: PLC0415
    import os  # noqa: PLC0415
    import threading  # noqa: PLC0415

    if any(thread.name == CAPTURE_THREAD for thread in threading.enumerate()):
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(status)
    return status


if __name__ == "__main__":
    sys.exit(main())
