"""`camera.ca_file`: a camera that cannot show the right certificate is asked for nothing, and told no password."""

from __future__ import annotations

import os
import re
import socket
import threading
from pathlib import Path

import pytest

from edge.cameras import video_decoder
from edge.cameras.certificates import LEAST, check_certificate_file, refusal
from edge.cameras.stream import StreamCamera
from edge.cli.check import certificate_note
from edge.config.schema import Config
from edge.daemon.composition import build_daemon
from edge.daemon.signals import Signals
from edge.errors import EXIT_CONFIG, CameraError, CameraUnfitError
from tests.support.tls_camera import make_certificates, tls_camera

pytest.importorskip("av", reason="PyAV has no wheel here; OpenCV decodes video, and checks no certificates")

import av

from tests.support.films import plain_h264

needs_newer = pytest.mark.skipif(av.library_versions["libavformat"] < LEAST, reason="this PyAV checks no certificates")
SCHEMES = ["https", "rtsps"]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates of & verify=0")  # FFmpeg makes an address of it
    make_certificates(folder)
    return folder


def refused(url: str, ca_file: Path | None, open_timeout: float = 20) -> CameraError:
    """The error of a camera that is opened and cannot be."""
    stream = StreamCamera(url, open_timeout, 20, ca_file=str(ca_file) if ca_file else None)
    with pytest.raises(CameraError) as caught:
        stream.start()
    stream.stop()
    assert "geheim" not in str(caught.value)
    return caught.value


@needs_newer
@pytest.mark.parametrize("trusted", ["ca", "good"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_right_certificate(certificates: Path, tmp_path: Path, scheme: str, host: str, trusted: str) -> None:
    """Its authority's, or its own."""
    with tls_camera(certificates / "good.pem") as camera:
        camera.film = plain_h264(tmp_path / "film.ts", 640, 30)
        stream = StreamCamera(camera.url(scheme, host), 20, 20, ca_file=str(certificates / f"{trusted}.pem"))
        stream.start()
        assert stream.read() is not None
        stream.stop()


@needs_newer
def test_a_wrong_password_is_no_wrong_certificate(certificates: Path) -> None:
    with tls_camera(certificates / "good.pem") as camera:
        assert "check user and password" in refused(camera.url("rtsps"), certificates / "ca.pem").remedy
        assert ("OPTIONS", True) in camera.asked


@needs_newer
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("shown", "reason"),
    [("stranger", "self-signed|self signed"), ("othername", "ostname mismatch"), ("expired", "has expired")],
)
def test_another_certificate_is_refused_before_anything_is_asked(
    certificates: Path, scheme: str, shown: str, reason: str
) -> None:
    with tls_camera(certificates / f"{shown}.pem") as camera:
        problem = refused(camera.url(scheme), certificates / "ca.pem").problem
        assert re.search(rf"its certificate is not trusted \(.*({reason})", problem)
        assert camera.asked == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_without_the_key_no_certificate_is_checked(certificates: Path, scheme: str) -> None:
    """As the pages say: most cameras have signed theirs themselves."""
    with tls_camera(certificates / "stranger.pem") as camera:
        stream = StreamCamera(camera.url(scheme), 20, 20)
        if scheme == "https":
            stream.start()
            stream.stop()
        else:
            refused(camera.url(scheme), None)
        assert camera.asked


@needs_newer
@pytest.mark.parametrize(("scheme", "leads_to"), [("https", "http"), ("https", "rtsp"), ("rtsps", "rtsp")])
def test_a_redirect_leads_to_no_address_without_a_certificate(certificates: Path, scheme: str, leads_to: str) -> None:
    with tls_camera(None) as other, tls_camera(certificates / "good.pem", other.url(leads_to)) as camera:
        error = refused(camera.url(scheme), certificates / "ca.pem")
        assert camera.asked
        # RTSP goes on with TLS, whatever the redirect says: what comes there is no request.
        assert not [method for method, _ in other.asked if method.isalpha()]
        assert scheme == "rtsps" or "redirects to an address without a certificate" in error.problem


@needs_newer
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_redirect_to_another_certificate(certificates: Path, scheme: str) -> None:
    with (
        tls_camera(certificates / "stranger.pem") as other,
        tls_camera(certificates / "good.pem", other.url(scheme)) as camera,
    ):
        refused(camera.url(scheme), certificates / "ca.pem")
        assert camera.asked
        assert other.asked == []


def test_where_certificates_are_not_checked_the_camera_stays_closed(
    certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_camera(certificates / "good.pem") as camera:
        monkeypatch.setitem(av.library_versions, "libavformat", (62, 3, 100))
        found = [refused(camera.url("https"), certificates / "ca.pem")]
        monkeypatch.setattr(video_decoder, "has_pyav", lambda: False)
        found.append(refused(camera.url("https"), certificates / "ca.pem"))
        for error, what in zip(found, (r"libavformat 62\.3\.100", "OpenCV"), strict=True):
            assert isinstance(error, CameraUnfitError)
            assert error.exit_code == EXIT_CONFIG
            assert re.search(rf"camera\.ca_file is set, but .*{what}", error.problem)
            assert "install PyAV 17.1 or newer" in error.remedy
        assert camera.asked == []


@needs_newer
@pytest.mark.parametrize(
    ("kind", "reason"),
    [("none", "No such file"), ("text", "NO_CERTIFICATE"), ("fifo", "not a regular file"), ("endless", "not a reg")],
)
def test_a_file_that_holds_no_certificate(tmp_path: Path, kind: str, reason: str) -> None:
    file = tmp_path / "camera.pem"
    if kind == "text":
        file.write_text("the certificate follows by post")
    elif kind == "fifo":
        os.mkfifo(file)
    elif kind == "endless":
        file.symlink_to("/dev/zero")
    with pytest.raises(CameraUnfitError, match=rf"camera\.ca_file {file} cannot be used \(.*{reason}"):
        check_certificate_file(str(file))
    assert isinstance(refused("https://localhost:9/", file), CameraUnfitError)
    check_certificate_file(None)


def test_the_daemon_does_not_start_without_the_file(tmp_path: Path) -> None:
    """Nor does one whose camera is closed at that time: it would be lost when it opens."""
    camera = {"source": "https://127.0.0.1:9/", "ca_file": str(tmp_path / "none.pem")}
    config = Config.model_validate({"mode": "headcount", "camera": camera})
    with pytest.raises(CameraUnfitError, match=r"camera\.ca_file"):
        build_daemon(config, Signals(), lambda: config)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_edge_check_says_whether_the_certificate_is_checked(scheme: str) -> None:
    assert certificate_note(f"{scheme}://h/", None) == "; its certificate is not checked (camera.ca_file)"
    assert certificate_note(f"{scheme}://h/", "ca.pem") == "; its certificate is checked"
    assert certificate_note("rtsp://h/", None) == certificate_note("usb:0", None) == ""


def test_a_handshake_without_an_end_has_one(certificates: Path) -> None:
    """Why a certificate was refused is asked of whoever answers, which may be a hostile one."""
    hung_up = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")  # a long answer begins
                try:
                    while not hung_up.wait(0.05):
                        connection.sendall(b"\0")
                except OSError:
                    hung_up.set()

        threading.Thread(target=drip, daemon=True).start()
        url = f"https://127.0.0.1:{server.getsockname()[1]}/"
        assert refusal(url, str(certificates / "ca.pem"), 0.5) == ""
        assert hung_up.wait(30)


def test_an_rtsp_camera_that_does_not_answer_is_no_web_page() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refused(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/", None, open_timeout=1)
        assert error.problem.endswith("cannot be opened: no answer in time")
        assert "reachable" in error.remedy
