"""Hatchling's build hook: models and config.yaml, which lie beside `edge/` in the repository, become package data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = ("config.yaml", "models/*.tflite", "models/*.json")


class ShippedFiles(BuildHookInterface):
    """Copies them into `edge/_shipped` of a wheel; `edge/files/shipped.py` finds them there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds; `version` is "standard" or "editable"."""
        if version == "editable":  # runs from the repository, where they are
            return
        root = Path(self.root)
        for pattern in SHIPPED:
            for path in sorted(root.glob(pattern)):
                build_data["force_include"][str(path)] = f"edge/_shipped/{path.relative_to(root)}"
