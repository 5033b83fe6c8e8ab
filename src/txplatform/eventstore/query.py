"""A statement with what takes its rows, and the two ways to run it.

What is read and appended, and in which order, is the same for the decision lanes, which wait on
the event loop, and for everything else, which waits in a thread. So it is written once, as queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import psycopg


class Query(NamedTuple):
    """One statement.

    Attributes:
        take: Receives the rows; None for a statement that gives none.
    """

    statement: str
    parameters: Sequence[Any]
    take: Callable[[list[Any]], None] | None = None


def run_queries(connection: psycopg.Connection, queries: Iterable[Query]) -> None:
    """Run queries one after the other, in the transaction of the caller."""
    with connection.cursor(binary=True) as cursor:
        for statement, parameters, take in queries:
            cursor.execute(statement, parameters, prepare=True)
            if take is not None:
                take(cursor.fetchall())


async def run_queries_async(cursor: psycopg.AsyncCursor, queries: Iterable[Query]) -> None:
    """Run queries one after the other; in autocommit mode each of them is a commit.

    Args:
        cursor: A binary one.
        queries: May depend on what the ones before them gave.
    """
    for statement, parameters, take in queries:
        await cursor.execute(statement, parameters, prepare=True)
        if take is not None:
            take(await cursor.fetchall())
