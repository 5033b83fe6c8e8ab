"""The projector: keeps every read model up to date with the log.

Any number of projectors may run. Each read model is updated by one projector at a time, while the
others stand by. A fault in one read model does not delay the other read models.
"""

from collections.abc import Generator, Sequence
from time import monotonic
from typing import Any

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge
from typing_extensions import override

from txplatform.database import REFUSED, Database, describe_refusal
from txplatform.following.follower import Follower
from txplatform.following.side_by_side import SideBySide
from txplatform.pluralize import pluralize
from txplatform.projections import PROJECTIONS
from txplatform.projections.projection import (
    Projection,
    SkippedEvents,
    checkpoint_of,
    fold,
    next_range,
    skip_event,
    skipped_events,
)
from txplatform.settings import Settings

BATCH_EVENTS = 1000
"""The most events folded in one transaction."""

_LOOK_EVERY_S = 5.0
"""The interval at which skipped events are looked up; a rebuild ends them."""


def project_batch(
    connection: psycopg.Connection, projection: Projection, limit: int = BATCH_EVENTS
) -> tuple[int | None, int]:
    """Fold the next events of the log into a read model, and commit rows and checkpoint together.

    If the database refuses the events, fewer are folded. If it refuses one event alone, the event
    is skipped, and `skipped_events` has it.

    Returns:
        The position of the last event folded and the number of events; None and 0 at the log's end
        or while another projector folds.

    Raises:
        psycopg.Error: Nothing was written.
    """
    checkpoint = checkpoint_of(projection.name)
    with connection.transaction():
        before = checkpoint.try_to_lock(connection)
        if before is None:
            return None, 0
        while True:
            upto, events = next_range(connection, before, limit)
            if upto is None:
                return None, 0
            try:
                with connection.transaction():
                    fold(connection, projection, projection.table, before, upto)
            except REFUSED as error:
                if events > 1:
                    limit = events // 2
                    continue
                skip_event(connection, projection.name, upto, describe_refusal(error))
            checkpoint.move(connection, before=before, to=upto)
            return upto, events


class ProjectionMetrics:
    """The metrics of all read models in one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag = Gauge(
            "txplatform_projection_lag_positions",
            "Log positions that a read model has not read yet.",
            ["projection"],
            registry=registry,
        )
        self.skipped = Gauge(
            "txplatform_projection_skipped_events",
            "Events that a read model lacks, since the database refused them.",
            ["projection"],
            registry=registry,
        )
        self.oldest = Gauge(
            "txplatform_projection_oldest_seconds",
            "The time for which the oldest event that a read model has not read has waited.",
            ["projection"],
            registry=registry,
        )
        self.events = Counter(
            "txplatform_projected_events",
            "Events that this process has read into a read model.",
            ["projection"],
            registry=registry,
        )


class ReadModelFollower(Follower):
    """Keeps one read model up to date."""

    def __init__(
        self,
        projection: Projection,
        settings: Settings,
        database: Database,
        metrics: ProjectionMetrics,
    ) -> None:
        super().__init__(
            projection.name,
            database,
            component=f"projector.{projection.name}",
            stalled_after_s=settings.stalled_after_s,
        )
        self._projection = projection
        self._checkpoint = checkpoint_of(projection.name)
        self._lag_gauge = metrics.lag.labels(self.name)
        self._skipped_gauge = metrics.skipped.labels(self.name)
        self._oldest_gauge = metrics.oldest.labels(self.name)
        self._events_counter = metrics.events.labels(self.name)
        self._position = 0
        self._lag = 0

    @override
    def follow(self, connection: psycopg.Connection) -> Generator[float, None, None]:
        # Batches need not wait for the disk. A crash of the server may undo the last ones together
        # with their moves of the checkpoint; then they are folded again.
        connection.execute("SET synchronous_commit = off")
        self._checkpoint.begin(connection)
        look_at = 0.0
        while True:
            if monotonic() >= look_at:
                detail = self._describe(skipped_events(connection, self.name))
                look_at = monotonic() + _LOOK_EVERY_S
            position, end = self._checkpoint.read_with_end(connection)
            upto, events = None, 0
            if position < end:
                upto, events = project_batch(connection, self._projection)
            self._position = position if upto is None else upto
            self._lag = max(end - self._position, 0)
            self._lag_gauge.set(self._lag)
            self.watch(connection, self._checkpoint)
            self._oldest_gauge.set(self.oldest_s)
            self._events_counter.inc(events)
            self.report(detail)
            yield 0 if events and self._lag else self._projection.pause_s

    def _describe(self, skipped: SkippedEvents) -> str:
        self._skipped_gauge.set(skipped.number)
        if not skipped.number:
            return "follows the log"
        return (
            f"ALARM: lacks {pluralize(skipped.number, 'event')} that the database refused, the "
            f"first at log position {skipped.first}; run `txplatform rebuild {self.name}`; "
            "follows the log"
        )

    @override
    def figures(self) -> dict[str, Any]:
        return {"position": self._position, "lag_positions": self._lag}


class Projector(SideBySide):
    """The part of a worker that folds the log into the read models."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        registry: CollectorRegistry,
        projections: Sequence[Projection] = PROJECTIONS,
    ) -> None:
        metrics = ProjectionMetrics(registry)
        super().__init__(
            "projector",
            [ReadModelFollower(each, settings, database, metrics) for each in projections],
        )
