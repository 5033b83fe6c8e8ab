"""Read models updated on demand, without a running projector."""

from __future__ import annotations

import psycopg

from txplatform.projections import PROJECTIONS
from txplatform.projections.projection import Projection
from txplatform.projections.runner import project_batch
from txplatform.projections.transactions import TransactionRow, Transactions


class _SecondTransactions(Transactions):
    name = "second"
    table = "second_transactions"


def second_read_model(owner: psycopg.Connection) -> Projection:
    """Create the table of a second read model, for tests that need two; return the read model."""
    owner.execute("CREATE TABLE second_transactions (LIKE transactions INCLUDING ALL)")
    owner.execute("GRANT SELECT, INSERT, UPDATE ON second_transactions TO txplatform_service")
    return _SecondTransactions()


def catch_up(connection: psycopg.Connection, batch: int = 1000) -> None:
    """Update every read model to the end of the log."""
    for projection in PROJECTIONS:
        while project_batch(connection, projection, batch)[1]:
            pass


def transaction_rows(connection: psycopg.Connection) -> list[TransactionRow]:
    """Return every row of the read model of transactions, in the order of the list."""
    columns = ", ".join(TransactionRow._fields)
    query = f"SELECT {columns} FROM transactions ORDER BY account_id, account_version"
    return [TransactionRow(*row) for row in connection.execute(query.encode())]
