"""`python -m edge`, and the `edge` command."""

from __future__ import annotations

import sys

from edge.cli import run_command_line


def main() -> int:
    """Run the command line; returns the exit status."""
    return run_command_line(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
