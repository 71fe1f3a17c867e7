"""Network cameras that answer to ONVIF's discovery (WS-Discovery). What they say about themselves is not trusted.

Only where a camera is comes from that. Where its pictures are, ONVIF's media service would tell those who log in; we do
not speak it: the address of the pictures stands in the camera's manual.
"""

from __future__ import annotations

import importlib
import importlib.util
import ipaddress
import logging
import re
import socket
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from edge.cameras.found import FoundCamera
from edge.errors import CameraError
from edge.text import Sentence, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

AGAIN = 1.0  # seconds after which the question is sent once more: datagrams get lost
GROUP = ("239.255.255.250", 3702)  # where every camera listens, by the standard
MOST = 64  # cameras that are listed
MOST_OF_ONE = 16  # cameras of one sender, as of a recorder for all that it records
ANSWERS = 16  # that are read of one sender, who may answer as often as they like: up to 12 ms each on a PC
SENDERS = 1024
DATAGRAM = 16_384  # bytes; an answer has two thousand
ELEMENTS = 2000  # of an answer, at most: each takes a kilobyte
LONGEST_ADDRESS = 256  # characters
TRANSMITTERS = "http://www.onvif.org/ver10/network/wsdl"
SCOPE = re.compile(r"onvif://www\.onvif\.org/(name|hardware)/(.{1,128})", re.IGNORECASE)
RTSP_PORT = 554


def available() -> bool:
    """Whether the library for the search is installed."""
    return importlib.util.find_spec("wsdiscovery") is not None


def missing_remedy() -> Sentence:
    """What to do without the library. A Debian package has no pip."""
    if importlib.util.find_spec("pip") is None:
        return Sentence("type the camera's address")
    command = f"{sys.executable} -m pip install 'WSDiscovery>=2.1,<3'"
    return Sentence("type the camera's address, or, in a terminal: {command}", {"command": command})


class Answers:
    """The cameras that were answered, by sender: whoever answers often, or first, hides none that answers, too."""

    def __init__(self) -> None:
        self._read: Counter[str] = Counter()
        self._found: defaultdict[str, dict[str, FoundCamera]] = defaultdict(dict)

    def wanted(self, sender: str) -> bool:
        """Whether one more answer of a sender, named by its IP address, is read."""
        if sender not in self._read and len(self._read) >= SENDERS:
            return False
        self._read[sender] += 1
        return self._read[sender] <= ANSWERS

    def add(self, sender: str, cameras: Iterable[FoundCamera]) -> None:
        """Take in what one answer says."""
        found = self._found[sender]
        for camera in cameras:
            if len(found) < MOST_OF_ONE:
                found.setdefault(camera.source, camera)

    def cameras(self) -> list[FoundCamera]:
        """At most `MOST`, by address: first those that speak for themselves, then each sender's first, and so on."""
        ranked = sorted(
            (
                (urlsplit(camera.source).hostname != sender, rank, camera)
                for sender, found in self._found.items()
                for rank, camera in enumerate(found.values())
            ),
            key=lambda each: each[:2],
        )
        listed: dict[str, FoundCamera] = {}
        for _, _, camera in ranked:
            listed.setdefault(camera.source, camera)
        return sorted(list(listed.values())[:MOST], key=lambda camera: camera.source)


def search(seconds: float) -> list[FoundCamera]:
    """Ask the local network (IPv4), and wait for answers; by address.

    Args:
        seconds: How long.

    Raises:
        CameraError: The library is not installed, or there is no network to ask.
    """
    try:
        messages, actions, names, adapters = map(
            importlib.import_module, ("wsdiscovery.message", "wsdiscovery.actions", "wsdiscovery.qname", "ifaddr")
        )
    except ImportError:
        raise CameraError(
            "network cameras cannot be searched for: WSDiscovery is not installed",
            str(missing_remedy()),
        ) from None
    logging.getLogger(messages.__name__).setLevel(logging.CRITICAL)  # there it logs what strangers send
    probe = actions.constructProbe([names.QName(TRANSMITTERS, "NetworkVideoTransmitter")], [])
    question = messages.createSOAPMessage(probe).encode()
    own = [str(ip.ip) for adapter in adapters.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    answers = Answers()
    # Sockets of our own: those of the library keep every answer, obey whoever calls itself a proxy, and die of a
    # malformed one.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("", 0))
        began = time.monotonic()
        for until in (min(AGAIN, seconds), seconds):
            _ask(line, question, own)
            while (left := began + until - time.monotonic()) > 0:
                line.settimeout(left)
                with suppress(OSError):  # a time-out among them
                    data, (sender, _) = line.recvfrom(DATAGRAM)
                    if answers.wanted(sender):
                        answers.add(sender, _read(messages, data, probe.getMessageId()))
    return answers.cameras()


def _ask(line: socket.socket, question: bytes, own: list[str]) -> None:
    sent, reason = False, "it has no address"
    for address in own:
        try:
            line.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
            line.sendto(question, GROUP)
            sent = True
        except OSError as error:  # an interface that is down, or knows no multicast
            reason = error.strerror or str(error)
    if not sent:
        raise CameraError(
            f"network cameras cannot be searched for: this machine has no network ({reason})",
            "plug the network in, or type the camera's address",
        )


def _read(messages: Any, data: bytes, question: str) -> list[FoundCamera]:  # noqa: ANN401 - a module without types
    """The cameras of one answer to our question; of anything else none."""
    text = readable(data)
    if question not in text:
        return []
    try:
        answer = messages.parseSOAPMessage(text, "")
        if answer is None or answer.getRelatesTo() != question:
            return []
        matches = [(match.getXAddrs(), match.getScopes()) for match in answer.getProbeResolveMatches()[:MOST]]
    except Exception:  # noqa: BLE001 - the library fails in many ways at what is no answer
        return []
    found = (described(map(str, addresses), map(str, scopes)) for addresses, scopes in matches)
    return [camera for camera in found if camera is not None]


def readable(data: bytes) -> str:
    """The text of a datagram that is harmless to parse as XML; "" where it is not.

    Entities within entities would take memory and minutes. They begin with `<!`, which is looked for in the very text
    that the parser is given: of bytes it would choose the encoding itself.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    return "" if "<!" in text or "\0" in text or text.count("<") > ELEMENTS else text


def described(addresses: Iterable[str], scopes: Iterable[str]) -> FoundCamera | None:
    """The camera of an answer; None where no address of it is one of a private network.

    Args:
        addresses: Of its device service, as it says.
        scopes: What it is, as it says: onvif://www.onvif.org/name/..., onvif://www.onvif.org/hardware/...
    """
    usable = ((address, host) for address in addresses if (host := _private_host(address)))
    address, host = next(usable, ("", ""))
    if not address:
        return None
    said = dict(reversed([(m[1].lower(), unquote(m[2])) for scope in scopes if (m := SCOPE.fullmatch(scope))]))
    name, hardware = (printable(said.get(key, "")).strip() for key in ("name", "hardware"))
    if hardware and hardware not in name:
        name = f"{name} ({hardware})" if name else hardware
    rtsp = f"rtsp://{f'[{host}]' if ':' in host else host}:{RTSP_PORT}/"
    return FoundCamera(
        address,
        name or host,
        "onvif",
        rtsp,
        Sentence(
            "This camera is at {host}. Type the address of its pictures, which begins with {address}: "
            "the rest of it, with user and password, stands in the camera's manual.",
            {"host": host, "address": rtsp},
        ),
    )


def _private_host(address: str) -> str:
    """The host of a device service's address; empty where it is not to be believed."""
    if len(address) > LONGEST_ADDRESS or not address.isascii() or not re.fullmatch(r"[!-~]+", address):
        return ""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
        ip = ipaddress.ip_address(host)
    except ValueError:  # no address, but a name perhaps: a camera in the local network gives its number
        return ""
    inner = ip.is_private and not (ip.is_loopback or ip.is_unspecified or ip.is_multicast)
    return host if parts.scheme in ("http", "https") and inner and "@" not in parts.netloc else ""
