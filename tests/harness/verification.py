"""A log that is tampered with, and what verification finds in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from harness.postgres import TestDatabase
from txplatform.audit.verify import verify
from txplatform.database import Database
from txplatform.projections import PROJECTIONS


@contextmanager
def tampering(database: TestDatabase) -> Iterator[psycopg.Connection]:
    """Give the owner's connection, with the protection of what is stored switched off."""
    with psycopg.connect(database.owner_url) as owner:
        for table in ("events", "ruleset_events"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        yield owner


def differences(database: TestDatabase) -> list[tuple[str, int, str]]:
    """Return account, version and field of what differs."""
    found = verify(Database(database.service_url)).differences
    assert found.count >= len(found.kept)
    return [(each.account_id, each.version, each.field) for each in found.kept]


def empty_log(database: TestDatabase) -> None:
    """Empty the log and all that is derived from it."""
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("ALTER TABLE events DISABLE TRIGGER USER")
        tables = ", ".join(projection.table for projection in PROJECTIONS)
        owner.execute(f"TRUNCATE events, snapshots, {tables}".encode())
        owner.execute("ALTER TABLE events ENABLE TRIGGER USER")
        owner.execute("UPDATE checkpoints SET position = 0")
