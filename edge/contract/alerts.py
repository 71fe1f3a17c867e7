"""Every alert there is, by its id: what has the problem. It is the last level of the topic `alert/<id>`.

A device clears those that are not in force by their names, after each connect: an id that is given up has to go on
being cleared, since an earlier version may have left it at the broker.
"""

from __future__ import annotations

from typing import Literal, get_args

AlertId = Literal["camera", "config", "disk", "hardware", "masks", "outbox", "picture"]
ALERTS: tuple[AlertId, ...] = get_args(AlertId)
