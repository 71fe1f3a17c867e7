# /// script
# dependencies = []
# ///
"""From the access list of version 0.2.0 to the plugin: users keep their passwords, and nobody has to know them.

python3 keep-passwords.py OLD rules.json      while no broker has that rules.json

OLD is what mosquitto_passwd has written, or another rules.json. It has a sum of each password, which the plugin can use
as it is. The user of `edge check` gets that of its room, and `admin` keeps its own. Prints whose password OLD does not
have: these keep the one that they were made with; and who of OLD is not in rules.json. docs/scale.md has all steps.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROUNDS, SALT, SUM = 2, 3, 4  # of $7$ROUNDS$SALT$SUM
ADMIN = "admin"


def main(old: str, file: str) -> None:
    """Replace the file of rules."""
    known = sums(Path(old).read_text())
    rules = json.loads(Path(file).read_text())
    for user in rules["clients"]:
        name = user["username"]
        rooms = [role["rolename"] for role in user.get("roles", []) if name == f"{role['rolename']}-check"]
        kept = known.get(rooms[0] if rooms else name)
        if name == ADMIN:
            continue
        if not kept:
            print(f"{name}: not in {old}")
            continue
        for key in [key for key in user if is_sum(key)]:
            del user[key]
        user.update(kept)
    for name in sorted(known.keys() - {ADMIN, *(user["username"] for user in rules["clients"])}):
        print(f"{name}: not in {file}")
    new = Path(f"{file}.new")
    new.touch(0o600)
    new.write_text(json.dumps(rules, indent="\t"))
    new.replace(file)


def is_sum(key: str) -> bool:
    """Whether it belongs to the password of a user, in a file of rules."""
    return key in ("salt", "iterations") or "password" in key


def sums(text: str) -> dict[str, dict[str, Any]]:
    """What the plugin is to keep for the password of each user."""
    if text.startswith("{"):
        return {
            user["username"]: {key: user[key] for key in user if is_sum(key)} for user in json.loads(text)["clients"]
        }
    found: dict[str, dict[str, Any]] = {}
    for line in text.splitlines():
        name, _, stored = line.partition(":")
        parts = stored.split("$")
        if parts[:ROUNDS] == ["", "7"] and len(parts) == SUM + 1:
            found[name] = {"password": parts[SUM], "salt": parts[SALT], "iterations": int(parts[ROUNDS])}
    return found


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python3 keep-passwords.py OLD rules.json")
    main(*sys.argv[1:])
