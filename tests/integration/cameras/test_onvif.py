"""Network cameras by ONVIF's discovery: a small responder in the network of this machine, among it a hostile one."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator

import pytest
from typing_extensions import Self

from edge.cameras.onvif import MOST, MOST_OF_ONE, described, search
from tests.support.paths import ROOT

GROUP, PORT = "239.255.255.250", 3702
ANSWER = """<?xml version="1.0"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:n="http://www.onvif.org/ver10/network/wsdl">
<s:Header><a:MessageID>{id}</a:MessageID><a:RelatesTo>{relates}</a:RelatesTo>
<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>
<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action>
<d:AppSequence InstanceId="{instance}" MessageNumber="1"/></s:Header>
<s:Body><d:ProbeMatches><d:ProbeMatch><a:EndpointReference><a:Address>{id}</a:Address></a:EndpointReference>
<d:Types>n:NetworkVideoTransmitter</d:Types><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{addresses}</d:XAddrs>
<d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"""


class Network:
    """Answers every probe that reaches this machine, with what a test wants."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, str]] = []
        self.others: list[tuple[str, str]] = []  # those of another sender, which come last
        self.raw: list[bytes] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("", PORT))
        self._socket.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton("0.0.0.0")
        )
        self._socket.settimeout(0.2)
        self._other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._other.bind(("127.0.0.2", 0))
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()
        self._other.close()

    def _run(self) -> None:
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                data, sender = self._socket.recvfrom(65535)
                if b"/Probe<" not in data:
                    continue
                found = re.search(rb"MessageID[^>]*>([^<]+)<", data)
                relates = found[1].decode() if found else ""
                for data in self.raw:
                    self._socket.sendto(data, sender)
                for line, answers in ((self._socket, self.answers), (self._other, self.others)):
                    for scopes, addresses in answers:
                        fresh = uuid.uuid4().urn
                        text = ANSWER.format(
                            id=fresh, relates=relates, scopes=scopes, addresses=addresses, instance=int(time.time())
                        )
                        line.sendto(text.encode(), sender)


@pytest.fixture
def network() -> Iterator[Network]:
    pytest.importorskip("wsdiscovery", reason="the optional library of edge[onvif] is not installed")
    try:
        made = Network()
    except OSError as error:
        pytest.skip(f"no multicast on this machine ({error})")
    with made:
        yield made


def scope(kind: str, text: str) -> str:
    return f"onvif://www.onvif.org/{kind}/{text}"


def test_cameras_are_found_by_name_in_four_seconds(network: Network) -> None:
    network.answers = [
        (f"{scope('name', 'Hall%20East')} {scope('hardware', 'M-2')}", "http://192.168.7.20/onvif/device_service"),
        (scope("type", "video"), "http://[fd00::20]:8000/onvif/device_service"),
    ]
    began = time.monotonic()
    found = search(3.5)
    assert time.monotonic() - began < 4
    by_name = {camera.name: camera for camera in found}
    assert by_name["fd00::20"].suggestion == "rtsp://[fd00::20]:554/"
    hall = by_name["Hall East (M-2)"]
    assert hall.source == "http://192.168.7.20/onvif/device_service"
    assert hall.suggestion == "rtsp://192.168.7.20:554/"
    assert "camera's manual" in str(hall.hint)


def test_strangers_neither_crash_it_nor_fill_the_list(network: Network, capfd: pytest.CaptureFixture[str]) -> None:
    network.answers = [
        (scope("name", "x"), "http://192.168.7.1/{ip:999999999999}"),
        (scope("name", "x"), "http://{ip.__class__}/"),
        (scope("name", "public"), "http://8.8.8.8/onvif"),
        *((scope("name", "many"), f"http://10.0.{i // 250}.{i % 250 + 1}/onvif") for i in range(300)),
    ]
    mad = ANSWER.format(id="urn:mad", relates="x", scopes="", addresses="http://10.9.9.9/", instance="mad")
    network.raw = [b"", b"\xff" * 60000, b"<a>" * 1000, mad.encode()]
    found = search(2)
    assert 1 < len(found) <= MOST
    assert all(camera.source.startswith(("http://10.0.", "http://192.168.7.1/")) for camera in found)
    assert "http://192.168.7.1/{ip:999999999999}" in [camera.source for camera in found]  # a text, and no more
    assert "8.8.8.8" not in capfd.readouterr().err


def test_a_sender_of_many_made_up_answers_hides_no_camera(network: Network) -> None:
    network.answers = [(scope("name", "made up"), f"http://10.0.0.{i + 1}/onvif") for i in range(70)]
    network.others = [(scope("name", "real"), "http://192.168.7.20/onvif/device_service")]
    found = search(2)
    assert "real" in [camera.name for camera in found]
    assert len(found) == 1 + MOST_OF_ONE


def test_a_machine_without_a_network_is_one_sentence() -> None:
    pytest.importorskip("wsdiscovery", reason="the optional library of edge[onvif] is not installed")
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be made here")
    code = (
        "from edge.cameras.onvif import search\nfrom edge.errors import CameraError\n"
        "try: search(1)\nexcept CameraError as error: print(error)"
    )
    command = ["unshare", "--net", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "this machine has no network" in done.stdout
    assert "type the camera's address" in done.stdout


def test_without_the_library_a_sentence_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['wsdiscovery'] = None\n"
        "from edge.cameras.onvif import search\n"
        "from edge.errors import CameraError\n"
        "try: search(0)\nexcept CameraError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "pip install 'WSDiscovery" in done.stdout
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "address",
    [
        "ftp://192.168.1.2/",
        "rtsp://192.168.1.2/",
        "http://127.0.0.1/",
        "http://8.8.8.8/",
        "http://camera.example/",
        "http://user:secret@192.168.1.2/",
        "http://192.168.1.2:99999/",
        "http://192.168.1.2/\x1b[2J",
        "http://192.168.1.2/ü",
        f"http://192.168.1.2/{'a' * 300}",
        "http://[::1",
        "javascript:alert(1)//192.168.1.2",
        "http://0.0.0.0/",
        "http://239.255.255.250/",
        "",
    ],
)
def test_an_address_that_cannot_be_a_cameras(address: str) -> None:
    assert described([address], []) is None
    assert described([address, "https://10.1.2.3/onvif"], []) is not None


@pytest.mark.parametrize(
    ("scopes", "name"),
    [
        ([], "10.1.2.3"),
        (["onvif://www.onvif.org/name/a%1B%5Bb"], "a?[b"),
        ([f"onvif://www.onvif.org/name/{'n' * 120}"], "n" * 64),
        (["onvif://www.onvif.org/name/X1", "onvif://www.onvif.org/hardware/X"], "X1"),
        (["http://elsewhere/name/X1"], "10.1.2.3"),
    ],
)
def test_names_are_fit_to_be_shown(scopes: list[str], name: str) -> None:
    camera = described(["http://10.1.2.3/onvif"], scopes)
    assert camera is not None
    assert camera.name == name
