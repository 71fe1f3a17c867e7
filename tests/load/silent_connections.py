"""docs/district.nft: how many connections to the database a machine holds, another one, and one that is not listed.

python -m tests.load.silent_connections                   some seconds

And how many the first one holds after packets that somebody forged in its name; and the same of docs/dashboard.nft and
the web server before a page. Needs root and nftables; runs in a network of its own. Prints the numbers as JSON. Exit
status 1 when one is not as the files say.
"""

from __future__ import annotations

import json
import sys
from collections import Counter

from tests.load.elsewhere import THEIRS, Elsewhere, inside
from tests.support.paths import ROOT

DATABASE, WEB_SERVER, PLAIN = 5432, 443, 80
MOST = {DATABASE: 20, WEB_SERVER: 200, PLAIN: 200}  # of one machine, as docs/district.nft and docs/dashboard.nft say
FORGED = 100


def main() -> int:
    """0 when the limits hold."""
    if (status := inside("tests.load.silent_connections")) is not None:
        return status
    rules = (ROOT / "docs/district.nft").read_text()
    everybody, one = "elements = { 10.0.0.0/8 }", f"elements = {{ {THEIRS[0]} }}"
    if everybody not in rules:
        sys.exit("docs/district.nft does not list its machines as it did")
    pages = (ROOT / "docs/dashboard.nft").read_text()
    listed = _held(DATABASE, rules)
    alone = _held(DATABASE, rules.replace(everybody, one))
    forged = _held(DATABASE, rules, forged=FORGED)
    before_pages, forged_before_pages = _held(WEB_SERVER, pages), _held(WEB_SERVER, pages, forged=FORGED)
    plain = _held(PLAIN, pages)
    figures = {
        "one machine": listed[THEIRS[0]], "another": listed[THEIRS[1]], "not listed": alone[THEIRS[1]],
        "forged": forged[THEIRS[0]], "pages, one machine": before_pages[THEIRS[0]],
        "pages, another": before_pages[THEIRS[1]], "pages, forged": forged_before_pages[THEIRS[0]],
        "pages, port 80": plain[THEIRS[0]],
    }  # fmt: skip
    print(json.dumps(figures))
    most, pages_most, _ = MOST.values()
    expected = (most, most, 0, most, *[pages_most] * 4)
    return 0 if (*figures.values(), alone[THEIRS[0]]) == (*expected, most) else 1


def _held(port: int, rules: str, forged: int = 0) -> Counter[str]:
    """How many connections of each address reach the server, after forged ones of the first."""
    elsewhere = Elsewhere(rules)
    try:
        return elsewhere.held(port, MOST[port] + 10, forged)
    finally:
        elsewhere.stop()


if __name__ == "__main__":
    sys.exit(main())
