"""What can be checked of Telegraf's and Grafana's files where neither can be installed.

The points that Telegraf would write, as its configuration says, go into a real InfluxDB; every query of the dashboard
is asked there, and has to find them. The dashboard's structure is checked by TypeScript against Grafana's own types.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from edge.contract.examples import HEALTH, STATE, SUPPRESSED, WINDOW
from edge.contract.timestamps import format_timestamp
from tests.support.brokers import can_connect, free_port
from tests.system.subscribers.house import FILES, PACKAGES, CheckError, program, step, wait_until
from tests.system.subscribers.telegraf import lines

DASHBOARD: dict[str, Any] = json.loads((FILES / "grafana-dashboard.json").read_text())
CONFIGURATION = """reporting-disabled = true
bind-address = "127.0.0.1:{other}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[http]
  bind-address = "127.0.0.1:{port}"
"""
PROGRAM = """import type {{ Dashboard, Panel }} from "@grafana/schema";
const panels: Panel[] = {panels};
export const dashboard: Dashboard = {{ ...{rest}, panels }};
"""
WINDOWS = 30


class Influx:
    """InfluxDB's interface for clients.

    Args:
        port: Where it listens.
    """

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def write(self, points: list[str]) -> None:
        """Store points of the line protocol."""
        self._request("/write?db=rooms", "\n".join(points).encode())

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series that a query finds."""
        answer = json.loads(self._request("/query?db=rooms", urllib.parse.urlencode({"q": query}).encode()))
        for result in answer["results"]:
            if "error" in result:
                raise CheckError(f"{query}: {result['error']}")
        series: list[dict[str, Any]] = answer["results"][0].get("series", [])
        return series

    def _request(self, path: str, body: bytes) -> bytes:
        with urllib.request.urlopen(f"{self._url}{path}", body, timeout=20) as response:  # noqa: S310 - loopback
            found: bytes = response.read()
        return found


def points(now: datetime) -> list[str]:
    """What Telegraf writes in five minutes, of two rooms; the middle third of the windows is suppressed."""
    written = []
    for device in ("room-204", "room 2, south"):
        for number in range(WINDOWS):
            window = SUPPRESSED if WINDOWS / 3 <= number < WINDOWS * 2 / 3 else WINDOW
            end = format_timestamp(now - timedelta(seconds=10 * (WINDOWS - 1 - number)))
            window = window.model_copy(update={"device": device, "seq": number + 1})
            payload = window.model_dump(by_alias=True) | {"window": window.window.model_dump() | {"end": end}}
            written += lines(f"classroom/{device}/window", payload)
        health = HEALTH.model_copy(update={"time": format_timestamp(now)})
        written += lines(f"classroom/{device}/health", health.model_dump(by_alias=True))
        state = STATE.model_copy(update={"since": format_timestamp(now)})
        written += lines(f"classroom/{device}/state", state.model_dump(by_alias=True))
    return written


def asked(query: str) -> str:
    """A query as Grafana sends it."""
    values = {"${device:regex}": "room-204", "$timeFilter": "time > now() - 1h", "$__interval": "10s"}
    for name, value in values.items():
        query = query.replace(name, value)
    if "$" in query.replace("$/", ""):
        raise CheckError(f"a variable that nobody fills in: {query}")
    return query


def check_queries(influx: Influx) -> None:
    """Every query finds what was written, and nothing of suppressed windows."""
    influx.ask("CREATE DATABASE rooms")
    written = points(datetime.now(timezone.utc))
    influx.write(written)
    influx.write(written)  # everything came twice
    room = next(one for one in DASHBOARD["templating"]["list"] if one["name"] == "device")
    rooms = [row[1] for row in influx.ask(room["query"])[0]["values"]]
    if sorted(rooms) != ["room 2, south", "room-204"]:
        raise CheckError(f"rooms: {rooms}")
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            found = influx.ask(asked(target["query"]))
            columns = [column for column in found[0]["columns"] if column != "time"] if found else []
            filled = {name for name in columns for one in found for row in one["values"]
                      if row[one["columns"].index(name)] is not None}  # fmt: skip
            if not columns or filled != set(columns):
                raise CheckError(f"{panel['title']}: {set(columns) - filled or 'everything'} is empty")
            step(f"{panel['title']}: {len(found)} series, {', '.join(columns)}")
    count = influx.ask('SELECT count("seq"), count("people_happy") FROM "edge_window" WHERE "device" = \'room-204\'')
    if count[0]["values"][0][1:] != [WINDOWS, WINDOWS * 2 // 3]:
        raise CheckError(f"windows, and those with figures: {count}")


def check_structure(folder: Path) -> None:
    """The dashboard is what Grafana's own types say, and a wrong one is not."""
    tsc = PACKAGES / "node_modules/.bin/tsc"
    rest = {key: value for key, value in DASHBOARD.items() if key != "panels"}
    (folder / "node_modules").symlink_to(PACKAGES / "node_modules")
    for name, text in {
        "good": json.dumps(DASHBOARD["panels"]),
        "bad": json.dumps(DASHBOARD["panels"]).replace("gridPos", "grid"),
    }.items():
        (folder / f"{name}.ts").write_text(PROGRAM.format(panels=text, rest=json.dumps(rest)))
        command: list[str | Path] = [
            tsc,
            "--noEmit",
            "--strict",
            "--skipLibCheck",
            "--module",
            "esnext",
            "--moduleResolution",
            "bundler",
            f"{name}.ts",
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if (done.returncode == 0) != (name == "good"):
            raise CheckError(f"{name} dashboard, Grafana's types: {done.stdout[:2000] or 'no complaint'}")
    step("the dashboard fits Grafana's own types")


def main() -> int:
    """Run it; 0 when everything was as it should be."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-grafana-")))
        port = free_port()
        (folder / "influxdb.conf").write_text(CONFIGURATION.format(folder=folder, port=port, other=free_port()))
        server = Path(os.environ.get("EDGE_INFLUXD") or PACKAGES / "influxdb/usr/bin/influxd")
        try:
            check_structure(folder)
            stack.enter_context(program([server, "-config", folder / "influxdb.conf"], folder / "influxdb.log"))
            wait_until(lambda: can_connect(port), 30, "InfluxDB")
            check_queries(Influx(port))
        except CheckError as error:
            print(f"FAILED: {error}", file=sys.stderr)
            return 1
    print("grafana: passed, as far as it can be checked without Grafana")
    return 0


if __name__ == "__main__":
    sys.exit(main())
