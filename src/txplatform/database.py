"""How this package connects to Postgres: one place for timeouts, keepalives and planning."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import errors
from psycopg_pool import ConnectionPool

from txplatform.settings import Settings

PASSING_FAULTS = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.IdleInTransactionSessionTimeout,
    errors.TransactionTimeout,
    errors.ReadOnlySqlTransaction,
)
"""What passes by itself, though not always for the session that has met it.

A server refuses writes while it is a standby, and so does a session, for as long as it lives, that
began while its database was read-only: what has met one of these goes on with a new connection.
"""


@dataclass(frozen=True, slots=True)
class Database:
    """A database as one role sees it.

    Attributes:
        url: libpq URL.
        statement_timeout_s: How long one statement may take.
        lock_timeout_s: How long to wait for a lock.
        idle_in_transaction_timeout_s: When the server ends a transaction whose client is
            silent, so that a frozen process does not hold the log's lock for ever.
    """

    url: str
    statement_timeout_s: float = 30
    lock_timeout_s: float = 5
    idle_in_transaction_timeout_s: float = 5

    @classmethod
    def for_service(cls, settings: Settings) -> Database:
        """The database as the service's own role."""
        return cls._from(settings, settings.service_url)

    @classmethod
    def for_owner(cls, settings: Settings) -> Database:
        """The database as the owner of the tables."""
        return cls._from(settings, settings.owner_url)

    @classmethod
    def _from(cls, settings: Settings, url: str) -> Database:
        return cls(
            url,
            settings.database_statement_timeout_s,
            settings.database_lock_timeout_s,
            settings.database_idle_in_transaction_timeout_s,
        )

    @property
    def parameters(self) -> dict[str, str | int]:
        """Connection parameters beside the URL."""
        options = {
            "statement_timeout": f"{int(self.statement_timeout_s * 1000)}ms",
            "lock_timeout": f"{int(self.lock_timeout_s * 1000)}ms",
            "idle_in_transaction_session_timeout": (
                f"{int(self.idle_in_transaction_timeout_s * 1000)}ms"
            ),
            "synchronous_commit": "on",
            # What we write and read must not depend on what a role or a database is set to.
            "timezone": "UTC",
            "datestyle": "ISO",
            "array_nulls": "on",
            # A clash is found by what others have committed while the log's lock was waited for.
            "default_transaction_isolation": r"read\ committed",
            # Prepared plans must not change to a scan when a table is small or unanalyzed
            # at the moment they are made: every statement of the service is a point look-up
            # or a range of an index.
            "enable_seqscan": "off",
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
        """A new connection.

        Raises:
            psycopg.OperationalError: The database cannot be reached.
        """
        return psycopg.connect(self.url, autocommit=autocommit, **self.parameters)  # type: ignore[arg-type]

    async def connect_async(self) -> psycopg.AsyncConnection:
        """A new connection for use on the event loop, in autocommit mode.

        Raises:
            psycopg.OperationalError: The database cannot be reached.
        """
        return await psycopg.AsyncConnection.connect(
            self.url,
            autocommit=True,
            prepare_threshold=0,
            **self.parameters,  # type: ignore[arg-type]
        )

    def pool(self, size: int) -> ConnectionPool:
        """A pool of at most this many connections in autocommit mode; the caller opens it."""
        return ConnectionPool(
            self.url,
            kwargs={"autocommit": True, **self.parameters},
            min_size=0 if size > 1 else 1,
            max_size=size,
            open=False,
            check=ConnectionPool.check_connection,
            timeout=10,
        )
