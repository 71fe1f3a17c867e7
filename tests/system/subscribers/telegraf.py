"""Reads docs/subscribers/telegraf.conf as Telegraf's parser and filters would, for the few keys that it uses."""

from __future__ import annotations

import importlib
import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.system.subscribers.house import FILES, CheckError

TYPES: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "string": (str,)}


def configuration() -> dict[str, Any]:
    """The file, parsed."""
    tomllib = importlib.import_module("tomllib")  # Python 3.11
    parsed: dict[str, Any] = tomllib.loads((FILES / "telegraf.conf").read_text())
    return parsed


def inputs(topic: str) -> list[dict[str, Any]]:
    """The inputs that subscribe to a topic."""
    found: list[dict[str, Any]] = configuration()["inputs"]["mqtt_consumer"]
    return [one for one in found if any(_matches(pattern, topic) for pattern in one["topics"])]


def lines(topic: str, payload: dict[str, Any], now: datetime | None = None) -> list[str]:
    """A message that comes now as lines of InfluxDB's protocol, without what is filtered out.

    Raises:
        CheckError: The message does not have what the configuration says.
    """
    now = now or datetime.now(timezone.utc)
    found = [_line(one, parser, topic, payload, now) for one in inputs(topic) for parser in one["json_v2"]]
    return [line for line in found if line is not None]


def _line(
    one: dict[str, Any], parser: dict[str, Any], topic: str, payload: dict[str, Any], now: datetime
) -> str | None:
    tags = {tag.get("rename", tag["path"]): _value(payload, tag) for tag in parser.get("tag", [])}
    for parsing in one.get("topic_parsing", []):
        if not _matches(parsing["topic"], topic):
            continue
        levels = dict(zip(parsing["tags"].split("/"), topic.split("/"), strict=True))
        tags |= {name: level for name, level in levels.items() if name != "_"}
    fields = {}
    for field in parser["field"]:
        value = _value(payload, field)
        if value is None:
            continue
        if not isinstance(value, TYPES[field["type"]]) or (isinstance(value, bool) and field["type"] != "bool"):
            raise CheckError(f"{field['path']} is {value!r}, not of type {field['type']}")
        name = field.get("rename", field["path"].rpartition(".")[2])
        if name in fields:
            raise CheckError(f"two fields are called {name}")
        fields[name] = _written(value, field["type"])
    time = datetime.fromisoformat(str(_value(payload, {"path": parser["timestamp_path"]})).replace("Z", "+00:00"))
    if not all(_passes(term, tags, fields, time - now) for term in one["metricpass"].split(" && ")):
        return None
    fields = {name: value for name, value in fields.items() if name not in one.get("fieldexclude", [])}
    named = "".join(f",{name}={_escaped(str(value))}" for name, value in tags.items())
    values = ",".join(f"{name}={value}" for name, value in fields.items())
    return f"{parser['measurement_name']}{named} {values} {int(time.timestamp() * 1000)}000000"


def _passes(term: str, tags: dict[str, Any], fields: dict[str, str], ahead: timedelta) -> bool:
    """What a term of a `metricpass` says, of the kinds that we use."""
    if compared := re.fullmatch(r"tags\.(\w+) == fields\.(\w+)", term):
        return fields[compared[2]] == json.dumps(tags[compared[1]], ensure_ascii=False)
    if bound := re.fullmatch(r"time ([<>]) now\(\) ([+-]) duration\('(\d+)h'\)", term):
        limit = timedelta(hours=int(bound[2] + bound[3]))
        return ahead < limit if bound[1] == "<" else ahead > limit
    raise CheckError(f"this cannot read {term}")


def _value(payload: dict[str, Any], where: dict[str, Any]) -> Any:
    """What is at a path; None for null, and for nothing where that is allowed."""
    found: Any = payload
    for key in where["path"].split("."):
        if not isinstance(found, dict) or key not in found:
            if where.get("optional"):
                return None
            raise CheckError(f"there is nothing at {where['path']}")
        found = found[key]
    return found


def _written(value: Any, kind: str) -> str:
    if kind == "string":
        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if kind == "bool" else f"{value}i" if kind == "int" else f"{value:f}"


def _escaped(text: str) -> str:
    return text.replace(",", r"\,").replace(" ", r"\ ").replace("=", r"\=")


def _matches(pattern: str, topic: str) -> bool:
    levels = list(zip(pattern.split("/"), topic.split("/"), strict=False))
    return pattern.count("/") == topic.count("/") and all(one in ("+", other) for one, other in levels)
