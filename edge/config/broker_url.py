"""The address of an MQTT broker, and the version of MQTT that it is spoken to in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from edge.text import mark

Protocol = Literal["auto", "5", "3.1.1"]
PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class BrokerUrl:
    """`mqtt://host[:port]` or `mqtts://host[:port]`, taken apart."""

    host: str
    port: int
    tls: bool

    @classmethod
    def parse(cls, text: str) -> BrokerUrl:
        """Read a URL.

        Raises:
            ValueError: What is wrong with it; never repeats a password.
        """
        if "@" in text:
            raise ValueError(mark("leave user and password out of the URL: use mqtt.username and mqtt.password_file"))
        try:
            url = urlsplit(text)
            host = url.hostname or ""
            host.encode("idna")  # what the resolver will do
        except ValueError:  # a UnicodeError is one
            raise ValueError(mark("this is no host name; a broker is written mqtt://host:1883")) from None
        if url.scheme not in PORTS or not host or not host.isprintable() or " " in host:
            raise ValueError(mark("a broker is written mqtt://host:1883 or mqtts://host:8883"))
        if url.path.strip("/") or url.query or url.fragment:
            raise ValueError(mark("nothing may follow the port of a broker URL"))
        try:
            port = PORTS[url.scheme] if url.port is None else url.port
        except ValueError:
            port = 0
        if port == 0:
            raise ValueError(mark("the port of a broker URL is a number from 1 to 65535"))
        return cls(host, port, url.scheme == "mqtts")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"
