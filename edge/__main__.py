"""`python -m edge`, and the `edge` command."""

from __future__ import annotations

import sys  # nothing else: Ctrl-C may come while a module is imported, and only in main is it heard

CAPTURE_THREAD = "capture"


def main() -> int:
    """Run the command line; returns the exit status."""
    try:
        import os  # noqa: PLC0415
        import signal  # noqa: PLC0415

        # Python's exception would be lost in a callback of an import, and one that passes through an `eval` has Python
        # end by the signal though it was caught. Until a command begins there is nothing to tidy.
        raises = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if raises:
            signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(130))

        def begin() -> None:
            if raises:
                signal.signal(signal.SIGINT, signal.default_int_handler)

        from edge.hardware.private_memory import forbid_dumps  # noqa: PLC0415

        forbid_dumps()  # in every command: one that shows pictures cannot be forgotten

        from edge.cli import run_command_line  # noqa: PLC0415
        from edge.cli.encoding import as_typed, open_closed_streams, set_up_encoding  # noqa: PLC0415

        open_closed_streams()
        set_up_encoding()
        return _leave(run_command_line([as_typed(argument) for argument in sys.argv[1:]], begin))
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
