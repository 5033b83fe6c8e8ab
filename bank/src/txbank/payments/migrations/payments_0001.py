"""Payments with the history of their states, and the opening times of accounts."""

from alembic import op

revision = "payments_0001"
down_revision = None

_TABLES = """
-- A copy of what the accounts service published.
CREATE TABLE known_accounts (
    account_id  text PRIMARY KEY,
    currency    text NOT NULL,
    opened_at   timestamptz NOT NULL
);

CREATE TABLE payments (
    payment_id     text PRIMARY KEY,
    account_id     text NOT NULL,
    amount         bigint NOT NULL CHECK (amount > 0),
    currency       text NOT NULL,
    bank_account   text NOT NULL,
    balance_check  text NOT NULL CHECK (balance_check IN ('platform', 'fallback')),
    state          text NOT NULL CHECK (state IN ('accepted', 'held', 'refused', 'returned')),
    submitted_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX payments_of_account ON payments (account_id, submitted_at, payment_id);
CREATE INDEX payments_in_state ON payments (state, submitted_at, payment_id);

-- The history of a payment's states. Number 1 is the result of the risk check.
CREATE TABLE payment_states (
    payment_id  text NOT NULL REFERENCES payments,
    number      integer NOT NULL,
    state       text NOT NULL,
    reason      text,
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (payment_id, number)
);
"""


def upgrade() -> None:
    """Create the tables."""
    op.execute(_TABLES)
