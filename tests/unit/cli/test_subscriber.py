"""Which credentials go to which broker: those of the same line, and never those that were configured for another."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from edge.cli.recording_arguments import add_recording_arguments, kept_for
from edge.cli.subscriber import add_broker_arguments, add_client_id_argument, subscriber_settings, tell_of_own_broker
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.problem import connect_failed

CONFIG = """
mqtt:
  broker: mqtts://school:8883
  username: room-204
  password_file: {folder}/secret
  ca_file: {folder}/ca.pem
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    (tmp_path / "config.yaml").write_text(CONFIG.format(folder=tmp_path))
    (tmp_path / "secret").write_text("of the school")
    (tmp_path / "other").write_text("of the district")
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/mqtt-password").write_text("from systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))

    def read(*words: str) -> BrokerSettings:
        parser = argparse.ArgumentParser()
        add_broker_arguments(parser)
        add_client_id_argument(parser, "")
        args = parser.parse_args(["--config", str(tmp_path / "config.yaml"), *words])
        return subscriber_settings(args, "watch", args.client_id)[0]

    return read


def test_the_configured_broker_gets_what_was_configured(settings: object) -> None:
    assert callable(settings)
    for words in ((), ("--broker", "mqtts://school:8883")):
        found = settings(*words)
        assert (found.username, found.password) == ("room-204", "of the school")


@pytest.mark.parametrize("url", ["mqtt://elsewhere:1883", "mqtts://elsewhere:8883"])
def test_another_broker_gets_nothing_of_it(settings: object, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(settings)
    monkeypatch.setenv("EDGE_MQTT__USERNAME", "from-the-environment")
    found = settings("--broker", url)
    assert (str(found.url), found.username, found.password) == (url, None, None)


def test_nobody_on_this_machine_gets_the_password_in_place_of_the_broker_of_edge_itself(settings: object) -> None:
    assert callable(settings)
    found = settings("--set", "mqtt.broker=embedded", "--set", "mqtt.ca_file=null")
    assert (found.url.host, found.username, found.password) == ("127.0.0.1", None, None)


def test_another_broker_gets_what_stands_on_the_same_line(settings: object, tmp_path: Path) -> None:
    assert callable(settings)
    line = ("--broker", "mqtts://elsewhere:8883", "--set", "mqtt.username=me")
    found = settings(*line)
    assert (found.username, found.password) == ("me", None)
    found = settings(*line, "--set", f"mqtt.password_file={tmp_path}/other")
    assert (found.username, found.password) == ("me", "of the district")
    assert str(found.ca_file) == f"{tmp_path}/ca.pem"


def test_a_reader_has_a_new_client_id_each_time_or_the_one_that_was_given(settings: object) -> None:
    assert callable(settings)
    ids = [settings().client_id for _ in range(2)]
    assert len({re.fullmatch("edge-classroom-.*-watch-([0-9a-f]{8})", each)[1] for each in ids}) == 2  # type: ignore[index]
    assert settings("--client-id", "edge-dashboard").client_id == "edge-dashboard"
    with pytest.raises(SystemExit):
        settings("--client-id", "a/b")


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ((), "start ./run in another terminal"),
        (("--broker", "mqtt://127.0.0.1:1884"), "start ./run in another terminal, else see that the broker runs"),
        (("--broker", "mqtt://192.168.1.10:1883"), "check mqtt.broker"),
        (("--set", "mqtt.broker=mqtt://127.0.0.1:1883"), "check mqtt.broker"),
    ],
)
def test_where_nothing_listens_at_the_brokers_place_of_edge_itself_that_is_to_be_started(
    words: tuple[str, ...], remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_COMMAND", "./run")
    (tmp_path / "config.yaml").write_text("mode: headcount\n")
    parser = argparse.ArgumentParser()
    add_broker_arguments(parser)
    found = subscriber_settings(parser.parse_args(["--config", str(tmp_path / "config.yaml"), *words]), "watch")[0]
    assert remedy in connect_failed(found.url, ConnectionRefusedError(), found.nothing_listens).remedy
    assert "mqtt.broker" in connect_failed(found.url, TimeoutError(), found.nothing_listens).remedy


@pytest.mark.parametrize(
    ("words", "lines"),
    [((), 1), (("--broker", "mqtt://127.0.0.1:1884"), 0), (("--set", "mqtt.broker=mqtt://127.0.0.1"), 0)],
)
def test_who_records_at_the_broker_of_edge_itself_is_told_that_it_forgets(
    words: tuple[str, ...], lines: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text("mode: headcount\n")
    parser = argparse.ArgumentParser()
    add_broker_arguments(parser)
    args = parser.parse_args(["--config", str(tmp_path / "config.yaml"), *words])
    tell_of_own_broker(subscriber_settings(args, "record")[0])
    assert capsys.readouterr().err.count("forgets what waits for a recorder") == lines


@pytest.mark.parametrize(
    ("words", "text"), [([], "400 days"), (["--keep-days", "30"], "30 days"), (["--keep-days", "all"], "good")]
)
def test_how_long_a_recording_is_kept_in_words(words: list[str], text: str) -> None:
    parser = argparse.ArgumentParser()
    add_recording_arguments(parser)
    assert kept_for(parser.parse_args(words)) == text


def test_a_file_that_may_be_cut_short_is_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "config.yaml").write_text("mode: headcount")
    parser = argparse.ArgumentParser()
    add_broker_arguments(parser)
    for words in ((), ("--broker", "mqtt://192.168.1.10:1883")):
        caplog.clear()
        subscriber_settings(parser.parse_args(["--config", str(tmp_path / "config.yaml"), *words]), "watch")
        assert caplog.text.count("no line break at the end") == 1
