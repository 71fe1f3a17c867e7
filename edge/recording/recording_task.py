"""What is to be recorded where, and what follows from that."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from edge.config.host_names import is_loopback
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.retained_topics import RetainedTopics
from edge.recording.location import IfCopy
from edge.recording.recordable import RETAINED, topics
from edge.recording.reserve import FOR_BROKER, FOR_DELETING, Reserve
from edge.recording.retention import DEFAULT_DAYS, Retention
from edge.recording.session import Session
from edge.recording.stores import Target
from edge.recording.window_store import WindowStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordingTask:
    """What is recorded where.

    Attributes:
        target: The file, or the database.
        settings: The broker.
        prefix: The first level of the topics.
        devices: Whose, or `+` for all.
        client_id: Of the durable session; None: a random one, kept in the file.
        days, window_days: How long all, and single windows, are kept; 0: for ever, None: the default.
        daily_days: How long roll-ups of days outlive all else; None: they do not.
        share: The name at the broker of what several recorders share; None: this one gets everything.
        recorders: For how many of them the broker has users, each bound to one client id; 0: for any.
        if_copy: What to do if the file or database is a copy of another one; None: refuse it.
        keep_free: Bytes that a file leaves on its disk; None: what deleting takes, and a broker of this machine.
    """

    target: Target
    settings: BrokerSettings
    prefix: str
    devices: Sequence[str]
    client_id: str | None = None
    days: int | None = None
    window_days: int | None = None
    daily_days: int | None = None
    share: str | None = None
    recorders: int = 0
    if_copy: IfCopy | None = None
    keep_free: int | None = None

    @property
    def reserve(self) -> Reserve:
        """What a file leaves on its disk."""
        if self.keep_free is not None:
            return Reserve(self.keep_free, 1.0)
        return Reserve(FOR_BROKER if is_loopback(self.settings.url.host) else FOR_DELETING)

    @property
    def shared_ids(self) -> list[str]:
        """The client ids that sessions of the share may have; none: random ones."""
        return [f"{self.client_id}-{number}" for number in range(1, self.recorders + 1)]

    def settings_of(self, client_id: str) -> BrokerSettings:
        """As whom a session connects: each of the ids of a share has a user, whose name ends as the id does."""
        username = self.settings.username
        if username and client_id in self.shared_ids:
            username += client_id.removeprefix(self.client_id or "")
        return replace(self.settings, client_id=client_id, username=username)

    def ordinary_session(self, client_id: str) -> Session:
        """The session that brings all that devices publish, not yet started."""
        everyone = list(self.devices) == ["+"]
        return Session(
            self.settings_of(client_id),
            topics(self.prefix, self.devices),
            [] if everyone else topics(self.prefix, ["+"]),
            retained=RetainedTopics(self.prefix, RETAINED) if everyone else None,
        )

    def retention(self, database: WindowStore) -> Retention:
        """What was asked for; where nothing was, the default, which a former file gets only after a while."""
        if self.days is not None:
            return Retention(self.days or None, self.window_days or None, daily_days=self.daily_days)
        now = datetime.now(timezone.utc)
        begins = database.default_begins(now)
        if now < begins:
            logger.warning(
                "from %s on, what is older than %d days is deleted: name another time with --keep-days, or keep all "
                "with --keep-days all", begins.date(), DEFAULT_DAYS,
            )  # fmt: skip
        return Retention(max(DEFAULT_DAYS, self.window_days or 0), self.window_days or None, begins, self.daily_days)
