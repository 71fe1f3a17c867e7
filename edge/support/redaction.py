"""Takes out of a text what nobody else needs to see: known secrets, whatever looks like one, addresses, people."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from edge.config.address_redaction import secret_parts
from edge.contract.labels import LABELS, UNKNOWN
from edge.daemon.paths import broker_settings
from edge.errors import EdgeError
from edge.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from edge.config.schema import Config

HIDDEN = "***"
SHORT = 4  # characters; a shorter secret is taken out only where it stands for itself
_KEYWORDS = r"pass(?:word|wd|phrase)?|pwd|(?:user|proxy)-pw|token|secret|credential|auth|api_?key|key"
NAMES_OF_SECRETS = rf"[\w.-]*(?:{_KEYWORDS})[\w.-]*"
LOOKS_SECRET = re.compile(NAMES_OF_SECRETS, re.IGNORECASE)
HERE = ("127.", "localhost")  # what an address of any machine begins with
FOLDERS = ("PWD", "OLDPWD")  # variables that look like secrets, and hold where the shell is
_WORDS = ("face", "people", "person", "pupil", "student", "front", "away", "too_small", "unclear", "emotion")
PEOPLE = re.compile(rf"(?<![a-z])({'|'.join((*_WORDS, *LABELS, UNKNOWN))})", re.IGNORECASE)

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN .*", re.DOTALL), HIDDEN),
    (re.compile(r"\b(bearer|basic|digest)\s+[\w+/=.~-]{4,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (
        re.compile(rf"""(["']?\b{NAMES_OF_SECRETS}["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&"']+)""", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    # scheme://user:password@host:port/path?query: the scheme stays, and the port.
    (re.compile(r"\b([a-z][a-z0-9+.-]*)://[^\s\"'<>]+", re.IGNORECASE), ""),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), HIDDEN),
    (re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", re.IGNORECASE), HIDDEN),
    (re.compile(r"\b(?!127\.0\.0\.1\b)(?!0\.0\.0\.0\b)\d{1,3}(?:\.\d{1,3}){3}\b"), HIDDEN),
    (
        re.compile(r"(?<![\w:])(?=[\da-f:]*::|(?:[\da-f]{1,4}:){7})[\da-f:]{3,}(?:%\w+)?(?![\w:])", re.IGNORECASE),
        HIDDEN,
    ),
    (re.compile(r"/home/(?!\.)[^/\s:'\"]+"), f"/home/{HIDDEN}"),  # no user is called .local
)


class Redactor:
    """Takes out what is known to be secret, and what looks like it.

    Args:
        secrets: Texts that must not be seen wherever they stand.
        names: Texts that must not be seen where they stand for themselves, and not as a part of another word.
    """

    def __init__(self, secrets: Iterable[str], names: Iterable[str] = ()) -> None:
        whole = {spelling for name in names for spelling in _spellings(name)}
        anywhere = {spelling for secret in secrets for spelling in _spellings(secret)}
        whole |= {each for each in anywhere if len(each) < SHORT}
        anywhere = {each for each in anywhere if len(each) >= SHORT}
        ordered = sorted(whole | anywhere, key=len, reverse=True)  # of two the longer first, else a rest of it stays
        patterns = [re.escape(each) if each in anywhere else rf"(?<!\w){re.escape(each)}(?!\w)" for each in ordered]
        self._known = [re.compile(pattern, re.IGNORECASE) for pattern in patterns]  # %2f and %2F are the same

    @classmethod
    def of(cls, config: Config, environment: Mapping[str, str] = os.environ, further: Iterable[str] = ()) -> Redactor:
        """With all that this configuration and environment keep secret, and further names."""
        return cls(_secrets_of(config, environment), [*_names_of(config), *further])

    def known(self, text: str) -> str:
        """The text without known secrets."""
        for known in self._known:
            text = known.sub(HIDDEN, text)
        return text

    def text(self, text: str) -> str:
        """The text without known secrets, what looks like one, and addresses."""
        text = self.known(text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead or _without_address, text)
        return text

    def line(self, line: str, longest: int = 400) -> str:
        """One line that anybody may have written: without figures about people either."""
        line = self.known(line)  # before it is cut: half a secret is none that would be found
        line = printable(line, longest)
        if found := re.search(r"\{\s*[\"']", line):  # what a payload holds is not for others
            line = f"{line[: found.start()]}(JSON left out)"
        return self.text(without_numbers(line) if PEOPLE.search(line) else line)


def without_numbers(line: str) -> str:
    """The line with every number blotted out, but for the time at its beginning and milliseconds."""
    head = re.match(r"[\d:T.+-]{10,35}\s", line)
    begin = head.end() if head else 0
    return line[:begin] + re.sub(r"\d[\d.,]*%?( ms\b)?", lambda found: found[0] if found[1] else "#", line[begin:])


def _without_address(found: re.Match[str]) -> str:
    port = re.match(r"[^/?#]*(:\d{1,5})(?=[^\d]|$)", found[0].partition("://")[2].rpartition("@")[2])
    return f"{found[1]}://{HIDDEN}{port[1] if port else ''}{':' * found[0].endswith(':')}"


def _spellings(secret: str) -> Iterator[str]:
    secret = secret.strip()
    if not secret:
        return
    yield secret
    yield quote(secret, safe="")
    yield unquote(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]


def _secrets_of(config: Config, environment: Mapping[str, str]) -> Iterator[str]:
    with suppress(EdgeError):  # else there is none that could be in a log
        yield broker_settings(config).password or ""
    for address in (config.camera.source, config.mqtt.broker, environment.get("EDGE_CAMERA__SOURCE", "")):
        yield from _secrets_in(address)
    for _, found in secret_parts(config.camera.source):
        yield found[1].strip("\"'")
    yield config.deployment.responsible
    yield config.deployment.legal_basis
    for name, value in environment.items():
        if LOOKS_SECRET.fullmatch(name) and name not in FOLDERS and len(value) >= SHORT:
            yield value


def _names_of(config: Config) -> Iterator[str]:
    yield config.mqtt.username or ""
    if not config.metrics.host.startswith(HERE):
        yield config.metrics.host
    for text in (config.deployment.responsible, config.deployment.legal_basis):
        yield from (part for part in re.split(r"[,;()<>]", text) if len(part.strip()) >= SHORT)
    for address in (config.camera.source, config.mqtt.broker):
        yield address.partition("://")[2].rpartition("@")[0].partition(":")[0]
        with suppress(ValueError):
            parts = urlsplit(address)
            if parts.hostname and not parts.hostname.startswith(HERE):
                yield parts.hostname
            if parts.netloc and len(parts.path) > SHORT:
                yield parts.path.strip("/")


def _secrets_in(address: str) -> Iterator[str]:
    """What must not be seen of an address: user and password, and what stands behind a question mark."""
    if "://" not in address:
        return
    credentials, _, place = address.partition("://")[2].rpartition("@")
    yield credentials
    yield credentials.partition(":")[2]
    query = place.partition("?")[2]
    yield query
    yield from (value for value in re.split(r"[&=]", query) if len(value) >= SHORT)
