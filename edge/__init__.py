"""A daemon that counts the emotions in a room and publishes numbers only, over MQTT."""

import os

__version__ = "0.1.0"

PROGRAM = os.environ.get("EDGE_COMMAND", "edge")
"""How the user calls us: `./run` sets it."""
