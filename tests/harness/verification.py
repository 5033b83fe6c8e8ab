"""Tampering with the log, and the differences that verification finds."""

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
    """Yield an owner's connection, with the triggers that protect stored events disabled."""
    with psycopg.connect(database.owner_url) as owner:
        for table in ("events", "ruleset_events"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        yield owner


def differences(database: TestDatabase) -> list[tuple[str, int, str]]:
    """Verify the log, and return account, version and field of the reported differences."""
    found = verify(Database(database.service_url)).differences
    assert found.count >= len(found.kept)
    return [(each.account_id, each.version, each.field) for each in found.kept]


def empty_log(database: TestDatabase) -> None:
    """Delete all events and everything derived from them."""
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("ALTER TABLE events DISABLE TRIGGER USER")
        tables = ", ".join(projection.table for projection in PROJECTIONS)
        owner.execute(f"TRUNCATE events, snapshots, {tables}".encode())
        owner.execute("ALTER TABLE events ENABLE TRIGGER USER")
        owner.execute("UPDATE checkpoints SET position = 0")
