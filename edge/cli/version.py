"""`edge version`: what runs here, down to the bytes of the models and the licences of the packages."""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
from pathlib import Path
from typing import Any

from edge import __version__
from edge.errors import EXIT_FAILED, EXIT_OK
from edge.files.bounded_read import read_file
from edge.files.shipped import shipped
from edge.support.packages import installed
from edge.text import printable

EXAMPLES = """examples:
  edge version                    one line
  edge version --verbose          with models, their sha256 and licences, and every package
  edge version --verbose --json   the same for programs
"""

LARGEST = 100_000_000  # bytes of a model file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--verbose", action="store_true", help="also models and packages, with their licences")
    parser.add_argument("--json", action="store_true", help="as JSON")


def main(args: argparse.Namespace) -> int:
    """Print it; fails where a model is not what its card says."""
    about: dict[str, Any] = {"edge": __version__}
    if args.verbose:
        about |= {
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.release()} {platform.machine()}",
            "models": _models(shipped("models")),
            "packages": [package._asdict() for package in installed()],
        }
    print(json.dumps(about, indent=2) if args.json else "\n".join(_lines(about)))
    return EXIT_OK if all(model["as_its_card_says"] for model in about.get("models", ())) else EXIT_FAILED


def _models(folder: Path) -> list[dict[str, Any]]:
    cards = [(path, json.loads(read_file(path, 1_000_000))) for path in sorted(folder.glob("*.json"))]
    return [_model(path, card) for path, card in cards if "file" in card]  # others are calibrations and rules


def _model(path: Path, card: dict[str, Any]) -> dict[str, Any]:
    try:
        found = hashlib.sha256(read_file(path.with_name(card["file"]), LARGEST)).hexdigest()
    except OSError:
        found = None
    return {
        "file": card["file"],
        "name": card["name"],
        "sha256": card["sha256"],
        "as_its_card_says": found == card["sha256"],
        "licence": card.get("license", "unknown"),
    }


def _lines(about: dict[str, Any]) -> list[str]:
    lines = [f"edge {about['edge']}"]
    if "python" not in about:
        return lines
    lines += [f"Python {about['python']}, {about['machine']}", "", "models:"]
    for model in about["models"]:
        state = "as its card says" if model["as_its_card_says"] else "IS NOT WHAT ITS CARD SAYS"
        lines += [f"  {model['name']}  {printable(str(model['licence']), 200)}",
                  f"    {model['file']}  sha256:{model['sha256']}  {state}"]  # fmt: skip
    width = max(len(package["name"]) + len(package["version"]) for package in about["packages"]) + 1
    lines += ["", "packages:"]
    lines += [f"  {each['name'] + ' ' + each['version']:{width}}  {each['licence']}" for each in about["packages"]]
    return lines
