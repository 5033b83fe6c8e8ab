"""Prepared statements of the folds use indexes, however much a table has grown."""

from __future__ import annotations

import psycopg
import pytest

from harness.commands import clearing, opening, purchase
from harness.histories import record
from harness.plans import plan_nodes
from harness.postgres import TestDatabase
from harness.read_models import catch_up
from txplatform.eventstore.log import last_position, read_log
from txplatform.projections import PROJECTIONS
from txplatform.projections.projection import fold_used

ROWS = 50_000
"""Other rows of each table; all transactions and holds are of one account, which is the worst."""

FILL = f"""
INSERT INTO transactions SELECT 'acc', 'other-' || n, n + 1000 FROM generate_series(1, {ROWS}) n;
INSERT INTO open_holds SELECT 'acc', 'other-' || n, 1, now() FROM generate_series(1, {ROWS}) n;
INSERT INTO account_directory
    (account_id, account_version, credit_limit, limit_version, posted, pending, updated_at)
SELECT 'other-' || n, 1, 0, 0, 0, 0, now() FROM generate_series(1, {ROWS}) n;
"""

ROWS_READ = """
SELECT coalesce(sum(seq_tup_read), 0), coalesce(sum(idx_tup_fetch), 0)
FROM pg_stat_xact_user_tables WHERE relname = ANY (%s)
"""

PREPARED = """
SELECT name, generic_plans > 0 FROM pg_prepared_statements
WHERE statement LIKE '%%json_populate_recordset%%'
"""


@pytest.mark.parametrize("analyzed", [False, True], ids=["never analyzed", "analyzed with one row"])
def test_folds_prepared_on_small_tables_read_only_their_rows_of_large_ones(
    database: TestDatabase, service: psycopg.Connection, *, analyzed: bool
) -> None:
    """The planner's statistics are older than the growth, so only the settings decide the plan."""
    tables = [projection.table for projection in PROJECTIONS]
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        for table in tables:
            owner.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)".encode())
        record(service, [opening("acc", 10_000), purchase("acc", "first", 5)])
        catch_up(service)
        if analyzed:
            owner.execute(f"VACUUM ANALYZE {', '.join(tables)}".encode())
        for number in range(8):
            record(
                service,
                [purchase("acc", f"t{number}", 5), clearing("acc", f"t{number}", f"c{number}", 5)],
            )
        catch_up(service, 1)
        owner.execute(FILL.encode())

    record(service, [purchase("acc", f"more-{number}", 5) for number in range(20)])
    events = read_log(service, last_position(service) - 20)
    with service.transaction():
        for projection in PROJECTIONS:
            fold_used(projection, service, projection.table, events)
        rows_read = service.execute(ROWS_READ, (tables,)).fetchone()
    assert rows_read == (0, 1)  # only the account exists

    statements = service.execute(PREPARED).fetchall()
    assert len(statements) == 4
    for name, is_generic in statements:
        assert is_generic
        explain = f"EXPLAIN (FORMAT JSON) EXECUTE {name}('[]')"
        row = service.execute(explain.encode(), prepare=False).fetchone()
        assert row is not None
        kinds = {node["Node Type"] for node in plan_nodes(row[0][0]["Plan"])}
        assert kinds <= {"ModifyTable", "Nested Loop", "Function Scan", "Index Scan"}
