"""The address of an MQTT broker."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

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
        url = urlsplit(text)
        if url.scheme not in PORTS or not url.hostname:
            raise ValueError("a broker is written mqtt://host:1883 or mqtts://host:8883")
        if "@" in url.netloc:
            raise ValueError("leave user and password out of the URL: use mqtt.username and mqtt.password_file")
        if url.path.strip("/") or url.query or url.fragment:
            raise ValueError("nothing may follow the port of a broker URL")
        try:
            port = url.port or PORTS[url.scheme]
        except ValueError:
            raise ValueError("the port of a broker URL is a number from 1 to 65535") from None
        return cls(url.hostname, port, url.scheme == "mqtts")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"
