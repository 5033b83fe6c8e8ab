"""Check that recorded decisions survive a crash and the loss of a server."""

from __future__ import annotations

import psycopg

from txplatform.doctor.finding import Finding, failed, ok, warning

_LOCAL_ONLY = ("off", "local")


def check_durability(connection: psycopg.Connection) -> list[Finding]:
    """Fail if a server setting makes commits less than durable."""
    off = [name for name in ("fsync", "full_page_writes") if _setting(connection, name) != "on"]
    # The value in this session: the service sets it for each of its connections.
    if _setting(connection, "synchronous_commit") in _LOCAL_ONLY:
        off.append("synchronous_commit")
    if off:
        return [
            failed(
                "durability",
                f"Off: {', '.join(off)}. A power failure can lose decisions that were sent.",
                f"Set {' and '.join(f'{name} = on' for name in off)} in postgresql.conf.",
            )
        ]
    return [ok("durability", "Commits are on disk before the response is sent.")]


def check_standby(connection: psycopg.Connection) -> list[Finding]:
    """Warn if commits do not wait for a second server."""
    names = _setting(connection, "synchronous_standby_names")
    if not names:
        return [
            warning(
                "standby",
                "There is no synchronous standby: a failover can lose the newest decisions.",
                "If you use failover, run a standby and list it in synchronous_standby_names.",
            )
        ]
    return [ok("standby", f"Commits wait for {names}.")]


def _setting(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return str(row[0]) if row else ""
