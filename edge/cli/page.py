"""What the commands that serve a page share: where they listen, and the address that they print."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import re
import socket
import sys
from pathlib import Path

from edge.cli.numbers import whole_number

INTERFACE_ADDRESS = 0x8915  # SIOCGIFADDR of Linux


def add_page_arguments(parser: argparse.ArgumentParser, port: int, token_help: str) -> None:
    """--host, --port and --token-file.

    Args:
        parser: Of the command.
        port: The default one.
        token_help: What the token is for, and what happens without.
    """
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument(
        "--port", type=whole_number(0, 65535), default=port, help="default: %(default)s; 0 takes a free one"
    )
    parser.add_argument("--token-file", type=Path, metavar="FILE", help=token_help)


def public_url(text: str) -> str:
    """The address under which a proxy shows a page, from the command line; its path ends with a slash."""
    if not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[\w./~-]*)?", text, re.ASCII):
        raise argparse.ArgumentTypeError("an address such as https://school.example/rooms/")
    return text if text.endswith("/") else f"{text}/"


def print_address(host: str, port: int, token: str | None, *, secret: bool, public: str | None = None) -> None:
    """Print what to open in a browser; on a terminal, beyond this machine, also for the camera of a phone.

    Args:
        host: Where the command listens.
        port: The port that it has.
        token: What visitors have to know; None: nothing.
        secret: The token stands in a file: only a terminal is shown it, since output is kept in logs.
        public: The address under which a proxy shows the page; it is printed too, and is what a phone is shown.
    """
    terminal = sys.stdout.isatty()
    told = "(what is in the token file)" if token is not None and secret and not terminal else token
    shown = address(host, port, told)
    print(f"  {shown}")
    if public is not None:
        shown = f"{public}{_query(told)}"
        print(f"  {shown}  (through the proxy)")
    from edge.config.host_names import is_loopback  # noqa: PLC0415 - the libraries for pages, as segno

    if terminal and (public is not None or not is_loopback(host)):
        import segno  # noqa: PLC0415

        with contextlib.suppress(UnicodeEncodeError):  # a terminal without such characters has the address alone
            segno.make(shown, error="m", micro=False).terminal(compact=True)


def from_elsewhere(port: int, user: str) -> str:
    """How to open an address of this machine alone on another one.

    Args:
        port: The port of the page.
        user: Who may come by SSH; empty: nobody knows.
    """
    tunnel = f"ssh -L {port}:127.0.0.1:{port} {user or 'YOU'}@{socket.gethostname()}"
    phone = "--host 0.0.0.0 --token-file FILE"
    return f"On another computer: {tunnel}, then open the same address there. For a phone, start with: {phone}"


def address(host: str, port: int, token: str | None) -> str:
    """What to open in a browser.

    Args:
        host: Where the command listens.
        port: The port that it has.
        token: What stands for the token in it; None: it takes none.
    """
    shown = _own_address() if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/{_query(token)}"


def _query(token: str | None) -> str:
    return "" if token is None else f"?token={token}"


def _own_address() -> str:
    """What others in the network call this machine: phones know addresses, and rarely names."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        with contextlib.suppress(OSError):
            line.connect(("192.0.2.1", 9))  # nothing is sent: only the way there is looked up
            return str(line.getsockname()[0])
        for _, name in socket.if_nameindex():  # a network that leads nowhere else
            with contextlib.suppress(OSError):
                told = fcntl.ioctl(line, INTERFACE_ADDRESS, name.encode().ljust(40, b"\0"))
                if not (found := socket.inet_ntoa(told[20:24])).startswith("127."):
                    return found
    return socket.gethostname()
