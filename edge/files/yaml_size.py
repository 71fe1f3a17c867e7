"""How large a YAML document is with what its aliases repeat: a few lines may stand for more than memory holds."""

from __future__ import annotations

from pathlib import Path

import yaml

from edge.errors import ConfigError

MOST_NODES = 100_000  # entries of sections and lists, with what anchors repeat


def check_size(root: yaml.Node, path: Path) -> None:
    """To be called before anything follows the nodes of a document; itself it looks at each node once.

    Raises:
        ConfigError: It is too large, or contains itself.
        RecursionError: It is nested too deep.
    """
    if _entries(root, {}) > MOST_NODES:
        raise ConfigError(f"{path} is too long", f"at most {MOST_NODES:,} entries, with what anchors repeat")


def _entries(node: yaml.Node, known: dict[int, int]) -> int:
    """The entries below a node, MOST_NODES + 1 for any more; `known` are those of nodes that were counted."""
    if not isinstance(node, yaml.CollectionNode):
        return 0
    if id(node) not in known:
        known[id(node)] = MOST_NODES + 1  # met again before it is counted, it contains itself
        count = len(node.value)
        for entry in node.value:
            for each in entry if isinstance(entry, tuple) else (entry,):
                count += _entries(each, known)
        known[id(node)] = min(count, MOST_NODES + 1)
    return known[id(node)]
