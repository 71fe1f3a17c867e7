"""Users who may read less than root."""

from __future__ import annotations

ORDINARY = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]
"""Before a command: root, who may then read only what its mode lets it read."""
