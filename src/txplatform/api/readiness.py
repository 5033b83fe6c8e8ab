"""The readiness of this process, cached for a second because probes are frequent."""

import asyncio
from time import monotonic

import psycopg
from psycopg import errors

from txplatform.api.queries import Queries
from txplatform.database import in_words
from txplatform.decisions.decider import Decider
from txplatform.decisions.errors import StoreUnavailableError
from txplatform.eventstore.migrations import MigrationError, pending_migrations
from txplatform.eventstore.statements import APPEND, append_parameters
from txplatform.inbox.alarms import Alarms, describe_alarms, find_alarms
from txplatform.telemetry import logger

CACHED_S = 1.0
FOLLOWED_EVERY_S = 5.0
ALARMS_CACHED_S = 5.0
_LOCK_WITHIN_MS = 1000
"""The longest time that a probe waits for the locks that an append needs."""
_ALARMS_WITHIN_S = 2.0
"""The longest time that a probe waits for alarms."""


class Readiness:
    """Checks if this process can decide purchases.

    Attributes:
        alarms: Alarms for an operator, in words; empty if there are none. Neither they nor a fault
            in looking them up make the process unready.
    """

    def __init__(self, decider: Decider, queries: Queries, stopping: asyncio.Event) -> None:
        self._decider = decider
        self._queries = queries
        self._stopping = stopping
        self._checking = asyncio.Lock()
        self._found = ""
        self._until = 0.0
        self._look_for_alarms_at = 0.0
        self._alarms = Alarms()
        self._reported: str | None = None
        self._log = logger("readiness")

    @property
    def alarms(self) -> str:
        """The alarms as text (see the class)."""
        return describe_alarms(self._alarms)

    @property
    def ready(self) -> bool:
        """True if the process was ready when this was last checked."""
        return self._reported == ""

    async def follow(self) -> None:
        """Check regularly, so that the log and the metrics know without a probe."""
        while True:
            await self.missing()
            await asyncio.sleep(FOLLOWED_EVERY_S)

    async def missing(self) -> str:
        """Return the reason why the process is not ready, as a sentence; empty if it is ready."""
        found = await self._missing()
        if found != self._reported:
            if found:
                self._log.warning("not ready", reason=found)
            elif self._reported:
                self._log.info("ready again")
            self._reported = found
        return found

    async def _missing(self) -> str:
        if self._stopping.is_set():
            return "The process is stopping."
        if not self._decider.running:
            return "A decision lane has ended; restart the process."
        if fault := self._decider.fault():
            return fault
        async with self._checking:
            if monotonic() >= self._until:
                self._found = await self._missing_of_database()
                self._until = monotonic() + CACHED_S
        return self._found

    async def _missing_of_database(self) -> str:
        try:
            missing = await self._queries.run(_missing_of_schema)
            if not missing and monotonic() - self._decider.appended_at > CACHED_S:
                missing = await self._queries.run(_append_nothing)
        except StoreUnavailableError as error:
            return f"The database is unavailable: {in_words(error.__cause__ or error)}."
        except psycopg.Error as error:
            return f"The database is unavailable: {in_words(error)}."
        except MigrationError as error:
            return str(error)
        if missing:
            return missing
        await self._look_for_alarms()
        not_understood = self._decider.rules.not_understood
        return f"No purchase can be decided. {not_understood}" if not_understood else ""

    async def _look_for_alarms(self) -> None:
        if monotonic() < self._look_for_alarms_at:
            return
        try:
            async with asyncio.timeout(_ALARMS_WITHIN_S):
                found = await self._queries.run(find_alarms)
        except (TimeoutError, StoreUnavailableError, psycopg.Error) as error:
            found = Alarms(fault=type(error).__name__)
        self._alarms = self._alarms.followed_by(found)
        self._look_for_alarms_at = monotonic() + ALARMS_CACHED_S


def _append_nothing(connection: psycopg.Connection) -> str:
    """Append no event, to find out if an append would succeed.

    This is for processes that have decided nothing lately. The statement takes the event log's
    lock, as an append does, and writes nothing.

    Returns:
        The reason why nothing can be appended; empty if an append would succeed.
    """
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = {_LOCK_WITHIN_MS}")
            connection.execute(APPEND, append_parameters([]))
    except errors.LockNotAvailable:
        return "Nothing can be appended to the log: another session holds a lock."
    return ""


def _missing_of_schema(connection: psycopg.Connection) -> str:
    if pending_migrations(connection):
        return "The schema is older than this version; run `txplatform migrate`."
    row = connection.execute(
        "SELECT current_setting('transaction_read_only')::boolean,"
        " has_table_privilege('events', 'SELECT')"
        " AND bool_and(has_function_privilege(oid, 'EXECUTE'))"
        " FROM pg_proc WHERE proname = 'append_events'"
    ).fetchone()
    assert row is not None
    read_only, may_append = row
    if read_only:
        connection.close()  # the session would stay read-only after the database becomes writable
        return (
            "The database takes no writes: it is a standby or default_transaction_read_only is on."
        )
    return "" if may_append else "The role may not append to the log; run `txplatform migrate`."
