"""`edge preview`: another name of `edge setup`, by which it was known."""

from __future__ import annotations

from edge.cli.setup import EXAMPLES, add_arguments, main

__all__ = ["EXAMPLES", "add_arguments", "main"]
