"""docs/district.nft: how many connections to the database a machine holds, another one, and one that is not listed.

python -m tests.load.silent_connections                   some seconds

Needs root and nftables; runs in a network of its own. Prints the three numbers as JSON. Exit status 1 when one is not
as the file says.
"""

from __future__ import annotations

import json
import socket
import sys

from tests.load.elsewhere import OURS, THEIRS, Elsewhere, inside
from tests.support.paths import ROOT

PORT = 5432
TRIED = 30
MOST = 20  # of one machine, as docs/district.nft says


def main() -> int:
    """0 when the limits hold."""
    if (status := inside("tests.load.silent_connections")) is not None:
        return status
    rules = (ROOT / "docs/district.nft").read_text()
    everybody, one = "elements = { 10.0.0.0/8 }", f"elements = {{ {THEIRS[0]} }}"
    if everybody not in rules:
        sys.exit("docs/district.nft does not list its machines as it did")
    # PostgreSQL's place is taken once the kernel has the connection; nobody needs to answer.
    with socket.create_server((OURS, PORT), backlog=200):
        listed = _held(rules)
        (first, stranger) = _held(rules.replace(everybody, one))
    print(json.dumps({"one machine": listed[0], "another": listed[1], "not listed": stranger}))
    return 0 if (*listed, first, stranger) == (MOST, MOST, MOST, 0) else 1


def _held(rules: str) -> tuple[int, int]:
    elsewhere = Elsewhere(rules)
    try:
        first, second = json.loads(elsewhere.run("tests.load.forge", "hold", OURS, str(PORT), str(TRIED), *THEIRS))
    finally:
        elsewhere.stop()
    return first, second


if __name__ == "__main__":
    sys.exit(main())
