"""docs/district.nft: how many connections to the database a machine holds, another one, and one that is not listed.

python -m tests.load.silent_connections                   some seconds

And how many the first one holds after packets that somebody forged in its name. Needs root and nftables; runs in a
network of its own. Prints the numbers as JSON. Exit status 1 when one is not as the file says.
"""

from __future__ import annotations

import json
import sys
from collections import Counter

from tests.load.elsewhere import THEIRS, Elsewhere, inside
from tests.support.paths import ROOT

PORT = 5432
TRIED = 30
MOST = 20  # of one machine, as docs/district.nft says
FORGED = 100


def main() -> int:
    """0 when the limits hold."""
    if (status := inside("tests.load.silent_connections")) is not None:
        return status
    rules = (ROOT / "docs/district.nft").read_text()
    everybody, one = "elements = { 10.0.0.0/8 }", f"elements = {{ {THEIRS[0]} }}"
    if everybody not in rules:
        sys.exit("docs/district.nft does not list its machines as it did")
    listed = _held(rules)
    alone = _held(rules.replace(everybody, one))
    forged = _held(rules, forged=FORGED)
    figures = {
        "one machine": listed[THEIRS[0]], "another": listed[THEIRS[1]], "not listed": alone[THEIRS[1]],
        "forged": forged[THEIRS[0]],
    }  # fmt: skip
    print(json.dumps(figures))
    return 0 if (*figures.values(), alone[THEIRS[0]]) == (MOST, MOST, 0, MOST, MOST) else 1


def _held(rules: str, forged: int = 0) -> Counter[str]:
    """How many connections of each address reach the server, after forged ones of the first."""
    elsewhere = Elsewhere(rules)
    try:
        return elsewhere.held(PORT, TRIED, forged)
    finally:
        elsewhere.stop()


if __name__ == "__main__":
    sys.exit(main())
