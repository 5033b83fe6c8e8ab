"""The loop of every follower: connect, do one batch after another, back off after a fault.

A follower keeps what is true only for one connection in local variables of `follow`. So nothing
is left of it after a fault: another server may have taken over, without the last commits of the
one before.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import closing
from typing import Any

import psycopg

from txplatform.database import PASSING_FAULTS, Database
from txplatform.errors import TxPlatformError
from txplatform.health import Health
from txplatform.telemetry import logger

FIRST_BACK_OFF_S = 0.25
LONGEST_BACK_OFF_S = 5.0


class Follower(ABC):
    """Follows an ordered source in the database for as long as it runs.

    Attributes:
        name: Its name in health, logs and metrics.
    """

    def __init__(self, name: str, database: Database, *, component: str = "") -> None:
        """Create a follower.

        Args:
            name: Its name.
            database: Where to connect to.
            component: Its name in log lines, if it is one of several of a kind.
        """
        self.name = name
        self._database = database
        self._log = logger(component or name)
        self._stop = threading.Event()  # set once the process stops, for batches that take long
        self._back_off_s = FIRST_BACK_OFF_S
        self._ready = False
        self._detail = "has not begun"

    @abstractmethod
    def follow(self, connection: psycopg.Connection) -> Generator[float, None, None]:
        """Do one batch after another, without end; the caller ends it between two of them.

        Args:
            connection: New, in autocommit mode. Whatever it loses, the next call starts again from
                the checkpoint.

        Yields:
            How many seconds to pause before the next batch; 0 for not at all.

        Raises:
            psycopg.Error: The database failed or refused; `follow` is called again after a pause.
            TxPlatformError: The batch cannot be done; likewise.
        """

    def figures(self) -> dict[str, Any]:
        """Return the numbers for health; called from another thread."""
        return {}

    def health(self) -> Health:
        """Return its health; called from another thread."""
        return Health(self._ready, self._detail, self.figures())

    def report(self, detail: str, *, ready: bool = True) -> None:
        """Say for health what it is doing; while it is ready, the back-off is the shortest."""
        self._ready, self._detail = ready, detail
        if ready:
            self._back_off_s = FIRST_BACK_OFF_S

    def report_fault(self, error: Exception) -> float:
        """Say for health and log what failed; return how many seconds to pause."""
        if isinstance(error, (TxPlatformError, *PASSING_FAULTS)):
            self._log.warning("cannot go on, will retry", error=str(error).strip())
        else:
            self._log.error("cannot go on, will retry", exc_info=error)
        self.report(str(error).strip(), ready=False)
        pause_s, self._back_off_s = self._back_off_s, min(2 * self._back_off_s, LONGEST_BACK_OFF_S)
        return pause_s

    def run(self, stop: threading.Event) -> None:
        """Follow until told to stop; faults are waited out."""
        self._stop = stop
        while not stop.is_set():
            try:
                with self._database.connect() as connection:
                    self._run_connected(connection)
            except (psycopg.Error, TxPlatformError) as error:
                stop.wait(self.report_fault(error))

    def _run_connected(self, connection: psycopg.Connection) -> None:
        with closing(self.follow(connection)) as pauses:
            for pause_s in pauses:
                if pause_s:
                    self._stop.wait(pause_s)
                if self._stop.is_set():
                    return
