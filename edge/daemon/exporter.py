"""What Prometheus reads, where `metrics.port` is set; without it nothing listens and nothing is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram
    from prometheus_client.core import Metric

    from edge.config.schema import MetricsConfig
    from edge.contract.payloads import WindowPayload
    from edge.daemon.metric_families import Snapshot
    from edge.daemon.metrics_server import MetricsServer

EVERY = 1.0  # seconds between two looks at the parts
OLD = 3.0  # lengths of a window after which the newest says nothing about now, as with `latest` over MQTT
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # seconds of a stage


class Exporter:
    """Collects in the daemon's threads what the server's threads tell.

    Args:
        config: Where to listen.
        now: Monotonic seconds.
    """

    def __init__(self, config: MetricsConfig, now: Callable[[], float]) -> None:
        self._config = config
        self._now = now
        self._snapshot: Snapshot | None = None
        self._window: tuple[WindowPayload, float] | None = None
        self._due = 0.0
        self._server: MetricsServer | None = None
        self._registry: CollectorRegistry | None = None
        self._stages: Histogram | None = None
        self._windows: Counter | None = None

    def start(self) -> None:
        """Listen, if there is a port, as soon as it can be had."""
        if self._config.port is None:
            return
        # Only here: a daemon that nobody asks needs no memory for it.
        from edge.daemon.metrics_server import MetricsServer  # noqa: PLC0415

        self._server = MetricsServer(self._config.host, self._config.port, self._registry or self._make_registry())
        self._server.start()

    def change(self, config: MetricsConfig) -> None:
        """Listen elsewhere, or not at all; counters go on."""
        if config == self._config:
            return
        self.stop()
        self._config = config
        self.start()

    def stop(self) -> None:
        """Listen no longer."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def _make_registry(self) -> CollectorRegistry:
        from prometheus_client import (  # noqa: PLC0415
            CollectorRegistry,
            Counter,
            Histogram,
            disable_created_metrics,
        )

        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = CollectorRegistry()
        self._stages = Histogram(
            "edge_stage_duration_seconds", "Time that a stage of the analysis took for a frame.", ["stage"],
            buckets=BUCKETS, registry=registry,
        )  # fmt: skip
        self._windows = Counter(
            "edge_windows", "Windows published, by what was withheld from them.", ["withheld"], registry=registry
        )
        registry.register(self)
        self._registry = registry
        return registry

    def observe_stage(self, stage: str, seconds: float) -> None:
        """A stage took so long, and that may be told."""
        if self._stages is not None:
            self._stages.labels(stage).observe(seconds)

    def observe_window(self, window: WindowPayload) -> None:
        """A window is on its way to the broker."""
        if self._windows is not None:
            self._windows.labels(window.withheld.what if window.withheld else "nothing").inc()
            self._window = (window, self._now())

    def update(self, look: Callable[[], Snapshot]) -> None:
        """Look at the parts if it is time; to be called several times a second."""
        now = self._now()
        if self._server is not None and now >= self._due:
            self._due = now + EVERY
            self._snapshot = look()

    def collect(self) -> Iterator[Metric]:
        """What Prometheus' registry asks for, in a thread of the server."""
        from edge.daemon.metric_families import families  # noqa: PLC0415

        snapshot, window = self._snapshot, self._window
        if snapshot is not None:
            fresh = window is not None and self._now() - window[1] <= OLD * window[0].window.seconds
            yield from families(snapshot, window[0] if window is not None and fresh else None)
