"""Leader election by session-level advisory lock: for each name, at most one session leads.

The server releases the lock when the session ends: when the client closes the connection, or some
time after the client or its network has failed.
"""

import psycopg

from txplatform.advisory_locks import LEADERS

_KEY = (
    "hashtext(CASE current_schema() WHEN 'public' THEN '' ELSE current_schema() || ' ' END || %s)"
)
"""Installations in two schemas of a database have a leader each."""

_TRY = f"SELECT pg_try_advisory_lock(%s, {_KEY})"
_LEADER = f"""
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (classid, objid, objsubid) = (%s, {_KEY}::bit(32)::bigint, 2)
"""


class LeaderLock:
    """One process's access to the leader lock for a name.

    Attributes:
        own_session: The backend PID of the session that last made this process the leader.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.own_session: int | None = None

    def try_to_lead(self, connection: psycopg.Connection) -> bool:
        """Become leader until the connection ends; return False if another session leads."""
        row = connection.execute(_TRY, (LEADERS, self._name)).fetchone()
        leads = row is not None and bool(row[0])
        if leads:
            self.own_session = connection.info.backend_pid
        return leads

    def leading_session(self, connection: psycopg.Connection) -> int | None:
        """Return the backend PID of the leader's session; None if there is no leader."""
        row = connection.execute(_LEADER, (LEADERS, self._name)).fetchone()
        return None if row is None else int(row[0])
