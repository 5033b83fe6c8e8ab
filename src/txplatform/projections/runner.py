"""The projector: keeps every read model up to date with the log, for as long as it runs.

Any number may run: one folds a read model at a time, the others stand by.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge

from txplatform.database import PASSING_FAULTS, Database
from txplatform.errors import TxPlatformError
from txplatform.eventstore.log import last_position, read_log
from txplatform.projections import PROJECTIONS
from txplatform.projections.projection import Projection, checkpoint_of, fold_used
from txplatform.settings import Settings
from txplatform.telemetry import logger
from txplatform.worker import Health

BATCH_EVENTS = 1000
"""Events folded in one transaction, at most."""

_IDLE_S = 0.05
_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 5.0


def project_batch(
    connection: psycopg.Connection, projection: Projection, limit: int = BATCH_EVENTS
) -> int:
    """Fold the next events of the log into a read model; rows and position in one commit.

    Returns:
        How many events were read: 0 at the end of the log, and while someone else folds.

    Raises:
        psycopg.Error: Nothing was written.
    """
    with connection.transaction():
        checkpoint = checkpoint_of(projection.name)
        before = checkpoint.try_to_lock(connection)
        if before is None:
            return 0
        events = read_log(connection, before, limit)
        if events:
            fold_used(projection, connection, projection.table, events)
            after = events[-1].position
            checkpoint.move(connection, before=before, to=after)
        return len(events)


@dataclass(slots=True)
class _Progress:
    """How one read model is doing."""

    projection: Projection
    position: int = 0
    lag: int = 0
    failure: str | None = "has not begun"
    failures: int = 0
    retry_at: float = field(default_factory=time.monotonic)


class Projector:
    """The part of a worker that folds the log into the read models."""

    name = "projector"

    def __init__(
        self,
        settings: Settings,  # noqa: ARG002  # every part is made from the same three
        database: Database,
        registry: CollectorRegistry,
        projections: Sequence[Projection] = PROJECTIONS,
    ) -> None:
        self._database = database
        self._backoff_s = _FIRST_BACKOFF_S
        self._progress = [_Progress(projection) for projection in projections]
        self._log = logger(self.name)
        self._lag = Gauge(
            "txplatform_projection_lag_positions",
            "Log positions that a read model has not read yet.",
            ["projection"],
            registry=registry,
        )
        self._events = Counter(
            "txplatform_projected_events",
            "Events that this process has read into a read model.",
            ["projection"],
            registry=registry,
        )

    def health(self) -> Health:
        """Ready while every read model makes progress; the facts are their lags."""
        facts = {
            each.projection.name: {"position": each.position, "lag_positions": each.lag}
            for each in self._progress
        }
        failing = [
            f"{each.projection.name}: {each.failure}" for each in self._progress if each.failure
        ]
        return Health(not failing, "; ".join(failing) or "follows the log", facts)

    def run(self, stop: threading.Event) -> None:
        """Follow the log until told to stop; database faults are waited out."""
        while not stop.is_set():
            try:
                with self._database.connect() as connection:
                    self._follow(connection, stop)
            except psycopg.Error as error:
                self._log.warning("database cannot be used, will retry", error=str(error).strip())
                for each in self._progress:
                    each.failure = f"the database cannot be used: {error}"
                stop.wait(self._backoff_s)
                self._backoff_s = min(2 * self._backoff_s, _LONGEST_BACKOFF_S)

    def _follow(self, connection: psycopg.Connection, stop: threading.Event) -> None:
        for each in self._progress:
            checkpoint_of(each.projection.name).begin(connection)
        while not stop.is_set():
            end = last_position(connection)
            behind = [each for each in self._progress if self._advance(connection, each, end)]
            self._backoff_s = _FIRST_BACKOFF_S
            if not behind:
                stop.wait(_IDLE_S)

    def _advance(self, connection: psycopg.Connection, each: _Progress, end: int) -> bool:
        """Fold a batch where there is one; gives whether more is there to fold at once."""
        if time.monotonic() < each.retry_at:
            return False
        name = each.projection.name
        folded = 0
        try:
            each.position = checkpoint_of(name).read(connection)
            if each.position < end:
                folded = project_batch(connection, each.projection)
                each.position = checkpoint_of(name).read(connection)
        except PASSING_FAULTS:
            raise
        except (psycopg.Error, TxPlatformError) as error:
            # One read model that cannot go on does not hold up the others.
            each.failure = str(error).strip()
            each.retry_at = time.monotonic() + min(
                _FIRST_BACKOFF_S * 2**each.failures, _LONGEST_BACKOFF_S
            )
            each.failures = min(each.failures + 1, 10)
            self._log.exception("read model cannot go on, will retry", projection=name)
        else:
            if each.failure is not None:
                self._log.info("follows the log", projection=name, position=each.position)
            each.failure, each.failures = None, 0
        each.lag = max(end - each.position, 0)
        self._lag.labels(name).set(each.lag)
        self._events.labels(name).inc(folded)
        return folded > 0 and each.lag > 0
