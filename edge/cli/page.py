"""What the commands that serve a page share: where they listen, and the address that they print."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path


def add_page_arguments(parser: argparse.ArgumentParser, port: int, token_help: str) -> None:
    """--host, --port and --token-file.

    Args:
        parser: Of the command.
        port: The default one.
        token_help: What the token is for, and what happens without.
    """
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=_port, default=port, help="default: %(default)s; 0 takes a free one")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help=token_help)


def address(host: str, port: int, token: str | None) -> str:
    """What to open in a browser.

    Args:
        host: Where the command listens.
        port: The port that it has.
        token: What stands for the token in it; None: it takes none.
    """
    shown = socket.gethostname() if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/{'' if token is None else f'?token={token}'}"


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("0 to 65535")
    return number
