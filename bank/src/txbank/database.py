"""A service's access to its own database: pooled connections with timeouts, and transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import psycopg
from fastapi import Depends
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool
from starlette.requests import Request

Connection = psycopg.Connection[DictRow]

_PARAMETERS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "row_factory": dict_row,
}
_SETTINGS = {
    "timezone": "UTC",
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
}
_SET = """
SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS s (name, value)
WHERE name <> ALL (
    SELECT name FROM pg_settings WHERE source = 'client' AND name LIKE '%%timeout'
)
"""
"""Set them, except time limits in the options of the URL.

Not connection options, since a pooler may drop the options of a connection.
"""

_POOL_WAIT_S = 5
"""The longest wait of a request for a connection; then it gets 503."""


class Database:
    """The database of one service, opened when it is first used."""

    def __init__(self, url: str, name: str, *, connections: int = 10) -> None:
        self._url = url
        self._parameters = {**_PARAMETERS, "application_name": f"txbank {name}"}
        self._pool = ConnectionPool(
            self._url,
            connection_class=Connection,
            kwargs=self._parameters,
            min_size=1,
            max_size=connections,
            timeout=_POOL_WAIT_S,
            configure=_configure,
            check=ConnectionPool.check_connection,
            open=False,
            name=name,
        )

    def open(self) -> None:
        """Start to connect in the background. The database may be down at this time."""
        self._pool.open()

    def close(self) -> None:
        """Close all pooled connections."""
        self._pool.close()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Lend a connection for one transaction, which commits unless an exception leaves it.

        Raises:
            psycopg.OperationalError: The database cannot be reached. `psycopg_pool.PoolTimeout` is
                one of these.
        """
        with self._pool.connection() as connection:
            yield connection

    def connect(self) -> Connection:
        """Open a connection of its own, in autocommit mode, for a session-level lock."""
        connection = psycopg.connect(self._url, autocommit=True, **self._parameters)
        _configure(connection)
        return connection


def _configure(connection: Connection) -> None:
    connection.execute(_SET, ([*_SETTINGS], [*_SETTINGS.values()]), prepare=False)
    if not connection.autocommit:
        connection.commit()


def _database_of(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


DatabaseOf = Annotated[Database, Depends(_database_of)]
"""The parameter of an endpoint that uses the service's database."""
