"""Every alert there is, by its id: what has the problem. It is the last level of the topic `alert/<id>`."""

from __future__ import annotations

from typing import Literal, get_args

AlertId = Literal["camera", "config", "disk", "hardware", "masks", "outbox", "picture"]
ALERTS: tuple[AlertId, ...] = get_args(AlertId)
