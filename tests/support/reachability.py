"""Which files of `edge` the daemon can reach, and what in them could carry a picture away. From the source, unrun."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import PACKAGE

STARTS = ("edge.__main__", "edge.cli.run", "edge.daemon.composition")

# Whatever any library calls the making, showing or storing of a picture or an array.
PICTURES = {
    "imwrite", "imwritemulti", "imencode", "imencodemulti", "VideoWriter", "imshow", "namedWindow", "imsave",
    "FileStorage", "tofile", "savez", "savez_compressed", "savetxt", "memmap", "open_memmap", "NamedTemporaryFile",
    "TemporaryFile", "mkstemp", "SharedMemory", "memfd_create", "mknod", "sendfile", "copyfile", "pickle", "marshal",
    "shelve", "capture_file", "start_recording", "start_encoder", "start_and_record_video", "start_and_capture_file",
    "JpegEncoder", "H264Encoder", "MJPEGEncoder", "FfmpegOutput", "FileOutput", "start_preview", "PIL", "imageio",
    "matplotlib", "tkinter", "b64encode", "b85encode", "hexlify",
}  # fmt: skip
ELEMENTS = ("filesink", "udpsink", "tcpclientsink", "tcpserversink", "rtmpsink", "shmsink", "multifilesink", "hlssink")
"""Ends of a GStreamer pipeline that are no appsink."""

WRITING = {"open", "fdopen", "write_bytes", "write_text", "save", "dump", "savefig", "tobytes"}
SENDING = {"sendto", "sendall", "send", "sendmsg", "create_connection", "socket", "urlopen", "Popen", "run", "system"}


def reachable(*starts: str) -> dict[str, Path]:
    """Every module of `edge` that these import, directly or not, at the top or within a function."""
    found: dict[str, Path] = {}
    waiting = list(starts or STARTS)
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if path is None or name in found:
            continue
        found[name] = path
        waiting += [".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)]
        waiting += imports(path)
    return found


@functools.cache
def imports(path: Path) -> list[str]:
    """Names of modules that a file imports, also where only a type checker would: too many rather than too few."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def pictures(tree: ast.AST) -> set[str]:
    """Names and pipeline elements in a file that have to do with making or showing pictures."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                found |= set(name.split(".")) & PICTURES
            case ast.Constant(value=str(text)):
                # getattr(cv2, "imwrite") is a call, too.
                found |= {element for element in ELEMENTS if element in text} | ({text} & PICTURES)
    return found


def calls(tree: ast.AST, names: set[str]) -> Iterator[str]:
    """Calls of functions with these names, as they are written; reading a file is none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) | ast.Attribute(attr=name) if name in names:
                    text = ast.unparse(node.func)
                    if name != "open" or _writes(node):
                        yield text


def _writes(call: ast.Call) -> bool:
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    text = " ".join(ast.unparse(value) for value in values)
    modes = [value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)]
    return any(set(mode) & set("wax+") and len(mode) <= 3 for mode in modes) or any(
        flag in text for flag in ("O_WRONLY", "O_RDWR", "O_CREAT")
    )


def _file(name: str) -> Path | None:
    path = PACKAGE.parent / Path(*name.split("."))
    for found in (path.with_suffix(".py"), path / "__init__.py"):
        if found.is_file() and name.split(".", maxsplit=1)[0] in ("edge", "models", "quantize"):
            return found
    return None
