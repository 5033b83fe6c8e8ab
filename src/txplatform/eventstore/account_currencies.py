"""The currencies of opened accounts."""

import psycopg

_OPENINGS = 50_000
"""The most openings to read, so that the answer never takes long."""

CURRENCIES = """
SELECT DISTINCT convert_from(state, 'UTF8')::json -> 'opening' ->> 'currency'
FROM (SELECT state FROM events WHERE event_key = 'account-opened' LIMIT %s) AS openings
"""
"""Reads a range of the index that begins with the event key."""


def account_currencies(connection: psycopg.Connection) -> frozenset[str]:
    """Return the currencies of the first 50,000 opened accounts, in order of id."""
    return frozenset(row[0] for row in connection.execute(CURRENCIES, (_OPENINGS,)))
