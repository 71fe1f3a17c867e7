"""Prints debian/copyright: what is in a folder of installed packages, under which licence, with the text of each.

`copyright.py SITE`, with the repository on PYTHONPATH; fails on a licence that nobody has accepted, or has no text.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from pathlib import Path

from edge.support.packages import ACCEPTED, Package, installed

HEAD = """\
This is the Debian package of edge: the program, its models, and the Python packages that it needs, as their authors
publish them. PyAV (package av) is left out, because its wheels hold x264 and x265, which are under the GPL; Debian's
python3-av, which may be installed beside it, has its own copyright file.

edge is under the Apache License 2.0, and Copyright of its authors. Its text: /usr/share/common-licenses/Apache-2.0
"""
COMMON = {name: f"Its text: /usr/share/common-licenses/{name}\n" for name in ("Apache-2.0", "MPL-2.0")}
IS_TEXT = re.compile(r"licen[cs]e|copying|notice|authors", re.IGNORECASE)


def main(site: Path) -> int:
    """Print all of it."""
    print(HEAD)
    for card in sorted((site / "edge/_shipped/models").glob("*.json")):
        print(of_model(json.loads(card.read_text(encoding="utf-8"))), end="")
    for package in installed([str(site)]):
        if package.name != "edge-emotions":
            print(of_package(site, package))
    return 0


def of_model(card: dict[str, str]) -> str:
    """What a model's card says, nothing for other files."""
    if "file" not in card:
        return ""
    return "\n".join([title(f"model {card['name']}", card["license"]), card.get("license_text", ""), "\n"])


def of_package(site: Path, package: Package) -> str:
    """Name, licence, source and text."""
    names = set(re.split(r" (?:AND|OR) ", package.licence))
    if not names <= ACCEPTED:
        sys.exit(f"error: {package.name} is under {package.licence}: may it be passed on? Then add it to ACCEPTED")
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in licence_files(site, package)]
    if not texts and not names <= set(COMMON):
        sys.exit(f"error: the wheel of {package.name} {package.version} has no text of its licence, {package.licence}")
    texts = texts or [COMMON[name] for name in sorted(names)]
    source = f"Source: https://pypi.org/project/{package.name}/{package.version}/"
    return "\n\n".join([title(f"{package.name} {package.version}", package.licence) + f"\n{source}", *texts])


def licence_files(site: Path, package: Package) -> list[Path]:
    """The texts that came with it."""
    (about,) = [
        folder
        for folder in site.glob("*.dist-info")
        if re.sub(r"[-_.]+", "-", metadata.Distribution.at(folder).metadata["Name"]).lower()
        == re.sub(r"[-_.]+", "-", package.name)
    ]
    return sorted(path for path in about.rglob("*") if path.is_file() and IS_TEXT.search(str(path.relative_to(about))))


def title(name: str, licence: str) -> str:
    """A heading."""
    return f"{'-' * 80}\n{name}: {licence}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
