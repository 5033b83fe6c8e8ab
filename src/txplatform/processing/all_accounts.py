"""Every account, in order of id, at its newest version."""

from collections.abc import Iterator

import psycopg

from txplatform.domain.account import Account
from txplatform.eventstore.query import run_queries
from txplatform.processing.unit_of_work import UnitOfWork

_PAGE_ACCOUNTS = 500

_NEXT_STREAMS = """
WITH RECURSIVE stream (id) AS (
    (SELECT originator_id FROM events WHERE originator_id > %s ORDER BY originator_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT originator_id FROM events WHERE originator_id > stream.id
        ORDER BY originator_id LIMIT 1
    )
    FROM stream WHERE stream.id IS NOT NULL
)
SELECT id FROM stream WHERE id IS NOT NULL LIMIT %s
"""
"""Jumps from stream to stream in the primary key, without reading the events in between."""


def all_accounts(connection: psycopg.Connection) -> Iterator[Account]:
    """Yield every account that has events, in byte order of its id, read page by page."""
    last = ""
    while True:
        streams = connection.execute(_NEXT_STREAMS, (last, _PAGE_ACCOUNTS)).fetchall()
        if not streams:
            return
        work = UnitOfWork()
        for (stream,) in streams:
            work.include_newest(stream)
        run_queries(connection, work.load())
        for (stream,) in streams:
            yield work.account(stream)
        last = streams[-1][0]
