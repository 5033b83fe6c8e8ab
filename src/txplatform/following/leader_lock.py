"""Leader election by session-level advisory lock: at most one session leads for each name.

The lock ends with its session. The server ends a session when its client closes the connection,
and some time after a client or its network has gone silently.
"""

from __future__ import annotations

import psycopg

from txplatform.advisory_locks import LEADERS

_TRY = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"
_HOLDER = """
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid = %s AND objid = hashtext(%s)::bit(32)::bigint AND objsubid = 2
"""


def try_to_lead(connection: psycopg.Connection, name: str) -> bool:
    """Become the leader for as long as the connection lives; return False if there is one."""
    row = connection.execute(_TRY, (LEADERS, name)).fetchone()
    return row is not None and bool(row[0])


def leading_backend(connection: psycopg.Connection, name: str) -> int | None:
    """Return the server process of the session that leads, if any."""
    row = connection.execute(_HOLDER, (LEADERS, name)).fetchone()
    return None if row is None else int(row[0])
