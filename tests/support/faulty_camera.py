"""A network camera with faults: each path of its address has another one."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import itertools
import re
import struct
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

USER, PASSWORD = "admin", "pa#ss/w@rd?1%:"
LARGE, SMALL = (640, 360), (320, 240)  # width, height
STRAY = b"\x12\x34"


def picture(level: int, size: tuple[int, int] = LARGE) -> NDArray[np.uint8]:
    """Grey noise around a level, whose left half is darker by 40: turned or tiled pictures look different."""
    width, height = size
    noise = np.random.default_rng(level).integers(-10, 10, (height, width, 3))
    image = np.full((height, width, 3), level, np.int16) + noise
    image[:, : width // 2] -= 40
    return np.clip(image, 0, 255).astype(np.uint8)


def jpeg(image: NDArray[np.uint8], *, restart: int = 0) -> bytes:
    """A picture as JPEG, with restart markers every so many blocks."""
    options = [cv2.IMWRITE_JPEG_RST_INTERVAL, restart] if restart else []
    return cv2.imencode(".jpg", image, options)[1].tobytes()


def with_stray_bytes(image: NDArray[np.uint8]) -> bytes:
    """A JPEG with two bytes too many before a restart marker, as common webcams send them."""
    whole = jpeg(image, restart=8)
    at = whole.find(b"\xff\xd0", len(whole) // 4)
    return whole[:at] + STRAY + whole[at:]


def many_scans(count: int) -> bytes:
    """A grey progressive JPEG of which one scan comes so often: each is decoded for the whole picture."""
    grey = np.full(LARGE[::-1], 150, np.uint8)
    whole: bytes = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    second: bytes = re.findall(rb"\xff\xda[^\xff]+", whole)[1]  # the first of detail, in which there is none
    return whole[:-2] + count * second + whole[-2:]


def lying(orientation: int, image: bytes) -> bytes:
    """A JPEG marked as lying so, 1 to 8 as EXIF numbers it."""
    tag = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) + bytes(6)
    return image[:2] + b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag + image[2:]


def black_png(side: int) -> bytes:
    """A square black PNG of 16 bits and four channels, so well compressed that it fits into some hundred kilobytes."""
    pack = zlib.compressobj(1)
    rows = b"".join(pack.compress(bytes(1 + 8 * side)) for _ in range(side)) + pack.flush()
    parts = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


GOOD = jpeg(picture(150))
SESSION = b"v=0\no=- 0 0 IN IP4 0.0.0.0\ns=x\nc=IN IP4 0.0.0.0\nt=0 0\nm=video %d RTP/AVP 26\n"
STREAMS: dict[str, Callable[[int], bytes | None]] = {
    "/good": lambda _n: GOOD,
    "/resize": lambda n: GOOD if n < 10 else jpeg(picture(100, SMALL)),
    "/garbage": lambda n: GOOD if n % 5 != 4 else bytes(5000),
    "/empty-part": lambda n: GOOD if n % 5 != 4 else b"",
    "/truncated": lambda n: GOOD if n % 5 != 4 else GOOD[: len(GOOD) // 2],
    "/nothing-decodable": lambda _n: bytes(5000),
    "/stray": lambda _n: with_stray_bytes(picture(150)),
    "/no-end": lambda _n: GOOD[:-2],
    "/no-end-truncated": lambda n: GOOD[:-2] if n % 5 != 4 else GOOD[: len(GOOD) // 2],
    "/always-truncated": lambda _n: GOOD[: len(GOOD) // 2],
    "/turns": lambda n: GOOD if n < 10 else lying(3, GOOD),
    "/upside-down": lambda _n: lying(3, GOOD),
    "/closes": lambda n: GOOD if n < 10 else None,
}


@functools.cache
def matroska() -> bytes:
    """A film as a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/film.mkv"
        writer = cv2.VideoWriter(path, cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 10, SMALL)
        for _ in range(20):
            writer.write(picture(150, SMALL))
        writer.release()
        return Path(path).read_bytes()


def element(identity: str, data: bytes) -> bytes:
    """One of Matroska (RFC 9559)."""
    return bytes.fromhex(identity) + struct.pack(">Q", 1 << 56 | len(data)) + data


def matroska_head() -> bytes:
    """A Matroska file of unknown length with one track of Motion JPEG, up to its attachments."""
    size = element("E0", element("B0", struct.pack(">H", 640)) + element("BA", struct.pack(">H", 360)))
    track = element("AE", element("D7", b"\x01") + element("83", b"\x01") + element("86", b"V_MJPEG") + size)
    head = element("1A45DFA3", element("4282", b"matroska"))
    return head + bytes.fromhex("18538067 01FFFFFFFFFFFFFF") + element("1654AE6B", track)


def attachment(number: int, size: int) -> bytes:
    """An attached file of zeros."""
    name = element("466E", b"a") + element("4660", b"application/octet-stream")
    file = name + element("46AE", struct.pack(">I", number + 1)) + element("465C", bytes(size))
    return element("1941A469", element("61A7", file))


@dataclass
class FaultyCamera:
    """Where it listens, and what was asked for: the Authorization headers, in order; and files by their paths."""

    port: int
    asked: list[str | None] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def url(self, path: str, credentials: str = "") -> str:
        return f"http://{credentials}127.0.0.1:{self.port}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path; what it is asked is noted in its server's `camera`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        sent = self.headers.get("Authorization")
        server.camera.asked.append(sent)
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.path in STREAMS or (self.path == "/private" and sent == wanted):
            self.stream(STREAMS.get(self.path, STREAMS["/good"]), server.period)
        elif self.path == "/private":
            self.answer(401, "text/plain", b"")
        elif self.path == "/snapshot.jpg":
            self.answer(200, "image/jpeg", jpeg(picture(120 + len(server.camera.asked))))
        elif self.path == "/sometimes":  # every other one is cut short
            self.answer(200, "image/jpeg", GOOD if len(server.camera.asked) % 2 else GOOD[: len(GOOD) // 2])
        elif self.path == "/gigapixel.png":
            self.answer(200, "image/png", black_png(6_000))
        elif self.path == "/endless-part":
            self.endless_part()
        elif self.path == "/attachments":
            self.attachments(60)
        elif self.path.startswith("/listen/"):  # pictures are to be waited for at a port
            self.answer(200, "application/sdp", SESSION % int(self.path.rpartition("/")[2]))
        else:
            self.answer(*server.file(self.path))

    def answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def endless_part(self) -> None:
        """A picture of two gigabytes, as its length says."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 2000000000\r\n\r\n\xff\xd8")
            for _ in range(2000):
                self.wfile.write(bytes(1_000_000))

    def attachments(self, count: int) -> None:
        """A film of which some hundred megabytes come before its first picture."""
        self.send_response(200)
        self.send_header("Content-Type", "video/x-matroska")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.write(matroska_head())
            for number in range(count):
                self.wfile.write(attachment(number, 7_000_000))

    def stream(self, frame: Callable[[int], bytes | None], period: float) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for number in itertools.count():
            data = frame(number)
            if data is None:
                return
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + data + b"\r\n")
            except OSError:
                return
            time.sleep(period)

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1; `period` seconds lie between the frames of a stream."""

    daemon_threads = True

    def __init__(self, period: float) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.period = period
        self.camera = FaultyCamera(self.server_port)

    def file(self, path: str) -> tuple[int, str, bytes]:
        """Status, kind and content of what is always the same."""
        if path in self.camera.files:
            return 200, "application/octet-stream", self.camera.files[path]
        if path == "/film":
            return 200, "video/x-matroska", matroska()
        if path == "/page":
            return 200, "text/html", b"<html>welcome to your camera</html>"
        return 404, "text/plain", b""


@contextmanager
def faulty_camera(period: float = 0.04) -> Iterator[FaultyCamera]:
    """Serve for a while; `period` seconds lie between the frames of a stream."""
    with Server(period) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.camera
        server.shutdown()
