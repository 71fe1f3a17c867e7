"""Writes one first-boot file for each room of a table: `cards.py rooms.csv --output cards` (docs/many-boxes.md).

The files are cloud-init's user-data: name of the machine, /etc/edge/config.yaml, password and certificates, and the
commands that install the package of the card. They hold secrets: only their owner can read the folder. Columns of the
table: `name`; where wanted `password`, `certificate_file` and `key_file` (PEM files of this machine); every other one
is a key of the configuration, such as `mqtt.broker`, and empty where the room has what --config says. Nothing is
written unless every room is valid.
"""

from __future__ import annotations

import argparse
import copy
import csv
import io
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from edge.config import yaml_text
from edge.config.address_redaction import without_password
from edge.config.key_rules import rule_of
from edge.config.loader import load_config
from edge.errors import EdgeError
from edge.files.bounded_read import read_file

OWN = {"name", "password", "certificate_file", "key_file"}
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
CA, CERTIFICATE, KEY = "/etc/edge/ca.pem", "/etc/edge/room.pem", "/etc/edge/room.key"
LARGEST = 16_000  # bytes of a file on the card
LARGEST_SOURCE = 1_000_000  # bytes of the table, and of what all rooms share
PLACEHOLDER = "REPLACE-WITH"  # a part of it, in the files of docs/many-boxes
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
COMMANDS = [
    ["sh", "-c", "DEBIAN_FRONTEND=noninteractive apt-get -y install /boot/firmware/edge_*.deb"],
    ["sh", "-c", "install -D -m 644 /boot/firmware/edge_*.deb /var/cache/edge/edge.deb"],
    # The boot partition has no permissions: whoever takes the card reads it on any computer.
    ["sh", "-c", "printf '#cloud-config\\n' > /boot/firmware/user-data"],
]  # fmt: skip


class CardError(Exception):
    """What is wrong with one of the files, and where."""


def main(arguments: list[str] | None = None) -> int:
    """Write them all, or none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="CSV, UTF-8, with a line of column names")
    parser.add_argument("--output", type=Path, required=True, help="folder for ROOM/user-data; must not exist")
    parser.add_argument("--config", type=Path, help="what all rooms share, as a configuration (edge setup --export)")
    parser.add_argument("--base", type=Path, help="what all machines share, as user-data: users, keys, time zone")
    parser.add_argument("--ca-file", type=Path, help="certificate authority of the broker, PEM")
    args = parser.parse_args(arguments)
    try:
        config, base = mapping(args.config), mapping(args.base)
        cards = [card(where, row, args, copy.deepcopy(config), base) for where, row in rows(args.table).items()]
        write(cards, args.output)
    except (CardError, EdgeError, OSError) as error:
        wrong = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        print(f"error: {wrong}", file=sys.stderr)
        return 1
    if not args.base:
        print("warning: without --base a card brings no user: nobody can log in there", file=sys.stderr)
    if not args.ca_file and any("mqtts://" in data["write_files"][0]["content"] for _, data in cards):
        print("warning: without --ca-file rooms trust only a broker whose certificate is a public one", file=sys.stderr)
    print(f"{len(cards)} rooms in {args.output}: copy each user-data and meta-data to the boot partition of its card")
    return 0


def text_of(path: Path) -> str:
    """What a person wrote.

    Raises:
        CardError: It cannot be read, or a placeholder of the example is left in it: a card with one would reach nobody,
            or let nobody in.
    """
    try:
        text = read_file(path, LARGEST_SOURCE).decode("utf-8-sig")
    except OSError as error:
        raise CardError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CardError(f"{path} is no UTF-8: save it as {'CSV ' if path.suffix == '.csv' else ''}UTF-8") from None
    left = [
        f"{path}, line {number}: {word} is a placeholder of the example: put your own there"
        for number, line in enumerate(text.splitlines(), 1)
        for word in re.findall(r"[\w-]+", line)
        if PLACEHOLDER in word
    ]
    if left:
        raise CardError("\n  ".join(left))
    return text


def mapping(path: Path | None) -> dict[str, Any]:
    """What all rooms share, as YAML; empty where no file is named. Raises CardError."""
    if path is None:
        return {}
    found = read(text_of(path), "", str(path))
    if not isinstance(found, dict | None):
        raise CardError(f"{path}: there must be keys with values, and not {type(found).__name__}")
    return found or {}


def rows(table: Path) -> dict[str, dict[str, str]]:
    """The rooms, each by where it stands in the table; names are checked to be different. Raises CardError."""
    text = text_of(table)
    separator = max(",;", key=text.partition("\n")[0].count)  # what a German or French Excel writes
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    found, where = {}, f"{table}, line 1"
    try:
        columns = [each.strip() for each in next(reader, [])]
        check_columns(columns, table)
        where = f"{table}, line {reader.line_num + 1}"
        for line in reader:
            values = [each.strip() for each in line]
            if any(values):  # else a line of separators, as spreadsheets leave them
                if len(values) > len(columns):
                    raise CardError(f"{where}: more values than columns; quote a value with {separator} in it")
                row = dict.fromkeys(columns, "") | dict(zip(columns, values, strict=False))
                for key, value in row.items():
                    if CONTROL.search(value):  # one more line in a password is the next room's, and its password
                        raise CardError(f"{where}: {key} has a line break or control character: is a quote left open?")
                found[where] = row
            where = f"{table}, line {reader.line_num + 1}"  # where the next one begins, and perhaps a quote
    except csv.Error as error:
        raise CardError(f"{where}: {error}: is a quote left open?") from None
    check_names(found)
    if not found:
        raise CardError(f"{table} names no room")
    return found


def check_names(found: dict[str, dict[str, str]]) -> None:
    """Raises CardError: a name is none of a machine, or two rooms have the same."""
    machines: set[object] = set()
    devices: set[object] = set()
    for where, row in found.items():
        name = row["name"]
        if not HOST_NAME.fullmatch(name):
            raise CardError(f"{where}: name {name!r} must be letters, digits and - only, 63 at most")
        device = row.get("device.name") or name
        topic = row.get("device.prefix", ""), device.lower()
        for each, known, called in ((name.lower(), machines, name), (topic, devices, device)):
            if each in known:
                raise CardError(f"{where}: two rooms are called {called!r}")
            known.add(each)


def check_columns(columns: list[str], table: Path) -> None:
    """Raises CardError: one is missing, empty or there twice."""
    if "name" not in columns:
        raise CardError(f"{table}: the first line has no column 'name'")
    for each in columns:
        if not each:
            raise CardError(f"{table}: a column has no name; take the separator at the end of the first line out")
        if columns.count(each) > 1:
            raise CardError(f"{table}: two columns are called {each!r}")


def card(
    where: str, row: dict[str, str], args: argparse.Namespace, config: dict[str, Any], base: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Name and user-data of one room, of its row and what all share. Raises CardError, EdgeError."""
    put_columns(config, row, where)
    files = []
    if row.get("password"):
        mqtt = config.get("mqtt") or {}
        if isinstance(mqtt, dict) and not mqtt.get("username"):
            put(config, "mqtt.username", row["name"])
        files.append(file("/etc/edge/mqtt-password", row["password"] + "\n", "0600"))
    for key, source, target, mode in (
        ("ca_file", args.ca_file, CA, "0644"),
        ("certificate_file", row.get("certificate_file"), CERTIFICATE, "0644"),
        # For the group of the service, which has no user of its own yet.
        ("key_file", row.get("key_file"), KEY, "0640"),
    ):
        if source:
            put(config, f"mqtt.{key}", target)
            files.append(file(target, pem(Path(source), where), mode))
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    check(text, where)
    source = (config.get("camera") or {}).get("source")
    if isinstance(source, str) and without_password(source) != source:  # others of the room's machine read config.yaml
        del config["camera"]["source"]
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        quoted = re.sub(r'(["\\])', r"\\\1", source)
        files.append(file("/etc/edge/config.env", f'EDGE_CAMERA__SOURCE="{quoted}"\n', "0600"))
    taken = base.keys() & {"hostname", "write_files"}
    if taken:
        raise CardError(f"{args.base}: {', '.join(sorted(taken))} is what the table is for; leave it out")
    commands = base.get("runcmd") or []
    if not isinstance(commands, list):
        raise CardError(f"{args.base}: runcmd must be a list of commands")
    return row["name"], {
        **base,
        "hostname": row["name"].lower(),
        "write_files": [file("/etc/edge/config.yaml", text, "0644"), *files],
        "runcmd": [*commands, *COMMANDS],
    }


def read(text: str, key: str, where: str) -> Any:  # noqa: ANN401 - any YAML
    """What the daemon reads at a key: 0123 is a text where a text belongs. Raises CardError."""
    try:
        return yaml_text.load(text, rule_of(filter(None, key.split("."))))
    except yaml_text.YAML_ERRORS as error:
        raise CardError(f"{where} cannot be read as YAML ({error})") from None


def put_columns(config: dict[str, Any], row: dict[str, str], where: str) -> None:
    """Set what the row has of the configuration. Raises CardError."""
    for key, value in row.items():
        if value and key not in OWN:
            put(config, key, read(value, key, f"{where}: {key}"))
    if not row.get("device.name"):  # after a column `device`, which replaces the whole section
        put(config, "device.name", row["name"])


def put(config: dict[str, Any], key: str, value: object) -> None:
    """Set `section.key`. Raises CardError: one part of it is no section."""
    section, *rest = key.split(".", 1)
    if not rest:
        config[section] = value
        return
    if config.get(section) is None:  # `camera:` with nothing below it
        config[section] = {}
    if not isinstance(config[section], dict):
        raise CardError(f"the column or key {key}: {section} is {config[section]!r} and not a section")
    put(config[section], rest[0], value)


def file(path: str, content: str, mode: str) -> dict[str, str]:
    """One of cloud-init's write_files."""
    owner = "root:video" if mode == "0640" else "root:root"
    return {"path": path, "permissions": mode, "owner": owner, "content": content}


def pem(path: Path, where: str) -> str:
    """The text of a certificate or key."""
    try:
        text = read_file(path, LARGEST).decode("ascii", errors="replace")
    except OSError as error:
        raise CardError(f"{where}: {path}: {error.strerror}") from None
    if "-----BEGIN " not in text:
        raise CardError(f"{where}: {path} is no PEM file")
    return text


def check(config: str, where: str) -> None:
    """Read it as the daemon will; files of the room are not here yet. Raises CardError."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as draft:
        draft.write(config)
        draft.flush()
        try:
            load_config(Path(draft.name), [], {})
        except EdgeError as error:
            raise CardError(f"{where}: {str(error).replace(draft.name, 'its config.yaml')}") from None


class Writer(yaml.SafeDumper):
    """Shows texts of several lines as they are, for whoever reads a card."""


def _text(writer: Writer, text: str) -> yaml.ScalarNode:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Writer.add_representer(str, _text)


def write(cards: list[tuple[str, dict[str, Any]]], output: Path) -> None:
    """ROOM/user-data and ROOM/meta-data, readable by their owner only."""
    if output.exists():
        raise CardError(f"{output} exists: it may hold cards of before; name another folder")
    os.umask(0o077)
    output.mkdir(parents=True)
    for name, data in cards:
        folder = output / name
        folder.mkdir()
        text = "#cloud-config\n" + yaml.dump(data, Dumper=Writer, sort_keys=False, allow_unicode=True, width=1000)
        (folder / "user-data").write_text(text, encoding="utf-8")
        (folder / "meta-data").write_text(f"instance-id: edge-{name}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
