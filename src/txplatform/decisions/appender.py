"""Append a batch's events with libpq's own calls, which take half as long as a cursor of psycopg.

A cursor handles any statement, many forms of parameters and results of any size. The append of a
lane is one prepared statement with binary parameters and one row.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Self

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, Format
from psycopg.pq.abc import PGresult

from txplatform.eventstore.statements import APPEND

_NAME = "txplatform_append"
_PARAMETERS = APPEND.count("%b")
_STATEMENT = APPEND.replace("%b", "${}").format(*range(1, _PARAMETERS + 1))
_BINARY = [Format.BINARY] * _PARAMETERS


class Appender:
    """Runs `APPEND` on a connection that nothing else uses at the same time."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    @classmethod
    async def prepare(cls, connection: psycopg.AsyncConnection) -> Self:
        """Prepare the statement on a new connection.

        Raises:
            psycopg.Error: The statement cannot be prepared.
        """
        await connection.execute(f"PREPARE {_NAME} AS {_STATEMENT}", prepare=False)
        return cls(connection)

    async def append(self, parameters: Sequence[bytes]) -> list[tuple[Any, ...]]:
        """Append events, and return the rows of `APPEND`.

        If the call is cancelled, the connection has to be closed.

        Args:
            parameters: The values of `append_parameters`.

        Raises:
            psycopg.Error: The append failed, or its outcome is unknown.
        """
        result = await self._run(parameters)
        if result.status != ExecStatus.TUPLES_OK:
            if result.error_field(DiagnosticField.SQLSTATE) is None:  # not from the server
                raise psycopg.OperationalError(result.get_error_message())
            raise error_from_result(result)
        transformer = Transformer(self._connection)
        transformer.set_pgresult(result)
        return [transformer.load_row(0, tuple)]

    async def _run(self, parameters: Sequence[bytes]) -> PGresult:
        connection = self._connection.pgconn
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[PGresult] = loop.create_future()
        results: list[PGresult] = []

        def proceed() -> None:
            if answered.done():  # cancelled, or failed in the same turn of the loop
                return
            try:
                if connection.flush() == 0:
                    loop.remove_writer(socket)
                connection.consume_input()
                while not answered.done() and not connection.is_busy():
                    if (result := connection.get_result()) is None:
                        answered.set_result(results[0])
                    else:
                        results.append(result)
            except psycopg.Error as error:
                answered.set_exception(error)
            else:
                if not answered.done():
                    # After a reset, uvloop calls a reader once and never again.
                    loop.remove_reader(socket)
                    loop.add_reader(socket, proceed)

        connection.send_query_prepared(_NAME.encode(), parameters, _BINARY, Format.BINARY)
        socket = connection.socket
        if connection.flush():  # the socket does not take all of it at once
            loop.add_writer(socket, proceed)
        loop.add_reader(socket, proceed)
        try:
            return await answered
        finally:
            loop.remove_reader(socket)
            loop.remove_writer(socket)
