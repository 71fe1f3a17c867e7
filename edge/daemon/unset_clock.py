"""A schedule on a machine whose clock nobody has set: better closed for too long than open in the wrong hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.timing.clock import clock_synced

if TYPE_CHECKING:
    from edge.config.schema import PrivacyConfig

PROBLEM = "there is a schedule, but this machine's clock is not set (NTP)"
REMEDY = "let the network set it (see timedatectl); if it is right without, set privacy.trust_clock: true"


def keeps_closed(privacy: PrivacyConfig) -> bool:
    """Whether a daemon that starts now would keep its camera closed for that."""
    return bool(privacy.schedule) and not privacy.trust_clock and not clock_synced()
