"""A network camera with a certificate: https:// (a snapshot) and rtsps:// (a film, with a password) at one port."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tests.support.faulty_camera import GOOD

SESSION = (
    b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\n"
    b"m=audio 0 RTP/AVP 0\r\na=control:microphone\r\nm=video 0 RTP/AVP 33\r\na=control:track\r\n"
)
NAMES = "DNS:localhost,IP:127.0.0.1"


def make_certificates(folder: Path) -> None:
    """An authority (ca.pem) and what it has signed, each with its .key; `stranger` has signed itself."""
    _openssl(folder, "req -x509 -days 30 -subj /CN=school -addext keyUsage=keyCertSign,cRLSign", "ca")
    _openssl(folder, f"req -x509 -days 30 -subj /CN=localhost -addext subjectAltName={NAMES}", "stranger")
    for name, names, days in (("good", NAMES, 30), ("othername", "DNS:cam.example", 30), ("expired", NAMES, -1)):
        _openssl(folder, f"req -subj /CN={name}", name, "csr")
        (folder / f"{name}.ext").write_text(f"subjectAltName={names}")
        signed = f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {days} -extfile {name}.ext"
        subprocess.run(["openssl", *signed.split(), "-out", f"{name}.pem"], cwd=folder, check=True, capture_output=True)


def _openssl(folder: Path, words: str, name: str, ending: str = "pem") -> None:
    key = f"-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.{ending}"
    subprocess.run(["openssl", *words.split(), *key.split()], cwd=folder, check=True, capture_output=True)


@dataclass
class TlsCamera:
    """What it was asked: the method, and whether a password came with it.

    `redirect`: where it sends whoever asks; `film`: MPEG-TS, for RTSP; without one every password is wrong there.
    `then`: MPEG-TS that follows the film without end, slowly; with b"" it falls silent, with None it hangs up.
    `left`: how many connections were closed by whoever looked; `tracks`: what they wanted of the session.
    """

    port: int
    redirect: str = ""
    film: bytes = b""
    then: bytes | None = None
    left: int = 0
    tracks: list[str] = field(default_factory=list)
    asked: list[tuple[str, bool]] = field(default_factory=list)

    def url(self, scheme: str, host: str = "localhost") -> str:
        return f"{scheme}://teacher:geheim@{host}:{self.port}/stream"

    def answer(self, lines: BinaryIO) -> bytes | None:
        """To one request; None: there is no more."""
        request = lines.readline().decode("latin-1").split()
        if not request:
            return None
        headers = {}
        while line := lines.readline().decode("latin-1").strip():
            key, _, value = line.partition(":")
            headers[key.lower()] = value.strip()
        self.asked.append((request[0], "authorization" in headers))
        if request[0] == "SETUP":
            self.tracks.append(request[1].rpartition("/")[2])
        if "cseq" in headers:
            answer, body = self.rtsp(request[0], password="authorization" in headers)
            return f"RTSP/1.0 {answer}\r\nCSeq: {headers['cseq']}\r\n\r\n".encode() + body
        if self.redirect:
            return f"HTTP/1.1 302 Moved\r\nLocation: {self.redirect}\r\nContent-Length: 0\r\n\r\n".encode()
        return f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD

    def rtsp(self, method: str, *, password: bool) -> tuple[str, bytes]:
        """Status and headers of an answer, and what comes behind them."""
        if self.redirect:
            moved = f"302 Moved\r\nLocation: {self.redirect}"
            return ("200 OK\r\nPublic: DESCRIBE" if method == "OPTIONS" else moved), b""
        if not password or not self.film:
            return '401 Unauthorized\r\nWWW-Authenticate: Basic realm="camera"', b""
        if method == "DESCRIBE":
            return f"200 OK\r\nContent-Type: application/sdp\r\nContent-Length: {len(SESSION)}", SESSION
        if method == "SETUP":
            return "200 OK\r\nSession: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1", b""
        return "200 OK\r\nSession: 1", b"".join(packets(self.film)) if method == "PLAY" else b""

    def go_on(self, connection: socket.socket) -> None:
        """After the film: until whoever looks has gone, as `then` says."""
        connection.settimeout(0.02)
        after = len(packets(self.film))
        try:
            for packet in itertools.cycle(packets(self.then or b"", after) or [b""]):
                connection.sendall(packet)
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(4096):
                        break
        finally:
            self.left += 1


def packets(film: bytes, first: int = 0) -> list[bytes]:
    """A film in RTP packets (RFC 3550) from a number on, each in a frame of RTSP's connection (RFC 2326, 10.12)."""
    parts = [film[at : at + 1316] for at in range(0, len(film), 1316)]
    heads = [struct.pack(">BBHII", 0x80, 33, number, number * 900, 1) for number in range(first, first + len(parts))]
    return [b"$\0" + struct.pack(">H", 12 + len(part)) + head + part for head, part in zip(heads, parts, strict=True)]


@contextmanager
def tls_camera(certificate: Path | None, redirect: str = "") -> Iterator[TlsCamera]:
    """Serve for a while with that certificate, its key beside it; None: without TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate:
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        camera = TlsCamera(server.getsockname()[1], redirect)

        def serve(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), connection:
                connection.settimeout(30)
                if certificate:
                    connection = context.wrap_socket(connection, server_side=True)
                with connection, connection.makefile("rb") as lines:
                    while (answer := camera.answer(lines)) is not None:
                        connection.sendall(answer)
                        if camera.asked[-1][0] == "PLAY":  # the film has ended
                            if camera.then is not None:
                                camera.go_on(connection)
                            return

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield camera
        server.shutdown(socket.SHUT_RDWR)
