"""Prints what a folder holds as CycloneDX 1.6: Python packages, Debian packages, models.

`sbom.py ROOT --name NAME --version VERSION`. ROOT is laid out as the file system of a package or an image, and refused
if it is not. The same folder gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from edge.support.packages import installed

Component = dict[str, Any]


def main() -> int:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", required=True)
    args = parser.parse_args()
    site = sorted(args.root.glob("usr/lib/edge/lib/python3.*/site-packages"))
    if not site:
        sys.exit(f"error: {args.root} holds no usr/lib/edge: is it the file system of a package or an image?")
    components = [*python_packages(site[0]), *debian_packages(args.root), *models(site[0])]
    print(json.dumps(document(args.name, args.version, components), indent=1, ensure_ascii=False))
    return 0


def document(name: str, version: str, components: list[Component]) -> dict[str, Any]:
    """The whole of it, without a time or a random number, so that it can be compared."""
    about = {"type": "application", "name": name, "version": version, "bom-ref": "this"}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": about}, "components": components,
    }  # fmt: skip


def python_packages(site: Path) -> list[Component]:
    """What lies in site-packages."""
    return [
        component(
            "library", each.name, each.version, f"pkg:pypi/{quote(each.name)}@{quote(each.version)}", each.licence
        )
        for each in installed([str(site)])
    ]


def debian_packages(root: Path) -> list[Component]:
    """What is unpacked from Debian; licences stand in each one's copyright file, sources at snapshot.debian.org."""
    found = []
    for path in sorted(root.glob("var/lib/dpkg/status.d/*")):
        about = HeaderParser().parsestr(path.read_text(encoding="utf-8"))
        name, version = about["Package"], about["Version"]
        if name == "edge":
            continue
        address = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={about['Architecture']}&distro=debian-13"
        each = component("library", name, version, address)
        each["properties"] = [{"name": "edge:copyright", "value": f"/usr/share/doc/{name}/copyright"}]
        found.append(each)
    return found


def models(site: Path) -> list[Component]:
    """The models, by their cards."""
    found = []
    for path in sorted(site.glob("edge/_shipped/models/*.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        if "file" in card:
            each = component("machine-learning-model", card["name"], card["sha256"][:12], None, card.get("license"))
            each["hashes"] = [{"alg": "SHA-256", "content": card["sha256"]}]
            found.append(each)
    return found


def component(kind: str, name: str, version: str, purl: str | None, licence: str | None = None) -> Component:
    """One part. A licence is an SPDX expression where it is one, else free text."""
    found: Component = {"type": kind, "bom-ref": purl or f"{kind}:{name}", "name": name, "version": version}
    if purl:
        found["purl"] = purl
    if licence:
        simple = all(part[:1].isalnum() and " " not in part for part in licence.replace(" OR ", " AND ").split(" AND "))
        found["licenses"] = [{"expression": licence} if simple else {"license": {"name": licence}}]
    return found


if __name__ == "__main__":
    sys.exit(main())
