"""Writes one first-boot file for each room of a table: `cards.py rooms.csv --output cards` (docs/many-boxes.md).

The files are cloud-init's user-data: name of the machine, /etc/edge/config.yaml, password and certificates, and the
commands that install the package of the card. They hold secrets: only their owner can read the folder. Columns of the
table: `name`; where wanted `password`, `certificate_file` and `key_file` (PEM files of this machine); every other one
is a key of the configuration, such as `mqtt.broker`, and empty where the room has what --config says. Nothing is
written unless every room is valid.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from edge.config import yaml_text
from edge.config.address_redaction import without_password
from edge.config.key_rules import rule_of
from edge.config.loader import load_config
from edge.errors import EdgeError

OWN = {"name", "password", "certificate_file", "key_file"}
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
CA, CERTIFICATE, KEY = "/etc/edge/ca.pem", "/etc/edge/room.pem", "/etc/edge/room.key"
LARGEST = 16_000  # bytes of a file on the card
PLACEHOLDER = re.compile(r"[\w-]*REPLACE-WITH[\w-]*")  # in the files of docs/many-boxes
COMMANDS = [
    ["sh", "-c", "DEBIAN_FRONTEND=noninteractive apt-get -y install /boot/firmware/edge_*.deb"],
    ["sh", "-c", "install -D -m 644 /boot/firmware/edge_*.deb /var/cache/edge/edge.deb"],
    # The boot partition has no permissions: whoever takes the card reads it on any computer.
    ["sh", "-c", "printf '#cloud-config\\n' > /boot/firmware/user-data"],
]  # fmt: skip


class CardError(Exception):
    """What is wrong with the table, and where."""


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
        cards = [card(row, args) for row in rows(args.table)]
        write(cards, args.output)
    except (CardError, EdgeError, OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        wrong = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        print(f"error: {wrong}", file=sys.stderr)
        return 1
    if not args.base:
        print("warning: without --base a card brings no user: nobody can log in there", file=sys.stderr)
    if not args.ca_file and any("mqtts://" in text for _, data in cards for text in strings(data)):
        print("warning: without --ca-file rooms trust only a broker whose certificate is a public one", file=sys.stderr)
    print(f"{len(cards)} rooms in {args.output}: copy each user-data and meta-data to the boot partition of its card")
    return 0


def rows(table: Path) -> list[dict[str, str]]:
    """The rooms, with the number of their line as `line`; names are checked to be different."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise CardError(f"{table} is no UTF-8: save it as CSV UTF-8") from None
    with io.StringIO(text, newline="") as file:
        columns = text.partition("\n")[0]
        separator = max(",;", key=columns.count)  # what a German or French Excel writes
        reader = csv.DictReader(file, restkey="", restval="", delimiter=separator)
        if "name" not in (reader.fieldnames or ()):
            raise CardError(f"{table}: the first line has no column 'name'")
        found = []
        for row in reader:
            if "" in row:
                raise CardError(
                    f"{table}, line {reader.line_num}: more values than columns; quote a value with {separator} in it"
                )
            found.append({**{key: value.strip() for key, value in row.items()}, "line": str(reader.line_num)})
    names = [row["name"].lower() for row in found]
    for row, name in zip(found, names, strict=True):
        if not HOST_NAME.fullmatch(name):
            raise CardError(
                f"{table}, line {row['line']}: name {row['name']!r} must be letters, digits and - only, 63 at most"
            )
        if names.count(name) > 1:
            raise CardError(f"{table}, line {row['line']}: two rooms are called {row['name']!r}")
    if not found:
        raise CardError(f"{table} names no room")
    return found


def card(row: dict[str, str], args: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Name and user-data of one room. Raises CardError, EdgeError."""
    where = f"{args.table}, line {row['line']}"
    config = read(args.config.read_text(encoding="utf-8"), "") or {} if args.config else {}
    put(config, "device.name", row["name"])
    for key, value in row.items():
        if value and key not in OWN | {"line"}:
            put(config, key, read(value, key))
    files = []
    if row.get("password"):
        if not (config.get("mqtt") or {}).get("username"):
            put(config, "mqtt.username", row["name"])
        files.append(file("/etc/edge/mqtt-password", row["password"] + "\n", "0600"))
    for key, source, target, mode in (
        ("ca_file", args.ca_file, CA, "0644"),
        ("certificate_file", row.get("certificate_file"), CERTIFICATE, "0644"),
        (
            "key_file",
            row.get("key_file"),
            KEY,
            "0640",
        ),  # for the group of the service, which has no user of its own yet
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
    base = yaml.safe_load(args.base.read_text(encoding="utf-8")) or {} if args.base else {}
    taken = base.keys() & {"hostname", "write_files"}
    if taken:
        raise CardError(f"{args.base}: {', '.join(sorted(taken))} is what the table is for; leave it out")
    data = {
        **base,
        "hostname": row["name"].lower(),
        "write_files": [file("/etc/edge/config.yaml", text, "0644"), *files],
        "runcmd": [*base.get("runcmd", []), *COMMANDS],
    }
    refuse_placeholders(data, where)
    return row["name"], data


def refuse_placeholders(data: object, where: str) -> None:
    """Raises CardError: such a card would reach nobody, and let nobody in."""
    for each in strings(data):
        if found := PLACEHOLDER.search(each):
            raise CardError(f"{where}: {found[0]} is a placeholder of the example: put your own there")


def strings(data: object) -> Iterator[str]:
    """Every text in nested lists and mappings."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, (list, dict)):
        for each in data.values() if isinstance(data, dict) else data:
            yield from strings(each)


def read(text: str, key: str) -> Any:  # noqa: ANN401 - any YAML
    """What the daemon reads there: 0123 is a text where a text belongs. Raises CardError."""
    try:
        return yaml_text.load(text, rule_of(filter(None, key.split("."))))
    except yaml_text.YAML_ERRORS as error:
        raise CardError(f"{key or '--config'} cannot be read as YAML ({error})") from None


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
    text = path.read_bytes()[: LARGEST + 1].decode("ascii", errors="replace")
    if len(text) > LARGEST or "-----BEGIN " not in text:
        raise CardError(f"{where}: {path} is no PEM file of at most {LARGEST} bytes")
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
