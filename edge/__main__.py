"""`python -m edge`, and the `edge` command."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; returns the exit status."""
    try:
        from edge.cli import run_command_line  # noqa: PLC0415 - Ctrl-C may come while this is imported

        return run_command_line(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
