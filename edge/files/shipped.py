"""Where the files lie that come with the program: the models and the default `config.yaml`."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped(name: str) -> Path:
    """The path of a file or folder that comes with the program.

    A wheel carries them inside the package (scripts/build_hook.py); in a clone, also one that is installed as
    editable, they lie beside it.

    Args:
        name: Its path in the repository: `config.yaml` or `models`.
    """
    inside = _PACKAGE / "_shipped"
    return (inside if inside.is_dir() else _PACKAGE.parent) / name
