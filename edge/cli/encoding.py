"""Names of rooms and files under any locale: printing never fails, and file names are UTF-8, whoever starts us."""

from __future__ import annotations

import codecs
import io
import locale
import os
import sys

from edge.text import NO_BREAK


def set_up_encoding() -> None:
    """Have this process use UTF-8 for file names, and print what a terminal cannot show in another way.

    Elsewhere the outbox of a room in Zürich would have another name for the service than for `edge pause` in a Latin-1
    terminal, and none at all in an ASCII one. Python decides that before it runs us, so it may be started again.
    """
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding if sys.stdout else "utf-8")
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - ourselves
    codecs.register_error("edge.screen", _in_place)
    codecs.register_error("edge.file", _escape)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # On a screen everything keeps its place; in a file or pipe nothing is lost, and JSON stays JSON.
            stream.reconfigure(errors="edge.screen" if stream.isatty() else "edge.file")


def open_closed_streams() -> None:
    """Have what nobody wanted (`edge run >&- 2>&-`) written to /dev/null: a file of ours must not get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free
            os.set_inheritable(nowhere, True)
            setattr(sys, name, os.fdopen(nowhere, mode))


def as_typed(text: str) -> str:
    """An argument or variable in the encoding of the terminal, where that is not UTF-8; a file keeps its own name."""
    try:
        text.encode()
    except UnicodeEncodeError:
        if not os.path.lexists(text):
            try:
                return os.fsencode(text).decode(locale.nl_langinfo(locale.CODESET))
            except (UnicodeError, LookupError):
                pass
    return text


def _in_place(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_substitute, error.object[error.start : error.end])), error.end


def _substitute(character: str) -> str:
    """One character for one: U+2580 to U+259F are blocks, of which bars are drawn."""
    if "\u2580" <= character <= "\u259f":
        return "#"
    return " " if character == NO_BREAK else "?"


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (units[at : at + 2] for at in range(0, len(units), 2))
    return "".join(f"\\u{pair.hex()}" for pair in pairs), error.end
