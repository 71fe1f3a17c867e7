"""`edge schema`: JSON Schemas and AsyncAPI, from the very models that read the configuration and build the payloads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.config.schema import Config
from edge.contract import asyncapi
from edge.contract.payloads import PAYLOADS
from edge.daemon.paths import lifetimes
from edge.errors import EdgeError
from edge.files.whole_file import write_whole

if TYPE_CHECKING:
    import argparse

    from pydantic import BaseModel

EXAMPLES = """examples:
  edge schema                              all of them, as one JSON object
  edge schema window                       one
  edge schema asyncapi                     every topic with its messages, as an AsyncAPI document
  edge schema --output docs/schemas        one file each
"""

MODELS: dict[str, type[BaseModel]] = {"config": Config, **PAYLOADS}
NAMES = sorted((*MODELS, "asyncapi"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", nargs="?", choices=NAMES, help="which schema (default: all)")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write NAME.json files into this folder")


def main(args: argparse.Namespace) -> int:
    """Print or write."""
    names = [args.name] if args.name else NAMES
    if args.output:
        try:
            args.output.mkdir(parents=True, exist_ok=True)
            for name in names:
                write_whole(args.output / f"{name}.json", text(schema(name)))
        except OSError as error:
            raise EdgeError(f"--output {args.output} cannot be written ({error.strerror})", "name a folder") from None
        print(f"wrote {', '.join(f'{name}.json' for name in names)} to {args.output}")
    else:
        print(text(schema(args.name) if args.name else {name: schema(name) for name in names}), end="")
    return 0


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the configuration or a payload, or the AsyncAPI document of all topics."""
    if name == "asyncapi":
        return asyncapi.document(lifetimes(Config()))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **MODELS[name].model_json_schema()}


def text(value: object) -> str:
    """As it stands in the files."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
