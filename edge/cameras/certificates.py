"""Whose certificate a network camera has to show: `camera.ca_file`.

FFmpeg checks it, before it asks for anything. Here is whether this FFmpeg does, and why it refused one.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path
from urllib.parse import urlsplit

from edge.cameras import video_decoder
from edge.errors import CameraUnfitError
from edge.files.bounded_read import MAX_TLS_FILE, read_file

LEAST = (62, 12)
"""Version of libavformat, that of PyAV 17.1. Older ones check neither certificates of rtsps:// (below 62) nor whether
https:// redirects to http:// (below 62.12); OpenCV's do not compare the name."""

PORTS = {"https": 443, "rtsps": 322}  # by scheme, where the address names none
LONGEST_LOOK = 5.0  # seconds for finding out why a certificate was refused


def check_certificate_file(ca_file: str | None) -> None:
    """Whether certificates can be checked here, before a camera is opened. None: they are not.

    Raises:
        CameraUnfitError: The file cannot be used, or what decodes here does not check certificates.
    """
    if ca_file is None:
        return
    if (found := _unfit_decoder()) is not None:
        raise CameraUnfitError(
            f"camera.ca_file is set, but {found} does not check certificates of cameras as it should",
            "install PyAV 17.1 or newer (pip install 'av>=17.1'), or set camera.ca_file: null: then none is checked",
        )
    _context(ca_file)


def checking_options(address: str, ca_file: str) -> dict[str, str]:
    """FFmpeg's options for an https:// or rtsps:// address; they replace those of network_formats.

    A redirect leads to no other scheme: what is answered there would come from anybody.
    """
    scheme = address.partition("://")[0]
    return {"protocol_whitelist": f"{scheme},tls,tcp,httpproxy", "tls_verify": "1", "ca_file": ca_file}


def refusal(address: str, ca_file: str, timeout: float) -> str:
    """Why the certificate of a camera is refused; empty: it is not, or nobody answers. Nothing is asked of the camera.

    Args:
        address: An https:// or rtsps:// URL.
        ca_file: PEM.
        timeout: Seconds.

    Raises:
        CameraUnfitError: The file cannot be used any longer.
    """
    context = _context(ca_file)
    timeout = min(timeout, LONGEST_LOOK)
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        with socket.create_connection((host, parts.port or PORTS[parts.scheme]), timeout) as connection:
            _shake_hands(context, connection, host, timeout)
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (OSError, ValueError):
        pass
    return ""


def _shake_hands(context: ssl.SSLContext, connection: socket.socket, host: str, timeout: float) -> None:
    """Raises SSLError, OSError. The timeout of a socket alone would begin anew with every byte."""
    with context.wrap_socket(connection, server_hostname=host, do_handshake_on_connect=False) as tls:
        timer = threading.Timer(timeout, _hang_up, (tls,))
        timer.daemon = True
        timer.start()
        try:
            tls.do_handshake()
        finally:
            timer.cancel()


def _hang_up(tls: ssl.SSLSocket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(tls, socket.SHUT_RDWR)


def _unfit_decoder() -> str | None:
    """What decodes here, if that does not check certificates."""
    if not video_decoder.has_pyav():
        return "OpenCV, which decodes where PyAV is not installed,"
    import av  # noqa: PLC0415 - takes memory; only where there is a video

    version = av.library_versions["libavformat"]
    return None if version >= LEAST else f"PyAV {av.__version__} (libavformat {'.'.join(map(str, version))})"


def _context(ca_file: str) -> ssl.SSLContext:
    """What trusts the certificates of that file and no others. Raises CameraUnfitError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a certificate in the file need not be an authority's
    try:
        read_file(Path(ca_file), MAX_TLS_FILE)  # OpenSSL would wait for a FIFO, and read a device for ever
        context.load_verify_locations(ca_file)
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        raise CameraUnfitError(
            f"camera.ca_file {ca_file} cannot be used ({reason})",
            "it has to hold certificates in PEM format, and be readable: the camera's own, or its authority's",
        ) from None
    return context
