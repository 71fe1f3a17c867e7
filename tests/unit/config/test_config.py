"""The configuration: every mistake is named with file, line, key, value and remedy; nothing is ignored."""

from __future__ import annotations

import itertools
import os
import tempfile
from argparse import Namespace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cli import read_config
from edge.config.document import cut_short
from edge.config.loader import find_config, load_config
from edge.config.schema import Config
from edge.errors import ConfigError
from tests.support.paths import ROOT


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return path


def error(tmp_path: Path, text: str, *overrides: str, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text), overrides, environment)
    assert caught.value.exit_code == 78
    return str(caught.value)


def test_the_shipped_file_says_every_default() -> None:
    assert load_config(ROOT / "config.yaml") == Config()


def test_without_a_file_the_defaults_apply() -> None:
    assert load_config(None) == Config()
    assert load_config(None, ["window.seconds=5"], {"EDGE_DEVICE__NAME": "0123"}).device.name == "0123"
    with pytest.raises(ConfigError, match=r"--set window\.seconds: found 'soon'"):
        load_config(None, ["window.seconds=soon"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_somebody_elses_file_in_the_current_folder_is_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It decides which of our files are read, and where they are sent."""
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path, "window: {seconds: 7}\n")
    os.chown(file, 12345, 12345)
    with pytest.raises(ConfigError, match="belongs to another user \\(uid 12345\\): if that is meant, name it"):
        find_config()
    monkeypatch.setenv("SUDO_UID", "12345")  # who has root do it
    assert find_config() == (Path("config.yaml"), b"window: {seconds: 7}\n")
    os.chown(file, 0, 0)
    file.chmod(0o646)
    with pytest.raises(ConfigError, match="everybody may write"):
        find_config()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_link_counts_where_it_and_what_it_leads_to_are_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    file, link = write(tmp_path / "folder", "window: {seconds: 7}\n"), tmp_path / "config.yaml"
    link.symlink_to("folder/config.yaml")
    assert load_config(find_config()).window.seconds == 7
    os.chown(link, 12345, 12345, follow_symlinks=False)
    with pytest.raises(ConfigError, match="belongs to another user \\(uid 12345\\)"):
        find_config()
    os.chown(link, 0, 0, follow_symlinks=False)
    os.chown(file, 12345, 12345)
    with pytest.raises(ConfigError, match="belongs to another user \\(uid 12345\\)"):
        find_config()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_is_used_is_what_was_asked_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever owns the folder puts another file in its place right after that."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "window: {seconds: 5}\n")
    (tmp_path / "theirs.yaml").write_text("window: {seconds: 7}\n")
    os.chown(tmp_path / "theirs.yaml", 12345, 12345)
    found = find_config()
    (tmp_path / "theirs.yaml").replace("config.yaml")
    assert load_config(found).window.seconds == 5
    with pytest.raises(ConfigError, match="belongs to another user"):
        find_config()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_reload_asks_again_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = Namespace(config=None, set=[])
    file = write(tmp_path, "window: {seconds: 7}\n")
    assert read_config(arguments).window.seconds == 7
    os.chown(file, 12345, 12345)
    with pytest.raises(ConfigError, match="belongs to another user"):
        read_config(arguments)
    assert read_config(Namespace(config=file, set=[])).window.seconds == 7, "it was named"


def test_the_file_in_the_current_folder_comes_before_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = find_config()
    assert shipped is not None
    assert shipped.data == (ROOT / "config.yaml").read_bytes()
    write(tmp_path, "window: {seconds: 7}\n")
    assert load_config(find_config()).window.seconds == 7


NEWER = {"camera.ca_file"}  # than 0.2.0, which refuses them: only comments may name them


def test_the_shipped_file_has_every_key_and_none_that_the_version_before_refuses() -> None:
    """A device that got this file goes back to that version, where that one is installed again."""
    text = (ROOT / "config.yaml").read_text()
    for section, info in Config.model_fields.items():
        assert f"\n{section}:" in text
        keys = info.annotation.model_fields if isinstance(info.annotation, type) else ()  # mode is no section
        part = text[text.index(f"\n{section}:") :].split("\n\n")[0]
        for key in keys:
            start = "  # " if f"{section}.{key}" in NEWER else "  "
            assert f"\n{start}{key}:" in part, f"{section}.{key} is not in config.yaml"


def test_all_mistakes_at_once_with_line_and_remedy(tmp_path: Path) -> None:
    text = error(
        tmp_path,
        "window:\n  seconds: soon\nvision:\n  fsp: 3\n  min_confidence: 7\n  detect_width: 1000\nmqt:\n  a: 1\n",
    )
    assert "4 errors" not in text
    assert "5 errors" in text
    assert f"{tmp_path}/config.yaml:2: window.seconds: found 'soon'; allowed: a number from 1 to 3600" in text
    assert "config.yaml:4: vision.fsp: unknown key; did you mean fps?" in text
    assert "config.yaml:5: vision.min_confidence: found 7; allowed: a number from 0 to 1" in text
    assert "config.yaml:6: vision.detect_width: found 1000; allowed: 640, 1280, 1920" in text
    assert "config.yaml:7: mqt: unknown key; did you mean mqtt?" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("device: {name: a/b}", "device.name: found 'a/b'; allowed: text (name of this room, without + # /"),
        ("device: {name: 'a+'}", "device.name"),
        ('device: {name: "a\\u0007"}', "device.name"),
        ("camera: {source: webcam}", "camera.source: found 'webcam'; allowed: text (one of: auto, sample"),
        ("camera: {source: 'usb:0'}", "deployment.responsible"),
        ("mqtt: {broker: 'mqtt://me:secret@host'}", "leave user and password out of the URL"),
        ("mqtt: {broker: 'http://host'}", "mqtt://host:1883"),
        ("mqtt: {broker: 'mqtt://host:99999'}", "port"),
        ("mqtt: {broker: 'mqtt://host:0'}", "port"),
        ("mqtt: {broker: 'mqtt://broker..example'}", "no host name"),
        ('mqtt: {broker: "mqtt://me:secret@ho\\u2100st"}', "leave user and password out"),
        ("mqtt: {broker: 'me:secret@host'}", "leave user and password out"),
        ("camera: {source: 'rtsp//me:secret@host'}", "camera.source"),
        ("camera: {source: 'http://cam/?pwd=secret'}", "deployment.responsible"),
        ("device: {name: $SYS}", "device.name"),
        ('outbox: {path: "a\\0b"}', "outbox.path"),
        ("window: {seconds: !!timestamp abc}", "window.seconds: found 'abc'; allowed: a number"),
        (f"window: {{seconds: 0x{'f' * 5000}}}", "window.seconds"),
        ("mqtt: {ca_file: a.pem}", "only used with an mqtts://"),
        ("camera: {ca_file: a.pem}", "ca_file is only used with an https:// or rtsps:// camera, but source is auto"),
        (
            "mode: headcount\ncamera: {ca_file: a.pem, source: 'rtsp://u:geheim@h/stream'}",
            r"source is rtsp://***@h/***: set ca_file: null",
        ),
        ("mqtt: {broker: 'mqtt://h', password_file: p}", "password_file needs a username"),
        ("mqtt: {broker: 'mqtts://h', key_file: k.pem}", "certificate_file and key_file go together"),
        ("window: 5", "window: found 5; allowed: a section with the keys seconds"),
        ("window: {seconds: 5}\nwindow: {seconds: 6}", "window: written twice (first at"),
        ("- a\n- b", "is not a list of sections"),
        ("window: {seconds: [", "is not valid YAML"),
        ("a: !!python/object/apply:os.system [true]", "is not valid YAML"),
        ("\ta: 1", "is not valid YAML"),
        ("window: {seconds: .nan}", "window.seconds"),
        ("camera: {masks: !!set {a}}", "camera.masks"),
        ("privacy: {schedule: !!omap [a: b]}", "privacy.schedule"),
        ("1: 2", "1"),
    ],
)
def test_each_mistake_is_explained(tmp_path: Path, text: str, expected: str) -> None:
    found = error(tmp_path, text)
    assert expected in found
    assert "secret" not in found


def test_rules_over_several_keys_are_told_with_the_others(tmp_path: Path) -> None:
    text = error(tmp_path, "camera: {source: 'usb:0', fps: 1000}\nmqtt: {ca_file: a, keepalive: 1, nonsense: 2}\n")
    assert "5 errors" in text
    assert all(
        part in text for part in ("camera.fps", "keepalive", "nonsense", "live camera", "only used with an mqtts")
    )


def test_text_is_taken_as_it_was_typed(tmp_path: Path) -> None:
    words = [
        "deployment.legal_basis=ethics vote #17",
        "deployment.responsible=Jane: head",
        "device.name=on",
        "mqtt.username=12",
    ]
    config = load_config(write(tmp_path, "device: {prefix: 204}\n"), words)
    assert config.deployment.legal_basis == "ethics vote #17"
    assert config.deployment.responsible == "Jane: head"
    assert (config.device.name, config.device.prefix, config.mqtt.username) == ("on", "204", "12")
    assert load_config(write(tmp_path, "mqtt: {username: u}\n"), ["mqtt.username=null"]).mqtt.username is None


@pytest.mark.parametrize(("written", "meant"), [("5", "5"), ("'5'", "5"), ("3.1.1", "3.1.1"), ("auto", "auto")])
def test_the_version_of_mqtt_may_look_like_a_number(tmp_path: Path, written: str, meant: str) -> None:
    assert load_config(write(tmp_path, f"mqtt: {{protocol: {written}}}\n")).mqtt.protocol == meant
    assert load_config(None, [f"mqtt.protocol={meant}"]).mqtt.protocol == meant
    assert "allowed: auto, 5, 3.1.1" in error(tmp_path, "mqtt: {protocol: 4}\n")


def test_missing_file_and_not_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist: name another one, or make it: edge setup --config FILE"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path / "binary")


@pytest.mark.parametrize(
    "value", ["2026-99-99", "[" * 3000, "9" * 5000, "!!int abc", "!!float abc", "!!bool abc", "!!timestamp abc", "\0",
              "!!set {a}"],
)  # fmt: skip
def test_an_override_of_any_kind_is_explained(tmp_path: Path, value: str) -> None:
    assert "window.seconds" in error(tmp_path, "", f"window.seconds={value}")


def test_anchors_neither_hang_nor_leak_an_override(tmp_path: Path) -> None:
    names = "abcdefghijklmnopqrstuvwxy"
    laughs = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in itertools.pairwise(names))
    assert "is too long: at most 100,000 entries, with what anchors repeat" in error(tmp_path, laughs)
    config = load_config(write(tmp_path, "camera: &c {fps: 5}\nvision: *c\n"), ["camera.fps=30"])
    assert (config.camera.fps, config.vision.fps) == (30, 5)


def test_a_fifo_is_no_configuration(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, Path("/dev/zero")):
        with pytest.raises(ConfigError, match="not a regular file|Is a directory"):
            load_config(path)


def test_overrides_win_over_environment_over_file(tmp_path: Path) -> None:
    path = write(tmp_path, "window: {seconds: 5}\nvision: {fps: 1}\n")
    environment = {"EDGE_WINDOW__SECONDS": "6", "EDGE_VISION__FPS": "2", "EDGE_HOME": "/x", "HOME": "/y"}
    config = load_config(path, ["window.seconds=7"], environment)
    assert (config.window.seconds, config.vision.fps) == (7, 2)


def test_mistakes_in_overrides_name_them(tmp_path: Path) -> None:
    text = error(
        tmp_path,
        "",
        "window.secnds=7",
        "nonsense",
        "window.seconds.x=1",
        "windows.seconds=1",
        "mode=Headcount",
        EDGE_VISION__FPS="fast",
        EDGE_WINDOW_SECONDS="5",
    )
    assert "--set window.secnds: unknown key; did you mean seconds?" in text
    assert "--set mode: found 'Headcount'; write headcount" in text
    assert "--set nonsense: write section.key=value" in text
    assert "--set windows.seconds: windows: unknown key; did you mean window?" in text
    assert "environment EDGE_WINDOW_SECONDS: write EDGE_WINDOW__SECONDS" in text
    assert "\n  --set camera.source: camera.source usb:0 is a live camera" in error(tmp_path, "", "camera.source=usb:0")
    assert "environment EDGE_VISION__FPS: vision.fps: found 'fast'" in text


@pytest.mark.parametrize("text", ["deployment:\nwindow:\n", "{}", "# all as shipped\n"])
def test_empty_sections_and_none_mean_defaults(tmp_path: Path, text: str) -> None:
    assert load_config(write(tmp_path, text)) == Config()


def test_a_file_that_was_cut_short_is_no_reload_and_at_a_start_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is missing means its default: without its schedule, the camera would be opened."""
    shipped = (ROOT / "config.yaml").read_text()
    inside = shipped.index("  schedule: []") - 5  # in a comment, which may end anywhere
    file = write(tmp_path, shipped[:inside])
    with pytest.raises(ConfigError) as refused:
        load_config(file, cut="refused")
    line = shipped[:inside].count("\n") + 1
    assert f"{file}:{line}: no line break at the end, as where a file was cut short" in str(refused.value)
    assert f"add one: echo >> {file}" in str(refused.value)
    assert not caplog.messages
    assert load_config(file) == load_config(file, cut="taken") == Config()
    (warning,) = caplog.messages  # of the start alone
    assert f"add one: echo >> {file}" in warning
    for blank in ("", " ", "\n"):
        assert "config.yaml: the file is empty; if the defaults are meant, write a comment into it" in error(
            tmp_path, blank
        )


def test_how_a_whole_file_ends() -> None:
    shipped = (ROOT / "config.yaml").read_bytes()
    taken = [at for at in range(len(shipped) + 1) if cut_short(shipped[:at], Path("c")) is None]
    assert {shipped[at - 1 : at] for at in taken} == {b"\n"}
    assert len(shipped) in taken
    for whole in (b"mode: headcount\r\n", b"mode: headcount\r", b'{"mode": "headcount"}', b"{}\n"):
        assert cut_short(whole, Path("c")) is None


def test_json_that_was_cut_short_is_no_yaml(tmp_path: Path) -> None:
    assert "is not valid YAML" in error(tmp_path, '{"mode": "headcount"')


def test_a_declared_live_camera_is_allowed(tmp_path: Path) -> None:
    text = "camera: {source: 'usb:0'}\ndeployment: {responsible: Jane, legal_basis: consent}\n"
    assert load_config(write(tmp_path, text)).camera.source == "usb:0"


@given(st.text(max_size=200))
def test_no_text_crashes_the_reader(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(text, "utf-8", errors="ignore")
        try:
            load_config(path, [text], {"EDGE_A__B": text})
        except ConfigError as caught:
            assert str(caught)


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        ("camera: {source: ['rtsp://u:hush@h/']}", []),
        ("camera: {'rtsp://u:hush@h/': 1}", []),
        ("camera: {source: 'rtps://u:hush@h/'}", []),
        ("", ["camera.source rtsp://u:hush@h/"]),
        ("", ["camera.rtsp://u:hush@h/=1"]),
    ],
)
def test_a_password_in_the_wrong_place_is_in_no_error(tmp_path: Path, text: str, overrides: list[str]) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    assert "hush" not in str(caught.value)


def test_thousands_of_mistakes_are_a_short_error(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("mode: headcount\n" + "device: {}\n" * 3000 + '"\\e[2Jkey": 1\n')
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert len(str(caught.value)) < 20_000  # it was megabytes
    assert "\x1b" not in str(caught.value)


def test_keys_without_end_cost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("? " + "x" * 100_000 + "\n: {" + "a: 1, " * 10_000 + "}\n")
    with pytest.raises(ConfigError, match="config.yaml:1: a key has 100,000 characters"):
        load_config(path)
    path.write_text("camera: {" + "a: 1, " * 20_000 + "}\n")
    with pytest.raises(ConfigError, match="1001 errors"):
        load_config(path)
