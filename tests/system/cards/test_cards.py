"""First-boot files of many rooms: what a card gets, and tables that write none."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.config.loader import load_config
from tests.support.paths import ROOT

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def cards(folder: Path, table: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "rooms.csv").write_text(table)
    (folder / "ca.pem").write_text(PEM)
    for name in ("room.yaml", "user-data.yaml"):
        if not (folder / name).exists():
            (folder / name).write_text(filled_in(EXAMPLE[name]))
    command = [sys.executable, str(ROOT / "scripts/cards.py"), "rooms.csv", "--output", "cards", *options]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )


def user_data(folder: Path, room: str) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((folder / "cards" / room / "user-data").read_text())
    return data


def files(data: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {each["path"]: each for each in data["write_files"]}


SHARED = ("--config", "room.yaml", "--base", "user-data.yaml", "--ca-file", "ca.pem")
EXAMPLE = {file: (ROOT / "docs/many-boxes" / file).read_text() for file in ("rooms.csv", "room.yaml", "user-data.yaml")}


def filled_in(text: str) -> str:
    return re.sub(r"[\w-]*REPLACE-WITH[\w-]*", "mine", text)


def test_the_example_gives_cards_that_the_daemon_and_cloud_init_accept(tmp_path: Path) -> None:
    done = cards(tmp_path, filled_in(EXAMPLE["rooms.csv"]), *SHARED)
    assert (done.returncode, done.stderr) == (0, "")
    data = user_data(tmp_path, "room-205")
    assert data["hostname"] == "room-205"
    assert data["timezone"] == "Europe/Berlin"
    written = files(data)
    assert written["/etc/edge/mqtt-password"]["permissions"] == "0600"
    assert written["/etc/edge/ca.pem"]["content"] == PEM
    config_file = tmp_path / "config.yaml"
    config_file.write_text(written["/etc/edge/config.yaml"]["content"])
    config = load_config(config_file, [], {})
    assert (config.device.name, config.mqtt.username, config.camera.source) == ("room-205", "room-205", "usb:0")
    assert (tmp_path / "cards").stat().st_mode & 0o077 == 0
    if shutil.which("cloud-init"):
        subprocess.run(["cloud-init", "schema", "--config-file", "cards/room-205/user-data"], cwd=tmp_path, check=True)


def test_texts_that_look_like_numbers_stay_as_they_were_typed(tmp_path: Path) -> None:
    (tmp_path / "shared.yaml").write_text("device: {prefix: 0123}\nmqtt: {username: 1e3}\nmode: headcount\n")
    table = "name,mqtt.username,deployment.responsible,camera.width\nroom-a,0123,12:30,1280\nroom-b,,no,\n"
    done = cards(tmp_path, table, "--config", "shared.yaml")
    assert done.returncode == 0, done.stderr
    found = []
    for name in ("room-a", "room-b"):
        (tmp_path / "config.yaml").write_text(files(user_data(tmp_path, name))["/etc/edge/config.yaml"]["content"])
        config = load_config(tmp_path / "config.yaml", [], {})
        found.append((config.device.prefix, config.mqtt.username, config.deployment.responsible))
    assert found == [("0123", "0123", "12:30"), ("0123", "1e3", "no")]
    done = cards(tmp_path, "name,privacy.schedule\nroom-a,[\n")
    assert done.returncode == 1
    assert "privacy.schedule cannot be read as YAML" in done.stderr


@pytest.mark.parametrize(
    ("table", "rooms"),
    [
        ("name, camera.rotation \n room-a ,90\t\n, \n,,,\n", {"room-a": "classroom/room-a"}),
        (
            "name,device.name,device.prefix\na-1,room-1,a\nb-1,room-1,b\n",
            {"a-1": "a/room-1", "b-1": "b/room-1"},
        ),
        ("name,device\nroom-a,{prefix: school}\nnull,\n", {"room-a": "school/room-a", "null": "classroom/null"}),
    ],
    ids=["spaces", "two schools", "a whole section"],
)
def test_every_room_has_a_topic_of_its_own(tmp_path: Path, table: str, rooms: dict[str, str]) -> None:
    done = cards(tmp_path, table, "--base", "user-data.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    found = {}
    for folder in (tmp_path / "cards").iterdir():
        (tmp_path / "config.yaml").write_text(
            files(user_data(tmp_path, folder.name))["/etc/edge/config.yaml"]["content"]
        )
        config = load_config(tmp_path / "config.yaml", [], {})
        found[folder.name] = f"{config.device.prefix}/{config.device.name}"
    assert found == rooms


def test_every_room_has_its_own_certificate(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.pem").write_text(PEM.replace("AAAA", name * 4))
        (tmp_path / f"{name}.key").write_text(PEM.replace("AAAA", name * 8))
    table = "name,certificate_file,key_file\nroom-a,a.pem,a.key\nroom-b,b.pem,b.key\n"
    done = cards(tmp_path, table, *SHARED)
    assert done.returncode == 0, done.stderr
    for name in ("a", "b"):
        written = files(user_data(tmp_path, f"room-{name}"))
        assert name * 4 in written["/etc/edge/room.pem"]["content"]
        key = written["/etc/edge/room.key"]
        assert name * 8 in key["content"]
        assert (key["permissions"], key["owner"]) == ("0640", "root:video")
        assert "/etc/edge/mqtt-password" not in written


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("room\nroom-1\n", "no column 'name'"),
        ("name\n", "names no room"),
        ("name\nroom-1\nROOM-1\n", "line 3: two rooms are called 'ROOM-1'"),
        ("name\nroom 1\n", "line 2: name 'room 1' must be letters"),
        ("name,camera.source\nroom-1,usb:0,x\n", "line 2: more values than columns"),
        ("name,window.seconds\nroom-1,\nroom-2,0\n", "line 3:"),
        ("name,privacy.min_faces\nroom-1,5\nroom-2,yes\n", "privacy.min_faces: found 'yes'; allowed: a whole number"),
        ("name,privacy.min_faces\nroom-1,010\n", "privacy.min_faces: found '010'; leave the zero in front out"),
        ("name,camera.sauce\nroom-1,usb:0\n", "sauce"),
        ("name,camera.source.kind\nroom-1,usb:0\n", "camera.source"),
        ("name,mode.kind\nroom-1,1\n", "mode is 'headcount' and not a section"),
        ("name,certificate_file,key_file\nroom-1,ca.pem,rooms.csv\n", "rooms.csv is no PEM file"),
        ("name,certificate_file\nroom-1,/dev/zero\n", "line 2: /dev/zero: not a regular file"),
        ("name,device.name\nroom-1,a\nroom-2,A\n", "line 3: two rooms are called 'A'"),
        ("name,password,password\nroom-1,a,b\n", "two columns are called 'password'"),
        ("name,password,\nroom-1,a,\n", "a column has no name"),
        ('name,password\nroom-1,"Xy7\nroom-2,s2\nroom-3,s3\n', "line 2: unexpected end of data: is a quote left open?"),
        ('name,password\nroom-1,"Xy7\nroom-2,s2\nroom-3,"s3\n', "line 2:"),
        ('name,password\nroom-1,Xy7\nroom-2,"s2\nroom-3,"\n', "line 3: password has a line break"),
        ("name,password\nroom-1,a\0b\n", "line 2: password has a line break or control character"),
        (f"name,password\nroom-1,{'p' * 200_000}\n", "line 2: field larger than field limit"),
        ("name,line\nroom-1,7\n", "line: unknown key"),
        ("name,mqtt,password\nroom-1,[1],x\n", "mqtt"),
    ],
)
def test_a_mistake_is_named_and_no_card_written(tmp_path: Path, table: str, problem: str) -> None:
    done = cards(tmp_path, table, "--config", "room.yaml")
    assert done.returncode == 1
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "cards").exists()


@pytest.mark.parametrize(("file", "lines"), [("rooms.csv", (2, 3)), ("room.yaml", (3,)), ("user-data.yaml", (9,))])
def test_no_card_gets_a_placeholder(tmp_path: Path, file: str, lines: tuple[int, ...]) -> None:
    """Else it would start in its room, reach nobody, and let nobody log in."""
    if file != "rooms.csv":
        (tmp_path / file).write_text(EXAMPLE[file])
    done = cards(tmp_path, EXAMPLE[file] if file == "rooms.csv" else "name\nroom-1\n", *SHARED)
    assert done.returncode == 1
    said = done.stderr.removeprefix("error:").splitlines()
    assert [line.partition(":")[0].strip() for line in said] == [f"{file}, line {number}" for number in lines]
    assert all(line.endswith("is a placeholder of the example: put your own there") for line in said)
    assert not (tmp_path / "cards").exists()


@pytest.mark.parametrize("option", ["--config", "--base"])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("- a\n", "there must be keys with values, and not list"),
        ("[" * 5000, "cannot be read as YAML"),
        ("a: 0000-00-00\n", "cannot be read as YAML"),
        ("a: b\n".encode("utf-16"), "is no UTF-8"),
        (None, "not a regular file"),
    ],
)
def test_what_all_rooms_share_is_read_like_any_other_file(
    tmp_path: Path, option: str, content: str | bytes | None, problem: str
) -> None:
    shared = tmp_path / "shared"
    if content is None:
        os.mkfifo(shared)
    else:
        shared.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = cards(tmp_path, "name\nroom-1\n", option, "shared")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stderr.startswith("error: shared")
    assert problem in done.stderr


def test_the_commands_of_all_machines_come_first(tmp_path: Path) -> None:
    (tmp_path / "base").write_text("runcmd:\n")
    assert cards(tmp_path, "name\nroom-1\n", "--base", "base").returncode == 0
    assert len(user_data(tmp_path, "room-1")["runcmd"]) == 3
    shutil.rmtree(tmp_path / "cards")
    (tmp_path / "base").write_text("runcmd: reboot\n")
    done = cards(tmp_path, "name\nroom-1\n", "--base", "base")
    assert (done.returncode, done.stderr) == (1, "error: base: runcmd must be a list of commands\n")
    (tmp_path / "base").write_text("runcmd: [reboot]\n")
    assert cards(tmp_path, "name\nroom-1\n", "--base", "base").returncode == 0
    assert user_data(tmp_path, "room-1")["runcmd"][0] == "reboot"


def test_what_leaves_a_card_without_users_or_trust_is_said(tmp_path: Path) -> None:
    done = cards(tmp_path, "name\nroom-1\n", "--config", "room.yaml")
    assert done.returncode == 0
    assert [line.partition(" a")[0].partition(" rooms")[0] for line in done.stderr.splitlines()] == [
        "warning: without --base", "warning: without --ca-file",
    ]  # fmt: skip


def test_a_table_of_a_german_excel(tmp_path: Path) -> None:
    done = cards(tmp_path, "\ufeffname;password;camera.source\r\nroom-1;a,b;usb:0\r\n", *SHARED)
    assert done.returncode == 0, done.stderr
    assert files(user_data(tmp_path, "room-1"))["/etc/edge/mqtt-password"]["content"] == "a,b\n"
    (tmp_path / "rooms.csv").write_bytes("name;deployment.responsible\r\nroom-1;M\xfcller\r\n".encode("cp1252"))
    for table, problem in (("rooms.csv", "rooms.csv is no UTF-8"), ("none.csv", "error: none.csv: No such file")):
        command = [sys.executable, str(ROOT / "scripts/cards.py"), table, "--output", "new"]
        done = subprocess.run(
            command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert problem in done.stderr


def test_cards_of_before_stay(tmp_path: Path) -> None:
    table = "name,password\nroom-1,old\n"
    assert cards(tmp_path, table, *SHARED).returncode == 0
    done = cards(tmp_path, table.replace("old", "new"), *SHARED)
    assert done.returncode == 1
    assert "cards exists" in done.stderr
    assert files(user_data(tmp_path, "room-1"))["/etc/edge/mqtt-password"]["content"] == "old\n"


@pytest.mark.parametrize("source", ['rtsp://me:se"cret\\word@10.0.0.7', "rtsps://10.0.0.7:7441/Gh7sD8fKj2"])
def test_what_opens_a_camera_stands_where_only_root_can_read_it(tmp_path: Path, source: str) -> None:
    table = 'name,camera.source,mode\nroom-1,"{}",headcount\n'.format(source.replace('"', '""'))
    done = cards(tmp_path, table, *SHARED)
    assert done.returncode == 0, done.stderr
    written = files(user_data(tmp_path, "room-1"))
    assert "10.0.0.7" not in written["/etc/edge/config.yaml"]["content"]
    assert written["/etc/edge/config.env"]["permissions"] == "0600"
    assert shlex.split(written["/etc/edge/config.env"]["content"]) == [f"EDGE_CAMERA__SOURCE={source}"]
