#!/usr/bin/env python3
"""Gives the users of a file of rules the passwords that they had before; for brokers that were set up by version 0.2.0.

    python3 keep-passwords.py OLD rules.json

OLD is the password file of the access list, or another file of rules. Passwords stand there as sums of which nobody can
tell the password, and the plugin takes the same sums: so nobody has to know them. The user of `edge check` gets that of its
room. Stop the broker that has `rules.json` before. Prints whose password is none of OLD: the one with which the user was made.
docs/scale.md has the steps.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

KEYS = ("password", "salt", "iterations", "encoded_password")  # of a user; newer Mosquittos have the last one


def main(old: str, rules_file: str) -> int:
    """Run the command; returns the exit status."""
    known = passwords(Path(old).read_text())
    rules = json.loads(Path(rules_file).read_text())
    for user in rules["clients"]:
        name = user["username"]
        rooms = [role["rolename"] for role in user.get("roles", ()) if name == role["rolename"] + "-check"]
        sums = known.get(rooms[0] if rooms else name)
        if sums is None:
            print(f"{name}: not in {old}")
            continue
        for key in KEYS:
            user.pop(key, None)
        user.update(sums)
    new = Path(f"{rules_file}.new")
    new.touch(0o600)
    new.write_text(json.dumps(rules, indent="\t"))
    os.replace(new, rules_file)
    return 0


def passwords(text: str) -> dict[str, dict[str, Any]]:
    """What the plugin keeps for the password of each user: of a file of rules, or of mosquitto_passwd."""
    if text.startswith("{"):
        return {user["username"]: {key: user[key] for key in KEYS if key in user} for user in json.loads(text)["clients"]}
    found: dict[str, dict[str, Any]] = {}
    for line in text.splitlines():
        name, _, stored = line.partition(":")
        parts = stored.split("$")  # of 2.0: $7$ROUNDS$SALT$SUM
        if parts[:2] == ["", "7"] and len(parts) == 5:
            found[name] = {"password": parts[4], "salt": parts[3], "iterations": int(parts[2])}
    return found


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python3 keep-passwords.py OLD rules.json")
    sys.exit(main(*sys.argv[1:]))
