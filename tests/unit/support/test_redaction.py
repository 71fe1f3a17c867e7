"""Nothing secret, no address and no figure about people passes."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge.config.schema import Config
from edge.support.raw_secrets import secrets_in
from edge.support.redacted_config import address_kind, redacted
from edge.support.redaction import Redactor

DECLARED = {"responsible": "Jane Doe, head of research, jane@school.example", "legal_basis": "ethics vote 2026-17"}


@pytest.mark.parametrize(
    ("line", "gone", "kept"),
    [
        (
            "open rtsp://admin:hunter2@192.168.1.9:554/live?token=abcd",
            ["hunter2", "admin", "192", "abcd"],
            "rtsp://***:554",
        ),
        ("broker mqtts://broker.school.example:8883 refuses", ["school"], "broker mqtts://***:8883 refuses"),
        ("GET http://cam/snap.cgi?usr=a&pwd=b", ["cam/", "pwd=b"], "GET http://***"),
        ("http://a:p@ss@h/x y", ["p@ss", "@h"], "http://*** y"),
        ("could not set user-pw=geheim1 to it", ["geheim1"], "user-pw=*** to it"),
        ("password: 'a b c'", ["a b c"], "password: ***"),
        ('{x} MQTT_PASSWORD="very secret"', ["very"], "MQTT_PASSWORD=***"),
        ("api_key=12ab, next", ["12ab"], "api_key=***, next"),
        ("Authorization: Bearer abcdef.123", ["abcdef"], "Authorization: ***"),
        ("sent Bearer abcdef.123 to it", ["abcdef"], "sent Bearer *** to it"),
        ("mail to jane.doe+x@mail.school.example", ["jane", "school"], "mail to ***"),
        (
            "from 10.1.2.3 and fe80::1%eth0 and 2001:db8:1:2:3:4:5:6",
            ["10.1", "fe80", "2001"],
            "from *** and *** and ***",
        ),
        ("aa:bb:cc:dd:ee:0f is its card", ["aa:bb"], "*** is its card"),
        ("127.0.0.1 at 12:30:15 is us", [], "127.0.0.1 at 12:30:15 is us"),
        ("/home/jane/room.yaml", ["jane"], "/home/***/room.yaml"),
        ("/srv/home/.local/state/edge", [], "/srv/home/.local/state/edge"),
        ("mqtt://hall.example:1883: MQTT 5", ["hall"], "mqtt://***:1883: MQTT 5"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n", ["MIIE"], "***"),
    ],
)
def test_what_looks_secret(line: str, gone: list[str], kept: str) -> None:
    text = Redactor([]).text(line)
    assert kept in text
    for each in gone:
        assert each not in text


def test_known_secrets_in_every_spelling() -> None:
    clean = Redactor(['p#s/s"ü', "abc"])
    for spelling in ('p#s/s"ü', "p%23s%2Fs%22%C3%BC", 'p#s/s\\"ü', 'p#s/s\\"\\u00fc'):
        assert clean.text(f"x{spelling}y") == "x***y"
    assert clean.text("abc, abcd") == "***, abcd"  # short ones only where they stand for themselves


def test_passwords_of_a_gstreamer_source() -> None:
    source = "gstreamer:rtspsrc location=rtsp://cam/1 user-id=jane user-pw='very secret' ! decodebin"
    config = Config.model_validate({"mode": "headcount", "camera": {"source": source}})
    assert Redactor.of(config, {}).text("could not set property user-pw to very secret") == (
        "could not set property user-pw to ***"
    )


def test_what_a_question_needs_stays() -> None:
    config = Config.model_validate({"mqtt": {"broker": "mqtt://127.0.0.1:1884"}, "camera": {"source": "sample:5"}})
    clean = Redactor.of(config, {"PWD": "/var/lib/edge", "OLDPWD": "/var/lib"})
    for line in ("mqtt://127.0.0.1:1884", "outbox /var/lib/edge/outbox.sqlite", "sample:5, 127.0.0.1"):
        assert clean.text(line) == line.replace("mqtt://127.0.0.1:", "mqtt://***:")


def test_the_longer_of_two_goes_first() -> None:
    assert Redactor(["hunter", "hunter2000"]).text("hunter2000") == "***"


def test_names_leave_other_words_alone() -> None:
    config = Config.model_validate(
        {
            "deployment": DECLARED,
            "mqtt": {"username": "edge", "broker": "mqtts://hall:8883"},
            "metrics": {"host": "pi-7"},
        }
    )
    clean = Redactor.of(config, {"MY_API_KEY": "k-12345", "EDGE_MODE": "emotions"})
    assert clean.text("edge refused by hall, edges and halls are not") == "*** refused by ***, edges and halls are not"
    assert clean.text("Jane Doe or head of research (k-12345) on ethics vote 2026-17") == "*** or *** (***) on ***"
    assert clean.text("metrics: cannot listen on pi-7 port 9465") == "metrics: cannot listen on *** port 9465"
    assert clean.text("mode emotions") == "mode emotions"


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-28T15:30:00+0000 edge[812]: 27 faces, 13.5 of them front",
        "2026-11-28T15:30:00+0000 edge[812]: faces_per_frame=27 people: 27",
        "2026-11-28T15:30:00+0000 edge[812]: happy 13.5%",
        '2026-11-28T15:30:00+0000 edge[812]: sent {"counts": {"happy": 27}}',
        "2026-11-28T15:30:00+0000 edge[812]: window {'total': 27}",
    ],
)
def test_no_figure_about_people(line: str) -> None:
    said = Redactor([]).line(line)
    assert "27" not in said
    assert "13.5" not in said
    assert said.startswith("2026-11-28T15:30:00+0000 edge[")


def test_what_a_slow_machine_needs_for_a_frame_is_no_figure_about_people() -> None:
    said = Redactor([]).line("analysis: ok. 912 ms to find faces in that frame, 31 ms to name the emotion of one")
    assert said == "analysis: ok. 912 ms to find faces in that frame, 31 ms to name the emotion of one"
    assert Redactor([]).line("27 faces in 27 msgs") == "# faces in # msgs"


def test_other_numbers_stay() -> None:
    line = "2026-11-28T15:30:00+0000 edge[812]: interface eth0: windows 4-7 are damaged"
    assert Redactor([]).line(line) == line


def test_a_secret_at_the_end_of_a_long_line_is_not_cut_in_two() -> None:
    assert "hunt" not in Redactor(["hunter2000"]).line("x" * 396 + "hunter2000")


def test_a_configuration_shows_numbers_and_few_words(tmp_path: Path) -> None:
    config = Config.model_validate(
        {
            "deployment": DECLARED,
            "camera": {"source": "rtsp://admin:hunter2@10.0.0.9:8554/live", "rotation": 90},
            "mqtt": {
                "broker": "mqtts://broker.example:8883",
                "username": "jane",
                "password_file": str(tmp_path / "pw"),
            },
        }
    )
    shown = redacted(config)
    assert shown["camera.rotation"] == 90
    assert shown["camera.source"] == "rtsp://***:8554"
    assert shown["mqtt.broker"] == "mqtts://***:8883"
    assert shown["mqtt.username"] == "(set)"
    assert shown["mqtt.ca_file"] is None
    assert shown["deployment.responsible"] == "(set)"
    assert redacted(Config())["deployment.responsible"] == "(empty)"
    text = str(shown)
    assert not any(word in text for word in ("Jane", "jane", "ethics", "hunter2", "10.0.0.9", "example", str(tmp_path)))
    assert {key.partition(".")[0] for key in shown} == set(Config.model_fields)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("auto", "auto"),
        ("sample:25", "sample:25"),
        ("usb:0", "usb:0"),
        ("/dev/video0", "/dev/video0"),
        ("gstreamer:csi:1", "gstreamer:csi:1"),
        ("gstreamer:rtspsrc location=rtsp://a:b@c ! x", "gstreamer:***"),
        ("file:/home/jane/clip.mp4", "file:***"),
        ("images:/srv/pupils", "images:***"),
        ("http://a:b@h/snap?user=a", "http://***"),
        ("https://[fd00::1]:8443/x", "https://***:8443"),
        ("embedded", "embedded"),
    ],
)
def test_kinds_of_addresses(source: str, shown: str) -> None:
    assert address_kind(source) == shown


SECRET = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="*"), min_size=4, max_size=30)
AROUND = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(secret=SECRET, before=AROUND, after=AROUND)
def test_a_known_secret_never_passes_whatever_stands_around_it(secret: str, before: str, after: str) -> None:
    """Neither as it is nor encoded; what stands around it must not hold a part that completes another one."""
    assume(secret.lower() not in f"{before} {after}".lower())
    clean = Redactor([secret])
    for spelling in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
        for said in (clean.text(f"{before}{spelling}{after}"), clean.line(f"{before}{spelling}{after}", 4000)):
            assert secret not in said


@given(number=st.integers(100, 10**6), word=st.sampled_from(["faces", "people:", "happy", "face", "away="]))
def test_no_number_beside_a_word_about_people_passes(number: int, word: str) -> None:
    for line in (
        f"{word} {number}",
        f"{number} {word}",
        f"{word}{number}",
        f"x {word}x={number}.5%",
        f"{word}-{number}",
    ):
        assert str(number) not in Redactor([]).line(line)


def test_secrets_of_a_file_that_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the file")
    text = f'port: 1883\nusername: joan\nmqtt: {{my_password: "hunter2", key_file: "{tmp_path}/secret"}}\n'
    found = set(secrets_in(text.encode()))
    assert {"joan", "hunter2", "of the file"} <= found
    assert "1883" not in found
    assert list(secrets_in(b"passpass" * 100_000)) == [], "a word without end"
