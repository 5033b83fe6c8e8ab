"""Does an answer that was sent survive a crash, and the loss of a server?"""

from __future__ import annotations

import psycopg

from txplatform.doctor.finding import Finding, failed, ok, warning

_LOCAL_ONLY = ("off", "local")


def check_durability(connection: psycopg.Connection) -> list[Finding]:
    """The server's settings that make a commit durable."""
    off = [name for name in ("fsync", "full_page_writes") if _setting(connection, name) != "on"]
    # That of the service's sessions, which ask for it themselves.
    if _setting(connection, "synchronous_commit") in _LOCAL_ONLY:
        off.append("synchronous_commit")
    if off:
        return [
            failed(
                "durability",
                f"Off: {', '.join(off)}. A power cut can lose decisions that were answered.",
                f"Set {' and '.join(f'{name} = on' for name in off)} in postgresql.conf.",
            )
        ]
    return [ok("durability", "A commit is on disk before it is answered.")]


def check_standby(connection: psycopg.Connection) -> list[Finding]:
    """Whether a commit waits for a second server."""
    names = _setting(connection, "synchronous_standby_names")
    if not names:
        return [
            warning(
                "standby",
                "There is no synchronous standby: a failover can lose the newest decisions.",
                "Where you fail over, run a standby and name it in synchronous_standby_names.",
            )
        ]
    return [ok("standby", f"Commits wait for {names}.")]


def _setting(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return str(row[0]) if row else ""
