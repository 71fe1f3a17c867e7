"""`edge preview`: a live page of what the camera sees, for whoever aims it. It publishes and writes nothing."""

from __future__ import annotations

import argparse
import logging
import secrets
import signal
from typing import TYPE_CHECKING, Any

from edge.cli import add_config_arguments, read_config, set_up_logging
from edge.cli.page import add_page_arguments, address
from edge.config.schema import without_password
from edge.errors import EXIT_OK, CameraError, pages_missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.config.schema import Config

EXAMPLES = """examples:
  edge preview                                  then open the address that it prints
  edge preview --set camera.source=sample:25    the sample room, without a camera
  ssh -L 8787:127.0.0.1:8787 pi@room-204        on your laptop, to open that address there
  edge preview --host 0.0.0.0 --token-file token

The page shows pictures of people. Stop the service first (sudo systemctl stop edge): it cannot share its camera.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    add_page_arguments(
        parser, 8787, "file with the access token (default: a new token each time, printed with the address)"
    )


def main(args: argparse.Namespace) -> int:
    """Show the page until Ctrl-C, or until nobody has looked for ten minutes."""
    set_up_logging(logging.WARNING)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the camera is closed, and the lamp goes out
    try:
        from edge.web import server  # noqa: PLC0415 - these need the libraries for pages
        from edge.web.setup.pages import routes  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise pages_missing("preview", error.name) from None
    given = server.read_token(args.token_file) if args.token_file else None
    server.check_binding(args.host, given)
    token = given or secrets.token_urlsafe(16)
    hosts = () if server.is_loopback(args.host) else None

    from edge.cameras.factory import resolve_source  # noqa: PLC0415 - slow to load; a wrong --host is said at once
    from edge.daemon.former_name import adopt_former_files  # noqa: PLC0415
    from edge.web.setup.preview_session import build_session  # noqa: PLC0415

    config = read_config(args)
    adopt_former_files(config)  # a pause among them keeps the camera closed
    source, sentence = resolve_source(config)
    session = build_session(config, source)

    def started(port: int, stop: Callable[[], None]) -> None:
        _print_address(args.host, port, token if given is None else None, sentence)
        session.start(on_end=stop)

    try:
        session.open()
        page = server.application(routes(session, _room(config, source, session.labels)), token=token, hosts=hosts)
        server.serve(page, args.host, args.port, started)
    except CameraError as error:
        raise _with_service(error) from None
    finally:
        session.stop()
    return EXIT_OK


def _room(config: Config, source: str, labels: tuple[str, ...]) -> dict[str, Any]:
    """What the page asks for once."""
    return {
        "name": config.device.name,
        "source": without_password(source),
        "emotions": "emotions" in config.needed_models,
        "labels": list(labels),
        "min_face_px": config.vision.min_face_px,
    }


def _with_service(error: CameraError) -> CameraError:
    """The same error, with how to make the service let go of its camera."""
    if "in use" not in error.remedy and "using it" not in error.remedy:
        return error
    return CameraError(
        error.problem,
        f"{error.remedy}; if that is the service: sudo systemctl stop edge, and start it again afterwards",
    )


def _print_address(host: str, port: int, token: str | None, sentence: str) -> None:
    if sentence:
        print(sentence)
    print("Anyone with this address sees pictures of people. The preview publishes and saves nothing:")
    print(f"  {address(host, port, token or '(what is in the token file)')}")
    print("Ctrl-C ends it, and so do ten minutes without a viewer.", flush=True)
