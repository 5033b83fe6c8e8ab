"""Connect to PostgreSQL; only this module sets timeouts, keepalives and planner settings."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import errors

PASSING_FAULTS = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.IdleInTransactionSessionTimeout,
    errors.TransactionTimeout,
    errors.ReadOnlySqlTransaction,
)
"""Errors that go away without an operator, though some only in a new session.

A standby refuses writes until it is promoted. A session that began while the database was read-only
refuses writes until the session ends. So the caller has to reconnect.
"""


_WHOLE_TABLE_PLANS = (
    "enable_seqscan",
    "enable_bitmapscan",
    "enable_hashjoin",
    "enable_mergejoin",
    "enable_material",
)
"""Planner settings that allow plans to read a whole table or index. Sorts stay allowed."""


@dataclass(frozen=True, slots=True)
class Database:
    """The database to connect to, with the role and the timeouts.

    Attributes:
        url: A libpq URL.
        statement_timeout_s: The longest time that a statement may take.
        lock_timeout_s: The longest time to wait for a lock.
        idle_in_transaction_timeout_s: The longest time that a client may be idle in a transaction
            before the server ends the session. Otherwise a frozen process could hold the log's
            lock forever.
    """

    url: str
    statement_timeout_s: float = 30
    lock_timeout_s: float = 5
    idle_in_transaction_timeout_s: float = 5

    @property
    def _parameters(self) -> dict[str, str | int]:
        options = {
            "statement_timeout": f"{int(self.statement_timeout_s * 1000)}ms",
            "lock_timeout": f"{int(self.lock_timeout_s * 1000)}ms",
            "idle_in_transaction_session_timeout": (
                f"{int(self.idle_in_transaction_timeout_s * 1000)}ms"
            ),
            "synchronous_commit": "on",
            # The format of values must not depend on settings of the role or the database.
            "timezone": "UTC",
            "datestyle": "ISO",
            "array_nulls": "on",
            # After waiting for the log's lock, the append has to see what other sessions committed.
            "default_transaction_isolation": r"read\ committed",
            # Every statement of the service looks up or scans a range of an index. These settings
            # keep that true for plans made while a table is small or not analyzed.
            **dict.fromkeys(_WHOLE_TABLE_PLANS, "off"),
        }
        return {
            "connect_timeout": 5,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
            "application_name": "txplatform",
            "client_encoding": "UTF8",
        }

    def connect(self, *, autocommit: bool = True) -> psycopg.Connection:
        """Open a connection.

        Raises:
            psycopg.OperationalError: The database cannot be reached.
        """
        return psycopg.connect(self.url, autocommit=autocommit, **self._parameters)  # type: ignore[arg-type]

    async def connect_async(self) -> psycopg.AsyncConnection:
        """Open an asyncio connection in autocommit mode.

        Raises:
            psycopg.OperationalError: The database cannot be reached.
        """
        return await psycopg.AsyncConnection.connect(
            self.url,
            autocommit=True,
            prepare_threshold=0,
            **self._parameters,  # type: ignore[arg-type]
        )
