"""The loop of every follower: connect, process batches, and back off after a fault.

After a fault, a standby server without the primary's last commits may have taken over. So `follow`
keeps state that depends on the connection in local variables, which are discarded after a fault.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import closing
from time import monotonic
from typing import Any

import psycopg

from txplatform.database import PASSING_FAULTS, SCHEMA_FAULTS, Database
from txplatform.errors import TxPlatformError
from txplatform.following.checkpoint import Checkpoint, read_with_waits
from txplatform.health import Health
from txplatform.telemetry import FaultLog, logger

FIRST_BACK_OFF_S = 0.25
LONGEST_BACK_OFF_S = 5.0
_WATCH_EVERY_S = 1.0


class Follower(ABC):
    """Processes rows of the database in order, batch by batch.

    Attributes:
        name: The name in health reports, metrics and, by default, log lines.
        oldest_s: The time for which the oldest item that is not processed has waited, in seconds.
    """

    def __init__(
        self, name: str, database: Database, *, component: str = "", stalled_after_s: float = 60
    ) -> None:
        """Create a follower.

        It is not ready if work has waited without progress for over `stalled_after_s` seconds.
        """
        self.name = name
        self.oldest_s = 0.0
        self._stalled_after_s = stalled_after_s
        self._progress: object = None
        self._progress_at = self._active_until = monotonic()
        self._watch_at = 0.0
        self._database = database
        self._log = logger(component or name)
        self._faults = FaultLog(self._log)
        self._stop = threading.Event()  # set when the process stops; long batches check it
        self._back_off_s = FIRST_BACK_OFF_S
        self._ready = False
        self._detail = "has not begun"

    @abstractmethod
    def follow(self, connection: psycopg.Connection) -> Generator[float, None, None]:
        """Process batches endlessly; the caller closes the generator between two batches.

        After an error, `follow` is called again with a new connection and resumes from the
        checkpoint.

        Args:
            connection: A new connection in autocommit mode.

        Yields:
            The seconds to pause before the next batch.

        Raises:
            psycopg.Error: A statement failed.
            TxPlatformError: A batch cannot be processed.
        """

    def figures(self) -> dict[str, Any]:
        """Return figures such as lags for the health report; called from another thread."""
        return {}

    def health(self) -> Health:
        """Return the last reported health, not ready without progress; called from another thread.

        No error need have been seen: another session can hold a lock, or the thread can hang.
        """
        figures = {**self.figures(), "oldest_s": round(self.oldest_s, 1)}
        if not self._ready:
            return Health(self._ready, self._detail, figures)
        silent_s, still_s = monotonic() - self._active_until, monotonic() - self._progress_at
        if silent_s > self._stalled_after_s:
            detail = f"{self._detail}; has hung for {silent_s:.0f} s"
            return Health(False, detail, figures, hung=True)
        if min(self.oldest_s, still_s) > self._stalled_after_s:
            stalled = f"the oldest item has waited for {self.oldest_s:.0f} s without progress"
            return Health(False, f"{self._detail}; {stalled}", figures)
        return Health(self._ready, self._detail, figures)

    def watch(self, connection: psycopg.Connection, checkpoint: Checkpoint) -> None:
        """Measure once a second how long the first item after the checkpoint has waited."""
        if monotonic() >= self._watch_at:
            self._watch_at = monotonic() + _WATCH_EVERY_S
            ((position, waited_s),) = read_with_waits(connection, [checkpoint.name])
            self.note_wait(waited_s or 0.0, progress=position)

    def note_wait(self, oldest_s: float, *, progress: object) -> None:
        """Set `oldest_s`; a value of `progress` other than the last one shows progress."""
        if oldest_s == 0 or progress != self._progress:
            self._progress, self._progress_at = progress, monotonic()
        self.oldest_s = oldest_s
        self._active_until = monotonic()

    def report(self, detail: str, *, ready: bool = True) -> None:
        """Set the health; if `ready`, also reset the back-off."""
        self._ready, self._detail = ready, detail
        self._active_until = monotonic()
        if ready:
            self._back_off_s = FIRST_BACK_OFF_S
            self._faults.succeeded()

    def report_fault(self, error: Exception) -> float:
        """Log an error, show it in the health, and return the seconds to pause before a retry."""
        expected = isinstance(error, (TxPlatformError, *PASSING_FAULTS, *SCHEMA_FAULTS))
        self._faults.failed(error, unexpected=not expected)
        self.report(str(error).strip() or type(error).__name__, ready=False)
        pause_s, self._back_off_s = self._back_off_s, min(2 * self._back_off_s, LONGEST_BACK_OFF_S)
        return pause_s

    def run(self, stop: threading.Event) -> None:
        """Process batches until `stop` is set; after a fault, retry with increasing pauses."""
        self._stop = stop
        while not stop.is_set():
            try:
                with self._database.connect() as connection:
                    self._run_connected(connection)
            except (psycopg.Error, TxPlatformError, OSError) as error:
                stop.wait(self.report_fault(error))

    def _run_connected(self, connection: psycopg.Connection) -> None:
        with closing(self.follow(connection)) as pauses:
            for pause_s in pauses:
                self._active_until = monotonic() + pause_s
                if pause_s:
                    self._stop.wait(pause_s)
                if self._stop.is_set():
                    return
